package mask

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/quotedprintable"
	"strings"

	"rtmtgrab/bundle/mask/find"
)

// maxHeader is how much of a header is read at once; what is longer is taken for text.
const maxHeader = 256 << 10

// maxParts is how deep parts may lie in each other.
const maxParts = 50

// A mailer takes a mail apart, has a pass look at each part with its encoding undone, and
// puts it together again. Boundaries, the order of headers and their names stay.
type mailer struct {
	name   string
	w      io.Writer
	p      pass
	m      *Masker
	lines  *bufio.Reader
	ahead  []byte   // a line that was read and is not done
	bounds []string // of the parts that are open
	deep   int      // mails in each other
	err    error
}

func (m *Masker) mail(name string, w io.Writer, r io.Reader, p pass) error {
	return m.mailIn(0, name, w, r, p)
}

// mailIn is mail for one that lies in so many others.
func (m *Masker) mailIn(deep int, name string, w io.Writer, r io.Reader, p pass) error {
	ml := &mailer{deep: deep, name: name, w: w, p: p, m: m, lines: bufio.NewReaderSize(r, 64<<10)}
	if err := ml.part(); err != nil {
		return err
	}
	for ml.err == nil { // what follows the last boundary, and parts that a boundary begins
		line := ml.line()
		if line == nil {
			break
		}
		n, last := ml.bound(line)
		if n < 0 {
			ml.ahead = line
			if err := ml.p.text(name, Text, w, &body{m: ml}); err != nil {
				return err
			}
			continue
		}
		if err := ml.copyBound(line, n); err != nil {
			return err
		}
		if last {
			ml.bounds = ml.bounds[:n]
			continue
		}
		ml.bounds = ml.bounds[:n+1]
		if err := ml.part(); err != nil {
			return err
		}
	}
	if ml.err != nil && !errors.Is(ml.err, io.EOF) {
		return ml.err
	}
	return nil
}

// line is the next line, or a piece of a long one, in memory of its own; nil: there is none.
func (m *mailer) line() []byte {
	if l := m.ahead; l != nil {
		m.ahead = nil
		return l
	}
	l, err := m.lines.ReadSlice('\n')
	if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
		m.err = err
	}
	if len(l) == 0 {
		return nil
	}
	return bytes.Clone(l)
}

// bound is which of the open boundaries a line is, -1 for none, and whether it is the last.
func (m *mailer) bound(line []byte) (n int, last bool) {
	if !bytes.HasPrefix(line, []byte("--")) {
		return -1, false
	}
	l := string(bytes.TrimRight(line[2:], " \t\r\n"))
	for i := len(m.bounds) - 1; i >= 0; i-- {
		if l == m.bounds[i] || l == m.bounds[i]+"--" {
			return i, l != m.bounds[i]
		}
	}
	return -1, false
}

// copyBound writes a boundary as its header has it after masking.
func (m *mailer) copyBound(line []byte, n int) error {
	return m.p.text(m.name, Text, m.w, bytes.NewReader(line))
}

// A partHeader is what a part's header says of its body.
type partHeader struct {
	kind     string // text/plain
	params   map[string]string
	encoding string
}

// part reads a header, and the body up to the next boundary.
func (m *mailer) part() error {
	head, whole := m.header()
	h := readHeader(head)
	if err := m.p.text(m.name, Text, m.w, bytes.NewReader(undoWords(head))); err != nil {
		return err
	}
	if !whole {
		return nil
	}
	b := h.params["boundary"]
	switch {
	case strings.HasPrefix(h.kind, "multipart/") && b != "" && len(m.bounds) < maxParts:
		m.bounds = append(m.bounds, b)
		return nil
	case h.kind == "message/rfc822" && h.encoding != "base64" && h.encoding != "quoted-printable" && m.deep < maxParts:
		m.deep++
		return m.part()
	}
	return m.body(h, bytes.Contains(head, []byte("\r\n")))
}

// header reads up to the empty line, which is in it. False: there is none.
func (m *mailer) header() (head []byte, whole bool) {
	for len(head) < maxHeader {
		l := m.line()
		if l == nil {
			return head, false
		}
		if n, _ := m.bound(l); n >= 0 {
			m.ahead = l
			return head, false
		}
		head = append(head, l...)
		if len(bytes.TrimRight(l, "\r\n")) == 0 {
			return head, true
		}
	}
	return head, false
}

