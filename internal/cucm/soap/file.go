package soap

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"io"
	"net/http"
	"regexp"
	"strings"
)

// A File is a file of a node as a stream. Its Read ends with io.EOF only where the node
// ended it. Close ends the connection.
type File struct {
	r     io.Reader
	body  io.Closer
	wrong func(error) error
	err   error
}

func (f *File) Read(b []byte) (int, error) {
	if f.err != nil {
		return 0, f.err
	}
	n, err := f.r.Read(b)
	if err != nil && err != io.EOF {
		err = f.wrong(err)
	}
	f.err = err
	return n, err
}

// Close is io.Closer's.
func (f *File) Close() error { return f.body.Close() }

// File asks for a file: an attachment, XOP, base64 in the envelope, or the bare bytes.
// ctx holds until the file is closed.
func (c *Client) File(ctx context.Context, t Target, r Request) (*File, error) {
	reply, err := c.send(ctx, t, r)
	if err != nil {
		return nil, err
	}
	content, err := c.content(ctx, t, r, reply)
	if err != nil {
		reply.Body.Close()
		return nil, err
	}
	wrong := func(err error) error { return c.answerError(ctx, t, r, reply, err) }
	return &File{r: content, body: reply.Body, wrong: wrong}, nil
}

func (c *Client) content(ctx context.Context, t Target, r Request, reply *http.Response) (io.Reader, error) {
	x, err := c.open(t, r, reply)
	if err != nil {
		return nil, err
	}
	if x.xml == nil {
		if reply.StatusCode != http.StatusOK || x.media == "text/html" || isXML(x.media) && !looksRaw(x.raw) {
			return nil, c.refusal(t, r, reply, page(x.raw))
		}
		return x.raw, nil
	}
	inline, ref, fault, err := reference(x.xml, x.parts != nil)
	switch {
	case fault != nil:
		return nil, c.fault(t, r, reply, fault)
	case err != nil:
		return nil, c.answerError(ctx, t, r, reply, err)
	case reply.StatusCode != http.StatusOK:
		return nil, c.refusal(t, r, reply, "an envelope without a fault")
	case inline != nil:
		return inline, nil
	}
	attached, err := attachment(x.parts, ref)
	if err != nil {
		return nil, c.answerError(ctx, t, r, reply, err)
	}
	return attached, nil
}

// looksRaw: a body that is said to be XML, is no envelope, and does not begin with < is a
// file whose type is told wrongly.
func looksRaw(r io.Reader) bool {
	b, ok := r.(*bufio.Reader)
	if !ok {
		return false
	}
	head, _ := b.Peek(1)
	return len(head) == 0 || head[0] != '<'
}

// maxReference bounds the envelope of a file, up to where the file begins.
const maxReference = 64 << 10

// reference reads the envelope of a file. It holds the file itself in base64, of which
// little is read ahead (inline), or names a part.
func reference(r io.Reader, parts bool) (inline io.Reader, ref string, fault *Fault, err error) {
	b := bufio.NewReaderSize(r, maxReference)
	head, err := b.Peek(maxReference)
	if err != nil && err != io.EOF {
		return nil, "", nil, err
	}
	named := hrefIn(head)
	if at, inline := contentStart(head); inline && named == "" && (!parts || !bytes.HasPrefix(head[at:], []byte("<"))) {
		b.Discard(at)
		return base64.NewDecoder(base64.StdEncoding, &text{r: b}), "", nil, nil
	}
	d := NewDecoder(b, maxFault)
	_, fault, err = body(d)
	switch {
	case fault != nil || err != nil && err != io.EOF:
		return nil, "", fault, err
	case !parts:
		return nil, "", nil, errors.New("the answer has no file in it")
	}
	return nil, named, nil, nil
}

// contentStart is where base64 begins in an envelope: behind the start of a
// GetOneFileReturn that has no element in it. Of an empty file there is none.
func contentStart(head []byte) (at int, found bool) {
	m := returnRE.FindIndex(head)
	if m == nil {
		return 0, false
	}
	if head[m[1]-2] == '/' {
		return m[1], true // what follows is the next tag
	}
	rest := bytes.TrimLeft(head[m[1]:], " \t\r\n")
	if len(rest) == 0 || rest[0] == '<' && !bytes.HasPrefix(rest, []byte("</")) {
		return 0, false
	}
	return m[1], true
}

var returnRE = regexp.MustCompile(`(?i)<(?:[A-Za-z0-9._-]+:)?GetOneFileReturn(?:\s[^<>]*)?/?>`)

// hrefIn is the reference of an envelope to a part, "" if there is none.
func hrefIn(head []byte) string {
	d := xml.NewTokenDecoder(&folded{d: xml.NewDecoder(bytes.NewReader(head))})
	for {
		t, err := d.Token()
		if err != nil {
			return ""
		}
		s, ok := t.(xml.StartElement)
		if !ok {
			continue
		}
		for _, a := range s.Attr {
			if a.Name.Local == "href" {
				if id := cidOf(a.Value); id != "" {
					return id
				}
			}
		}
	}
}

// attachment is the part that an envelope names, or the first behind it if it names none.
func attachment(p *parts, ref string) (io.Reader, error) {
	for {
		q, err := p.next()
		if err == io.EOF {
			return nil, errors.New("the answer has no file in it")
		}
		if err != nil {
			return nil, err
		}
		if ref == "" || q.id == "" || q.id == ref {
			return q.body, nil
		}
	}
}

// text is the text of an element up to the next tag, less white space and references to
// characters, which are line ends in base64. The end of everything before the tag is an
// error: base64 that is cut off looks whole.
type text struct {
	r    *bufio.Reader
	done bool
}

func (t *text) Read(b []byte) (int, error) {
	if t.done {
		return 0, io.EOF
	}
	n := 0
	for n < len(b) {
		if n > 0 && t.r.Buffered() == 0 {
			return n, nil
		}
		c, err := t.r.ReadByte()
		switch {
		case err != nil:
			return n, unexpected(err)
		case c == '<':
			t.done = true
			return n, io.EOF
		case c == '&':
			if err := t.skipReference(); err != nil {
				return n, err
			}
		case strings.IndexByte(" \t\r\n", c) < 0:
			b[n] = c
			n++
		}
	}
	return n, nil
}

func (t *text) skipReference() error {
	for range 10 {
		c, err := t.r.ReadByte()
		if err != nil || c == ';' {
			return unexpected(err)
		}
	}
	return errors.New("a reference to a character without an end")
}
