package soap

import (
	"bufio"
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"

	"rtmtgrab/internal/nodehttp"
)

// callLimit is for a whole answer: with the least that a body has to bring, an envelope
// of the largest size is read in it.
const callLimit = 5 * time.Minute

// Call asks for something whose answer is an envelope. read gets a decoder that stands
// behind the start of the first element in its Body, with names folded.
func (c *Client) Call(ctx context.Context, t Target, r Request, read func(d *xml.Decoder, start xml.StartElement) error) error {
	ctx, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	reply, err := c.send(ctx, t, r)
	if err != nil {
		return err
	}
	defer reply.Body.Close()
	x, err := c.open(t, r, reply)
	if err != nil {
		return err
	}
	if x.xml == nil {
		return c.refusal(t, r, reply, page(x.raw))
	}
	d := NewDecoder(x.xml, maxEnvelope)
	start, fault, err := body(d)
	switch {
	case fault != nil && err == nil:
		return c.fault(t, r, reply, fault)
	case reply.StatusCode != http.StatusOK && err == nil:
		return c.refusal(t, r, reply, start.Name.Local)
	case err == io.EOF:
		err = errors.New("the envelope is empty")
	case err == nil:
		if err = read(d, start); err == nil {
			err = drain(d)
		}
	}
	if err != nil {
		return c.answerError(ctx, t, r, reply, err)
	}
	return nil
}

// drain reads to the end of an envelope: one that is cut off is no answer.
func drain(d *xml.Decoder) error {
	for {
		if _, err := d.Token(); err != nil {
			if err == io.EOF {
				return nil
			}
			return err
		}
	}
}

// fault is the error of a SOAP fault, which may come with any status.
func (c *Client) fault(t Target, r Request, reply *http.Response, f *Fault) *Error {
	e := c.err(t, r, f.kind(), nil)
	e.Status, e.Text, e.Sent = reply.StatusCode, f.says(), true
	if k := kindOf(reply.StatusCode); e.Kind == KindFault && k != KindAnswer {
		e.Kind = k
	}
	return e
}

// refusal is the error of an answer that is no envelope.
func (c *Client) refusal(t Target, r Request, reply *http.Response, text string) *Error {
	e := c.err(t, r, kindOf(reply.StatusCode), nil)
	e.Status, e.Text, e.Sent = reply.StatusCode, text, true
	switch {
	case reply.StatusCode >= 300 && reply.StatusCode < 400:
		e.Text = "it sends grab elsewhere, where it does not go: " + line(reply.Header.Get("Location"))
	case e.Kind == KindAnswer:
		e.Text = fmt.Sprintf("status %d, %s: %s", reply.StatusCode, line(reply.Header.Get("Content-Type")), text)
	}
	return e
}

func kindOf(status int) Kind {
	switch status {
	case http.StatusUnauthorized:
		return KindRefused
	case http.StatusForbidden:
		return KindRole
	case http.StatusNotFound:
		return KindService
	case http.StatusTooManyRequests:
		return KindRate
	case http.StatusServiceUnavailable, http.StatusBadGateway, http.StatusGatewayTimeout:
		return KindBusy
	}
	return KindAnswer
}

// answerError is of an answer that broke off or cannot be read.
func (c *Client) answerError(ctx context.Context, t Target, r Request, reply *http.Response, err error) error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	kind := KindAnswer
	switch {
	case errors.Is(err, nodehttp.ErrStalled):
		kind = KindUnreachable
	case ctx.Err() != nil:
		kind, err = KindCanceled, context.Cause(ctx)
	case reply.StatusCode != http.StatusOK:
		kind = kindOf(reply.StatusCode)
	}
	e := c.err(t, r, kind, err)
	e.Status, e.Sent = reply.StatusCode, true
	return e
}

// An opened answer is an envelope, or something else.
type opened struct {
	xml   io.Reader // the envelope; nil: there is none
	raw   io.Reader // the whole body, if there is no envelope
	media string
	parts *parts // behind the envelope; nil: it came alone
}

// open finds the envelope of an answer: by its Content-Type, and by a leading < where that
// says nothing.
func (c *Client) open(t Target, r Request, reply *http.Response) (opened, error) {
	media, params := mediaType(reply.Header.Get("Content-Type"))
	b := bufio.NewReaderSize(reply.Body, sniffed)
	if coding := reply.Header.Get("Content-Encoding"); coding != "" && !strings.EqualFold(coding, "identity") {
		return opened{}, c.refusal(t, r, reply, "with the content encoding "+line(coding))
	}
	switch {
	case media == "application/dime":
		return opened{}, c.refusal(t, r, reply, "answers in DIME are not supported: no sample of one was ever found, please tell us")
	case strings.HasPrefix(media, "multipart/"):
		return c.openParts(t, r, reply, b, params)
	case isXML(media), media == "" || media == "text/plain" || media == "application/octet-stream":
		if isEnvelope(b) {
			return opened{xml: b, media: media}, nil
		}
	}
	return opened{raw: b, media: media}, nil
}

// sniffed is how much of a body is looked at to tell an envelope from a file.
const sniffed = 4 << 10

// isEnvelope looks at the beginning of a body. A file may be XML too.
func isEnvelope(b *bufio.Reader) bool {
	head, _ := b.Peek(sniffed)
	head = bytes.TrimLeft(bytes.TrimPrefix(head, []byte("\xef\xbb\xbf")), " \t\r\n")
	if !bytes.HasPrefix(head, []byte("<")) {
		return false
	}
	return bytes.Contains(head, []byte("Envelope")) && bytes.Contains(head, []byte("http://schemas.xmlsoap.org/soap/envelope/"))
}

func isXML(media string) bool {
	switch media {
	case "text/xml", "application/xml", "application/soap+xml", "application/xop+xml":
		return true
	}
	return false
}

// mediaType reads a Content-Type, also one whose parameters should be in quotes and are
// not: a boundary with = in it.
func mediaType(s string) (media string, params map[string]string) {
	media, params, err := mime.ParseMediaType(s)
	if err == nil {
		return media, params
	}
	pieces := splitOutside(s)
	media, params = strings.ToLower(strings.TrimSpace(pieces[0])), map[string]string{}
	for _, p := range pieces[1:] {
		key, value, _ := strings.Cut(p, "=")
		key, value = strings.ToLower(strings.TrimSpace(key)), strings.TrimSpace(value)
		if len(value) >= 2 && value[0] == '"' && value[len(value)-1] == '"' {
			value = value[1 : len(value)-1]
		}
		if _, twice := params[key]; key != "" && !twice {
			params[key] = value
		}
	}
	return media, params
}

// splitOutside splits at semicolons that are not in quotes.
func splitOutside(s string) []string {
	var pieces []string
	quoted, from := false, 0
	for i := range len(s) {
		switch {
		case s[i] == '"':
			quoted = !quoted
		case s[i] == ';' && !quoted:
			pieces, from = append(pieces, s[from:i]), i+1
		}
	}
	return append(pieces, s[from:])
}
