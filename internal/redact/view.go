package redact

import (
	"bytes"
	"html"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// A view is a text as it looks when it is decoded in some way: each byte knows the bytes
// of the text that it comes from.
type view struct {
	b        []byte
	from, to []int
	cut      bool // its end is the text's end
}

func plainView(s string) view {
	v := view{cut: true}
	for i := range len(s) {
		v.add(s[i], i, i+1)
	}
	return v
}

func (v *view) add(c byte, from, to int) {
	v.b, v.from, v.to = append(v.b, c), append(v.from, from), append(v.to, to)
}

// escapes are what escapes begin with.
const escapes = `%\&`

// unescaped is a view with its escapes resolved that begin with one of signs, and whether
// there were any. An escape that the end cuts off is left out.
func (v view) unescaped(signs string) (next view, changed bool) {
	if !bytes.ContainsAny(v.b, signs) {
		return view{}, false
	}
	next.cut = v.cut
	for i := 0; i < len(v.b); {
		n, text := 0, []byte(nil)
		if strings.IndexByte(signs, v.b[i]) >= 0 {
			n, text = escape(v.b[i:])
		}
		if n == 0 {
			next.add(v.b[i], v.from[i], v.to[i])
			i++
			continue
		}
		changed = true
		for _, c := range text {
			next.add(c, v.from[i], v.to[i+n-1])
		}
		i += n
	}
	return next, changed
}

// escape is what the escape that b begins with stands for, and how long it is; 0: it
// begins with none.
func escape(b []byte) (n int, text []byte) {
	switch b[0] {
	case '%':
		return hexEscape(b, 1, 2)
	case '\\':
		return backslash(b)
	case '&':
		return entity(b)
	}
	return 0, nil
}

// hexEscape is an escape of digits hexadecimal digits from b[at] on.
func hexEscape(b []byte, at, digits int) (n int, text []byte) {
	end := min(at+digits, len(b))
	for _, c := range b[at:end] {
		if !isHex(c) {
			return 0, nil
		}
	}
	if end < at+digits {
		return len(b), nil // cut off
	}
	x, err := strconv.ParseUint(string(b[at:end]), 16, 32)
	if err != nil {
		return 0, nil
	}
	if digits == 2 {
		return end, []byte{byte(x)}
	}
	return end, utf8.AppendRune(nil, rune(x))
}

// simple are the escapes of a letter.
var simple = map[byte]byte{'n': '\n', 'r': '\r', 't': '\t', 'b': '\b', 'f': '\f', 'v': '\v', 'a': '\a', '0': 0}

// backslash is an escape of JSON, Go or C.
func backslash(b []byte) (n int, text []byte) {
	if len(b) == 1 {
		return 1, nil // cut off
	}
	switch c := b[1]; c {
	case 'x':
		return hexEscape(b, 2, 2)
	case 'u':
		return unicodeEscape(b)
	case 'U':
		return hexEscape(b, 2, 8)
	case '"', '\'', '\\', '/':
		return 2, []byte{c}
	default:
		if s, ok := simple[c]; ok {
			return 2, []byte{s}
		}
	}
	return 0, nil
}

// unicodeEscape is \uXXXX, or two of them that are one character.
func unicodeEscape(b []byte) (n int, text []byte) {
	n, text = hexEscape(b, 2, 4)
	if n != 6 || !bytes.HasPrefix(b[n:], []byte(`\u`)) {
		return n, text
	}
	second, _ := hexEscape(b[n:], 2, 4)
	if second != 6 {
		return n, text
	}
	high, _ := strconv.ParseUint(string(b[2:6]), 16, 32)
	low, _ := strconv.ParseUint(string(b[n+2:n+6]), 16, 32)
	if r := utf16.DecodeRune(rune(high), rune(low)); r != utf8.RuneError {
		return n + second, utf8.AppendRune(nil, r)
	}
	return n, text
}

const longestEntity = 10

// entity is a character reference of HTML.
func entity(b []byte) (n int, text []byte) {
	end := bytes.IndexByte(b[:min(len(b), longestEntity)], ';')
	if end < 0 {
		if len(b) < longestEntity && !bytes.ContainsFunc(b[1:], func(r rune) bool { return r != '#' && !unicode.IsLetter(r) && !unicode.IsDigit(r) }) {
			return len(b), nil // cut off
		}
		return 0, nil
	}
	s := html.UnescapeString(string(b[:end+1]))
	if s == string(b[:end+1]) {
		return 0, nil
	}
	return end + 1, []byte(s)
}

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}
