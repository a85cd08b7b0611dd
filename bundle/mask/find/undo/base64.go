package undo

import (
	"bytes"
	"encoding/base64"
	"unicode/utf8"
)

// values64 is what the signs of base64 stand for, of both kinds; others have none.
var values64 = func() (t [256]uint8) {
	for i := range t {
		t[i] = 0xff
	}
	for i, c := range []byte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789") {
		t[c] = uint8(i)
	}
	t['+'], t['-'], t['/'], t['_'] = 62, 62, 63, 63
	return t
}()

// Readable reports whether the beginning of a word is base64 of text, at little cost.
func Readable(w []byte) bool {
	n := min(len(w), 16) &^ 3
	var buf [12]byte
	m := 0
	for ; len(w) >= 4 && m < n/4*3; w, m = w[4:], m+3 {
		v := uint32(0)
		for _, c := range w[:4] {
			if values64[c] == 0xff {
				return false
			}
			v = v<<6 | uint32(values64[c])
		}
		buf[m], buf[m+1], buf[m+2] = byte(v>>16), byte(v>>8), byte(v)
		if buf[m] < ' ' && !plain(buf[m:m+1], true) {
			return false
		}
	}
	return plain(buf[:m], true)
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

// Run64 is where the run of signs of base64 at from ends.
func Run64(b []byte, from int) int {
	i := from
	for i < len(b) && Is64(b[i]) {
		i++
	}
	for n := 0; i < len(b) && b[i] == '=' && n < 2; n++ {
		i++
	}
	return i
}

// Base64 undoes base64, if that is text.
func Base64(w []byte) (text []byte, enc *base64.Encoding, ok bool) {
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

// Is64 reports whether a byte is a sign of base64.
func Is64(c byte) bool {
	return c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z' || c == '+' || c == '/'
}
