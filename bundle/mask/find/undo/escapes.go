// Package undo undoes how one text is written into another: escapes of URIs, XML, JSON and
// syslog, quoted-printable, base64.
//
// What it undoes of escapes tells of each byte where it stood, so that what is found in the
// plain text can be replaced in the written one. It takes any bytes, and is pure. It does not
// know what is looked for.
package undo

import (
	"bytes"
	"unicode/utf8"
)

// A View is a text with escapes undone: its byte k stands for From[k] to From[k+1].
type View struct {
	B    []byte
	From []int32
}

func (v *View) put(at int, b ...byte) {
	for _, c := range b {
		v.B = append(v.B, c)
		v.From = append(v.From, int32(at))
	}
}

// Escapes undoes %XX, &name; and &#N;, backslashes, those of patterns too, and #012 of syslog.
func Escapes(b []byte) View {
	v := View{B: make([]byte, 0, len(b)), From: make([]int32, 0, len(b)+1)}
	for i := 0; i < len(b); {
		n := EscapeAt(b, i)
		if n == 0 {
			v.put(i, b[i])
			i++
			continue
		}
		v.put(i, meant(b[i:i+n])...)
		i += n
	}
	v.From = append(v.From, int32(len(b)))
	return v
}

// EscapeAt is how long the escape at i is; 0: there is none.
func EscapeAt(b []byte, i int) int {
	rest := b[i:]
	switch {
	case len(rest) < 2:
	case rest[0] == '%':
		if len(rest) >= 3 && isHex(rest[1]) && isHex(rest[2]) {
			return 3
		}
	case rest[0] == '#':
		if bytes.HasPrefix(rest, []byte("#01")) && len(rest) >= 4 && (rest[3] == '1' || rest[3] == '2' || rest[3] == '5') {
			return 4
		}
	case rest[0] == '\\':
		return backslash(rest)
	case rest[0] == '&':
		end := bytes.IndexByte(rest[:min(len(rest), 10)], ';')
		if end > 1 && meant(rest[:end+1]) != nil {
			return end + 1
		}
	}
	return 0
}

func backslash(rest []byte) int {
	switch c := rest[1]; {
	case c == 'u' && len(rest) >= 6 && isHex(rest[2]) && isHex(rest[3]) && isHex(rest[4]) && isHex(rest[5]):
		return 6
	case c == 'x' && len(rest) >= 4 && isHex(rest[2]) && isHex(rest[3]):
		return 4
	case bytes.IndexByte([]byte(`nrt"'/\.-@`), c) >= 0: // the last three in patterns, such as (.*)@example\.com
		return 2
	}
	return 0
}

var entities = map[string]byte{"amp": '&', "lt": '<', "gt": '>', "quot": '"', "apos": '\'', "nbsp": ' ', "commat": '@', "period": '.', "colon": ':', "hyphen": '-', "sol": '/', "equals": '=', "lowbar": '_'}

// meant is what an escape stands for.
func meant(e []byte) []byte {
	switch e[0] {
	case '%':
		return []byte{unhex(e[1])<<4 | unhex(e[2])}
	case '#':
		return []byte{(e[2]-'0')<<3 | (e[3] - '0')}
	case '\\':
		switch e[1] {
		case 'n':
			return []byte{'\n'}
		case 'r':
			return []byte{'\r'}
		case 't':
			return []byte{'\t'}
		case 'u', 'x':
			return runeOf(e[2:], 16)
		}
		return e[1:2]
	}
	name := e[1 : len(e)-1]
	if name[0] != '#' {
		if c, ok := entities[string(name)]; ok {
			return []byte{c}
		}
		return nil
	}
	if name = name[1:]; len(name) > 1 && name[0]|0x20 == 'x' {
		return runeOf(name[1:], 16)
	}
	return runeOf(name, 10)
}

func runeOf(digits []byte, base rune) []byte {
	r := rune(0)
	for _, c := range digits {
		if base == 10 && (c < '0' || c > '9') || !isHex(c) || r > utf8.MaxRune {
			return nil
		}
		r = r*base + rune(unhex(c))
	}
	if len(digits) == 0 || r == 0 {
		return nil
	}
	return utf8.AppendRune(nil, r)
}

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'f'
}

func isLetter(c byte) bool {
	return c|0x20 >= 'a' && c|0x20 <= 'z' || c >= 0x80
}

func unhex(c byte) byte {
	if c <= '9' {
		return c - '0'
	}
	return c&15 + 9
}

// HidesName reports whether the = at i is the first of quoted-printable that may hide a
// name: a sign that names have in them, or several bytes on end, are escaped.
func HidesName(b []byte, i int) bool {
	if !quotedAt(b, i) {
		return false
	}
	switch unhex(b[i+1])<<4 | unhex(b[i+2]) {
	case '.', ':', '-', '_', '=', '/':
		return true
	case '@', ' ': // Code=401, CSeq=200
		return i+3 < len(b) && isLetter(b[i+3])
	}
	return quotedAt(b, i+3)
}

func quotedAt(b []byte, i int) bool {
	return i+2 < len(b) && b[i] == '=' && isHex(b[i+1]) && isHex(b[i+2]) && b[i+1] < 'a' && b[i+2] < 'a'
}

// Quoted undoes =XX.
func Quoted(b []byte) View {
	v := View{B: make([]byte, 0, len(b)), From: make([]int32, 0, len(b)+1)}
	for i := 0; i < len(b); {
		if quotedAt(b, i) {
			v.put(i, unhex(b[i+1])<<4|unhex(b[i+2]))
			i += 3
			continue
		}
		v.put(i, b[i])
		i++
	}
	v.From = append(v.From, int32(len(b)))
	return v
}
