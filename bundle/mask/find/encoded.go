package find

import (
	"bytes"
	"encoding/base64"
	"unicode/utf8"
)

// A coding is what is in base64, and how it was made.
type Coding struct {
	Enc  *base64.Encoding
	Hits []Hit
}

// encoded looks at a word that may be base64, or a token of JSON's kind, and returns where to
// go on; 0: it is none that matters.
func (s *scanner) encoded(from, to int, flags uint8) int {
	w := s.b[from:to]
	if w[0] == 'e' && bytes.HasPrefix(w, []byte("eyJ")) && flags&isDot != 0 && len(w) > 20 {
		s.out(ruleToken, from, to)
		return to
	}
	if s.depth >= maxDepth || flags&isDot != 0 || bytes.HasPrefix(w, []byte("z9hG4bK")) {
		return 0
	}
	if !readable(w, flags&isDash != 0) {
		return 0
	}
	if end := s.run64(from); end > to {
		if s.nested(from, end) {
			return end
		}
	}
	end := to
	for end < len(s.b) && s.b[end] == '=' && end-to < 2 {
		end++
	}
	if s.nested(from, end) {
		return end
	}
	return 0
}

// readable reports whether the beginning of a word is base64 of text, at little cost.
func readable(w []byte, url bool) bool {
	enc := base64.RawStdEncoding
	if url {
		enc = base64.RawURLEncoding
	}
	n := min(len(w), 16) &^ 3
	var buf [12]byte
	m, err := enc.Decode(buf[:], w[:n])
	return err == nil && plain(buf[:m], true)
}

// plain reports whether bytes are text. At the end of a cut one a rune may be cut, too.
func plain(b []byte, cut bool) bool {
	for len(b) > 0 {
		if c := b[0]; c < 0x20 && c != '\t' && c != '\r' && c != '\n' || c == 0x7f {
			return false
		}
		r, n := utf8.DecodeRune(b)
		if r == utf8.RuneError && n == 1 {
			return cut && !utf8.FullRune(b)
		}
		b = b[n:]
	}
	return true
}

// run64 is where the run of signs of base64 at from ends.
func (s *scanner) run64(from int) int {
	i := from
	for i < len(s.b) && (kinds[s.b[i]]&isAlnum != 0 && s.b[i] < 0x80 || s.b[i] == '+' || s.b[i] == '/') {
		i++
	}
	for n := 0; i < len(s.b) && s.b[i] == '=' && n < 2; n++ {
		i++
	}
	return i
}

// nested looks into base64 and takes it for a hit if there are hits in it.
func (s *scanner) nested(from, to int) bool {
	w := s.b[from:to]
	enc := base64.StdEncoding
	if bytes.IndexByte(w, '-') >= 0 || bytes.IndexByte(w, '_') >= 0 {
		enc = base64.URLEncoding
	}
	if w[len(w)-1] != '=' {
		enc = enc.WithPadding(base64.NoPadding)
	}
	text := make([]byte, enc.DecodedLen(len(w)))
	n, err := enc.Decode(text, w)
	if err != nil || !plain(text[:n], false) {
		return false
	}
	child := scanner{Options: s.Options, b: text[:n]}
	child.Log, child.Columns = false, nil
	child.depth++
	child.run()
	if len(child.hits) == 0 {
		return false
	}
	s.put(Hit{From: int32(from), To: int32(to), Class: Coded, Rule: ruleKnown, V: text[:n], Coded: &Coding{enc, child.hits}})
	return true
}
