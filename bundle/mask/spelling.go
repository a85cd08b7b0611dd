package mask

import "bytes"

func isUpper(c byte) bool { return c >= 'A' && c <= 'Z' }

func isLower(c byte) bool { return c >= 'a' && c <= 'z' }

func isHex(c byte) bool { return c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'f' }

// respell appends the hexadecimal digits of as in the spelling of raw.
func respell(to, raw []byte, as string) []byte {
	upper := bytes.ContainsFunc(raw, func(r rune) bool { return r < 0x80 && isUpper(byte(r)) })
	if !upper && !bytes.ContainsFunc(raw, func(r rune) bool { return r < 0x80 && isLower(byte(r)) }) {
		upper = len(to) > 0 && isUpper(to[len(to)-1]) // SEP001122334455
	}
	n := 0
	for _, c := range raw {
		if isHex(c) && n < len(as) {
			c = as[n]
			if upper && c >= 'a' {
				c -= 'a' - 'A'
			}
			n++
		}
		to = append(to, c)
	}
	return to
}

// recase appends a name with capitals where raw has them.
func recase(out, raw []byte, as string) []byte {
	for i := range len(as) {
		c := as[i]
		if isUpper(raw[min(i, len(raw)-1)]) && isLower(c) {
			c -= 'a' - 'A'
		}
		out = append(out, c)
	}
	return out
}
