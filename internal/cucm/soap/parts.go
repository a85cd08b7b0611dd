package soap

import (
	"bufio"
	"encoding/base64"
	"errors"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"
)

// parts are those of a multipart answer.
type parts struct {
	r *multipart.Reader
}

// openParts finds the envelope in the first part.
func (c *Client) openParts(t Target, r Request, reply *http.Response, b *bufio.Reader, params map[string]string) (opened, error) {
	boundary := params["boundary"]
	if boundary == "" || len(boundary) > 200 {
		return opened{}, c.refusal(t, r, reply, "a multipart answer without a boundary")
	}
	p := &parts{multipart.NewReader(b, boundary)}
	part, err := p.next()
	if err != nil {
		return opened{}, c.answerError(reply.Request.Context(), t, r, reply, err)
	}
	head := bufio.NewReaderSize(part.body, sniffed)
	if media, _ := mediaType(part.header.Get("Content-Type")); !isXML(media) && (media != "" || !isEnvelope(head)) {
		return opened{}, c.refusal(t, r, reply, "the first part of the answer is "+line(media)+", not an envelope")
	}
	return opened{xml: head, media: "multipart", parts: p}, nil
}

type part struct {
	header interface{ Get(string) string }
	id     string
	body   io.Reader
}

// next is the next part, whose bytes are exactly those between its head and the CRLF
// before the boundary. The one before it is read to its end.
func (p *parts) next() (part, error) {
	raw, err := p.r.NextRawPart()
	if err != nil {
		return part{}, err
	}
	q := part{header: raw.Header, id: contentID(raw.Header.Get("Content-Id")), body: raw}
	switch coding := strings.ToLower(strings.TrimSpace(raw.Header.Get("Content-Transfer-Encoding"))); coding {
	case "", "binary", "8bit", "7bit":
	case "base64":
		q.body = base64.NewDecoder(base64.StdEncoding, raw)
	default:
		return part{}, errors.New("a part in " + line(coding))
	}
	return q, nil
}

func contentID(s string) string {
	return strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(s), "<"), ">")
}

// cidOf is the Content-ID that a reference names: "cid:…", percent-encoded; "" if it is
// none.
func cidOf(href string) string {
	id, found := cutPrefixFold(strings.TrimSpace(href), "cid:")
	if !found {
		return ""
	}
	if plain, err := url.PathUnescape(id); err == nil {
		id = plain
	}
	return contentID(id)
}

func cutPrefixFold(s, prefix string) (string, bool) {
	if len(s) < len(prefix) || !strings.EqualFold(s[:len(prefix)], prefix) {
		return s, false
	}
	return s[len(prefix):], true
}
