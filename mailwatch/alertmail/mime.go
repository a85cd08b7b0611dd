package alertmail

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"mime/quotedprintable"
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
	var plain, marked strings.Builder
	e, flaw := message.Read(io.MultiReader(bytes.NewReader(header), bytes.NewReader(body)))
	if e == nil {
		return "", "", flaw
	}
	n := 0 // parts; flaw becomes the first that could not be decoded
	err = e.Walk(func(path []int, part *message.Entity, err error) error {
		if n++; n > maxParts {
			return errMany
		}
		if err != nil && flaw == nil {
			flaw = err
		}
		kind, _, _ := part.Header.ContentType()
		if strings.HasPrefix(kind, "multipart/") {
			if len(path) >= maxLevels {
				return errDeep
			}
			return nil
		}
		if kind != "" && !strings.HasPrefix(kind, "text/") && !strings.HasPrefix(kind, "message/") {
			return nil
		}
		to := &plain
		if kind == "text/html" {
			to = &marked
		}
		b, err := io.ReadAll(io.LimitReader(part.Body, int64(maxText-plain.Len()-marked.Len())))
		to.WriteString(legible(b) + "\n")
		if err != nil && flaw == nil {
			flaw = err
		}
		if plain.Len()+marked.Len() >= maxText {
			return errMany
		}
		return nil
	})
	if err == nil {
		err = flaw
	}
	return lines(plain.String()), htmlText(marked.String()), err
}

// asIs is text that could not be decoded, with quoted-printable undone as far
// as it goes and tags left out: the last resort.
func asIs(b []byte) string {
	b = b[:min(len(b), maxText)]
	text := lines(legible(b))
	if bytes.Contains(b, []byte("=\n")) || bytes.Contains(b, []byte("=\r\n")) || bytes.Contains(b, []byte("=20")) {
		if q, _ := io.ReadAll(quotedprintable.NewReader(bytes.NewReader(b))); len(q) > 0 {
			text += "\n" + lines(legible(q))
		}
	}
	if strings.Contains(text, "</") {
		text += "\n" + htmlText(text)
	}
	return text
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
