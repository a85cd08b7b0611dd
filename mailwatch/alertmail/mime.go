package alertmail

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"errors"
	"io"
	"mime"
	"mime/quotedprintable"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/emersion/go-message"
	"github.com/emersion/go-message/charset"
	"golang.org/x/text/encoding/charmap"

	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/mailheader"
)

// Limits on what is read out of one mail.
const (
	maxText   = 256 << 10 // decoded text, bytes; RTMT's are of some KiB
	maxLevels = 10        // multiparts in multiparts
	maxParts  = 100
	maxNotes  = 10
)

// A letter is what a mail says, decoded as far as it can be.
type Letter struct {
	mailheader.Header
	Text  string   // plain parts, then HTML parts as text, then the mail as it is if any of it could not be read
	notes []string // what could not be read, for people
}

func (l *Letter) note(s string) {
	if len(l.notes) < maxNotes {
		l.notes = append(l.notes, evidence.Printable(s, 200))
	}
}

// ReadLetter reads a mail. Nothing is too broken: what cannot be decoded stays
// in the text as it came.
func ReadLetter(raw []byte) *Letter {
	raw = raw[:min(len(raw), MaxRaw)]
	l := &Letter{Header: mailheader.Read(raw)}
	text, html, err := parts(l.Clean, l.Body)
	if err != nil {
		l.note("the mail could not be decoded as a whole: " + err.Error())
	}
	if l.Dropped {
		l.note("the mail's header has invalid lines")
	}
	all := []string{text, html}
	if err != nil || l.Dropped || strings.TrimSpace(text+html) == "" {
		rest := l.Body
		if l.Dropped {
			rest = raw
		}
		all = append(all, asIs(rest))
	}
	l.Text = cut(strings.Join(all, "\n"), maxText)
	return l
}

var (
	errDeep = errors.New("parts nested too deep")
	errMany = errors.New("too many parts")
)

// parts returns the mail's text, from its plain parts and from its HTML parts.
// With an error it returns what came before.
func parts(header, body []byte) (text, html string, err error) {
	var c content
	err = c.read(header, body, 0)
	return lines(c.plain.String()), htmlText(c.marked.String()), err
}

// content is what was read of a mail so far, and of the mails in it.
type content struct {
	plain, marked strings.Builder
	parts         int
}

// read reads a mail that stands in so many others.
func (c *content) read(header, body []byte, level int) error {
	e, flaw := message.Read(io.MultiReader(bytes.NewReader(header), bytes.NewReader(body)))
	if e == nil {
		return flaw
	}
	err := e.Walk(func(path []int, part *message.Entity, err error) error {
		if c.parts++; c.parts > maxParts {
			return errMany
		}
		bad := c.take(part, level+len(path))
		if errors.Is(bad, errMany) || errors.Is(bad, errDeep) {
			return bad
		}
		flaw = cmp.Or(flaw, err, bad) // the first that could not be decoded
		return nil
	})
	return cmp.Or(err, flaw)
}

// noText are the types of parts that are no text. What is of no type at all may be.
var noText = regexp.MustCompile(`^(application|audio|font|image|model|video)/`)

// take reads a part that stands in so many others.
func (c *content) take(part *message.Entity, level int) error {
	kind, _, _ := part.Header.ContentType()
	if strings.HasPrefix(kind, "multipart/") {
		if level >= maxLevels {
			return errDeep
		}
		return nil
	}
	if noText.MatchString(kind) {
		return nil
	}
	b, err := io.ReadAll(io.LimitReader(part.Body, int64(maxText-c.plain.Len()-c.marked.Len())))
	switch kind {
	case "message/rfc822", "message/global": // a mail that was forwarded
		if level >= maxLevels {
			return errDeep
		}
		h := mailheader.Read(b)
		c.plain.WriteString(legible(h.Clean) + Decoded(h.First("subject")) + "\n")
		err = cmp.Or(c.read(h.Clean, h.Body, level+1), err)
	case "text/html":
		c.marked.WriteString(legible(b) + "\n")
	default:
		c.plain.WriteString(legible(b) + "\n")
	}
	if c.plain.Len()+c.marked.Len() >= maxText {
		return errMany
	}
	return err
}

// asIs is text that could not be decoded, with quoted-printable and base64 undone as far
// as they go and tags left out: the last resort.
func asIs(b []byte) string {
	b = b[:min(len(b), maxText)]
	text := lines(legible(b))
	if bytes.Contains(b, []byte("=\n")) || bytes.Contains(b, []byte("=\r\n")) || bytes.Contains(b, []byte("=20")) {
		if q, _ := io.ReadAll(quotedprintable.NewReader(bytes.NewReader(b))); len(q) > 0 {
			text += "\n" + lines(legible(q))
		}
	}
	text += unbase64(b)
	if strings.Contains(text, "</") {
		text += "\n" + htmlText(text)
	}
	return text
}

var base64RE = regexp.MustCompile(`^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{4}|[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{2}==)$`)

// unbase64 is the text of the lines that are base64, whatever was said of them: a banner that was put before
// the text has padding of its own, at which decoders stop.
func unbase64(b []byte) string {
	var out strings.Builder
	var run []byte
	end := func() {
		if len(run) >= 40 { // else it may be a word
			n, _ := base64.StdEncoding.Decode(run, run)
			out.WriteString("\n" + lines(legible(run[:n])))
		}
		run = run[:0]
	}
	for line := range bytes.Lines(b) {
		line = bytes.TrimSpace(line)
		if !base64RE.Match(line) {
			end()
			continue
		}
		if run = append(run, line...); line[len(line)-1] == '=' {
			end()
		}
	}
	end()
	return out.String()
}

// legible makes UTF-8 of bytes without a known character set.
func legible(b []byte) string {
	if utf8.Valid(b) {
		return string(b)
	}
	s, err := charmap.Windows1252.NewDecoder().Bytes(b)
	if err != nil {
		return strings.ToValidUTF8(string(b), "?")
	}
	return string(s)
}

var lineEnds = strings.NewReplacer("\r\n", "\n", "\r", "\n", "#015#012", "\n", "#012", "\n", "#011", "\t", "\u00a0", " ")

// lines makes every kind of line end a "\n": CR LF, and the "#012" of syslog.
func lines(s string) string { return lineEnds.Replace(s) }

// Decoded is a header field's value without encoded words.
func Decoded(v string) string {
	v = legible([]byte(cut(v, 20000)))
	dec := mime.WordDecoder{CharsetReader: charset.Reader}
	if s, err := dec.DecodeHeader(v); err == nil {
		v = s
	}
	return strings.ToValidUTF8(v, "?")
}

// cut is s, at most limit bytes of it and no half rune at its end.
func cut(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	for limit > 0 && !utf8.RuneStart(s[limit]) {
		limit--
	}
	return s[:limit]
}
