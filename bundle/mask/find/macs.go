package find

import "bytes"

// written finds SEP00EBD5D5D8E8, 00-eb-d5-d5-d8-e8, 00eb.d5d5.d8e8, the node of a UUID that
// has nothing else, and the beginning of a Call-ID as phones make it.
// from is to: there is none.
func written(w []byte, flags uint8) (from, to int) {
	switch {
	case flags&isLetter == 0 && flags&(isDot|isDash) == 0:
	case len(w) >= 15 && macDevice(w):
		return 3, 15
	case len(w) == 17 && pairs(w, '-'):
		return 0, 17
	case len(w) >= 14 && (len(w) == 14 || kinds[w[14]]&isAlnum == 0) && w[4] == '.' && w[9] == '.' && isHexes(w[:4]) && isHexes(w[5:9]) && isHexes(w[10:14]):
		return 0, 14
	case len(w) == 36 && bytes.HasPrefix(w, []byte("00000000-0000-0000-0000-")):
		if isHexes(w[24:]) && !bytes.Equal(w[24:], []byte("000000000000")) {
			return 24, 36
		}
	case len(w) == 35 && w[8] == '-' && w[17] == '-' && w[26] == '-' && isHexes(w[:8]) && isHexes(w[9:17]):
		if isHexes(w[9:13]) && unhex(w[1])&1 == 0 && !(zeros(w[:8]) && zeros(w[9:13])) { // as expressway.MACOfCallID has it
			return 0, 13
		}
	}
	return 0, 0
}

// macDevice reports whether a word begins with a device's name that is its MAC address.
func macDevice(w []byte) bool {
	if len(w) > 15 && kinds[w[15]]&isAlnum != 0 {
		return false
	}
	switch lower(w[0]) {
	case 's', 'a':
		var buf [3]byte
		p := string(appendLower(buf[:0], w[:3]))
		return (p == "sep" || p == "ata") && isHexes(w[3:15])
	}
	return false
}

func pairs(w []byte, sep byte) bool {
	for i, c := range w {
		if i%3 == 2 {
			if c != sep {
				return false
			}
		} else if !isHex(c) {
			return false
		}
	}
	return true
}

func zeros(b []byte) bool {
	for _, c := range b {
		if c != '0' {
			return false
		}
	}
	return true
}

func isHexes(b []byte) bool { return all(b, isDigit|isAF) }

// macsIn calls found for known addresses wherever twelve digits stand on end in b[from:to],
// dots, dashes and colons between any of them.
func (d *Dictionary) macsIn(b []byte, from, to int, found func(from, to int)) {
	var v uint64
	n := 0
	for i, c := range b[from:to] {
		if x := nibbles[c]; x < 16 {
			v = v<<4 | uint64(x)
			if n++; n >= 12 && d.hasMAC(v&(1<<48-1)) {
				found(digitsBack(b, from+i, 12), from+i+1)
				n = 0
			}
		} else if x == noNibble || i == 0 || nibbles[b[from+i-1]] > 15 {
			n = 0
		}
	}
}

// digitsBack is where the last n digits begin that end at i.
func digitsBack(b []byte, i, n int) int {
	for ; ; i-- {
		if nibbles[b[i]] < 16 {
			if n--; n == 0 {
				return i
			}
		}
	}
}

// nibbles is what hexadecimal digits stand for, and what may part them.
var nibbles = func() (t [256]uint8) {
	for c := range t {
		switch b := byte(c); {
		case isHex(b):
			t[c] = unhex(b)
		case b == '.' || b == '-' || b == ':':
			t[c] = parts
		default:
			t[c] = noNibble
		}
	}
	return t
}()

const (
	parts = 16 + iota
	noNibble
)

// macKey is an address in any spelling as a number.
func macKey(b []byte) (v uint64, ok bool) {
	n := 0
	for _, c := range b {
		if isHex(c) {
			v = v<<4 | uint64(unhex(c))
			n++
		}
	}
	return v, n == 12
}

// canonicalMAC appends an address in any spelling as twelve digits in lower case.
func canonicalMAC(to, b []byte) []byte {
	for _, c := range b {
		if isHex(c) {
			to = append(to, lower(c))
		}
	}
	return to
}

func isHex(c byte) bool { return kinds[c]&(isDigit|isAF) != 0 }

func unhex(c byte) byte {
	if c <= '9' {
		return c - '0'
	}
	return c&15 + 9
}
