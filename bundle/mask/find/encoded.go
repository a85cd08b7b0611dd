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
func run64(b []byte, from int) int {
	i := from
	for i < len(b) && (kinds[b[i]]&isAlnum != 0 && b[i] < 0x80 || b[i] == '+' || b[i] == '/') {
		i++
	}
	for n := 0; i < len(b) && b[i] == '=' && n < 2; n++ {
		i++
	}
	return i
}

// decode undoes base64, if that is text.
func decode(w []byte) (text []byte, enc *base64.Encoding, ok bool) {
	enc = base64.StdEncoding
	if bytes.IndexByte(w, '-') >= 0 || bytes.IndexByte(w, '_') >= 0 {
		enc = base64.URLEncoding
	}
	if w[len(w)-1] != '=' {
		enc = enc.WithPadding(base64.NoPadding)
	}
	text = make([]byte, enc.DecodedLen(len(w)))
	n, err := enc.Decode(text, w)
	return text[:n], enc, err == nil && plain(text[:n], false)
}