func readHeader(head []byte) partHeader {
	h := partHeader{kind: "text/plain"}
	var unfolded []byte
	for l := range bytes.Lines(head) {
		if len(l) > 0 && l[0] != ' ' && l[0] != '\t' {
			unfolded = append(unfolded, '\n')
		}
		unfolded = append(unfolded, bytes.TrimRight(l, "\r\n")...)
	}
	for l := range bytes.Lines(unfolded) {
		name, value, ok := bytes.Cut(bytes.TrimSpace(l), []byte(":"))
		if !ok {
			continue
		}
		switch v := string(bytes.TrimSpace(value)); strings.ToLower(string(bytes.TrimSpace(name))) {
		case "content-type":
			if kind, params, err := mime.ParseMediaType(v); err == nil || kind != "" {
				h.kind, h.params = kind, params
			}
		case "content-transfer-encoding":
			h.encoding = strings.ToLower(v)
		}
	}
	return h
}

// body has the pass look at a part's body, its encoding undone.
func (m *mailer) body(h partHeader, crlf bool) error {
	b := &body{m: m}
	end := "\n"
	if crlf {
		end = "\r\n"
	}
	switch h.encoding {
	case "base64":
		out := &wrapped{w: m.w, end: end}
		enc := base64.NewEncoder(base64.StdEncoding, out)
		err := m.content(h, enc, base64.NewDecoder(base64.StdEncoding, &only64{r: b}))
		return errors.Join(err, enc.Close(), out.close(), b.drain())
	case "quoted-printable":
		enc := quotedprintable.NewWriter(m.w)
		if !crlf {
			enc = quotedprintable.NewWriter(&withoutCR{m.w})
		}
		err := m.content(h, enc, &fromQuoted{b: b})
		return errors.Join(err, enc.Close(), b.drain())
	}
	return m.content(h, m.w, b)
}

// content masks a decoded body by its type. What is no text is left out.
func (m *mailer) content(h partHeader, w io.Writer, r io.Reader) error {
	kind := Text
	charset := strings.ToLower(h.params["charset"])
	binary := h.encoding == "base64" && !strings.HasPrefix(h.kind, "text/") || strings.HasPrefix(charset, "utf-16") || strings.HasPrefix(charset, "utf-32") || charset == "utf-7"
	switch {
	case h.kind == "text/html":
		kind = HTML
	case h.kind == "text/csv":
		kind = CSV
	case strings.HasSuffix(h.kind, "json"), strings.HasSuffix(h.kind, "xml"):
		binary = strings.HasPrefix(charset, "utf-16")
	case h.kind == "message/rfc822" && m.deep < maxParts:
		if _, search := m.p.(searching); search {
			w = io.Discard
		}
		return m.m.mailIn(m.deep+1, m.name, w, r, m.p)
	}
	if !binary {
		return m.p.text(m.name, kind, w, r)
	}
	if _, err := io.Copy(io.Discard, r); err != nil {
		var bad base64.CorruptInputError
		if !errors.As(err, &bad) && !errors.Is(err, io.ErrUnexpectedEOF) {
			return err
		}
	}
	if _, ok := m.p.(masking); ok {
		m.m.count(&[find.Rules]int64{find.RuleBinary: 1})
		_, err := fmt.Fprintf(w, "left out when this mail was masked: %s\n", h.kind)
		return err
	}
	return nil
}

// body reads the lines up to the next boundary.
type body struct {
	m    *mailer
	rest []byte // of a line
}

// next reads a line; false: the part ends.
func (b *body) next() bool {
	l := b.m.line()
	if l == nil {
		return false
	}
	if n, _ := b.m.bound(l); n >= 0 {
		b.m.ahead = l
		return false
	}
	b.rest = l
	return true
}

func (b *body) Read(p []byte) (n int, err error) {
	for n < len(p) {
		if len(b.rest) == 0 && !b.next() {
			break
		}
		k := copy(p[n:], b.rest)
		b.rest = b.rest[k:]
		n += k
	}
	switch {
	case n > 0 || len(p) == 0:
		return n, nil
	case b.m.err != nil && !errors.Is(b.m.err, io.EOF):
		return 0, b.m.err
	}
	return 0, io.EOF
}

func (b *body) drain() error {
	_, err := io.Copy(io.Discard, b)
	return err
}
