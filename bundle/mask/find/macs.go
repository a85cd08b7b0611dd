package find

import (
	"bytes"

	"rtmtgrab/internal/expressway"
)

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
		if _, ok := expressway.MACOfCallID(string(w)); ok {
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

func isHexes(b []byte) bool { return all(b, isDigit|isAF) }

// macsIn calls found for known addresses wherever twelve digits stand on end in b[from:to],
// dots, dashes and colons between any of them.
func (d *Dictionary) macsIn(b []byte, from, to int, found func(from, to int)) {
	var v uint64
	var at [16]int // where the latest digits stand
	n := 0
	for i := from; i < to; i++ {
		c := b[i]
		switch k := kinds[c]; {
		case k&(isDigit|isAF) != 0:
			v = v<<4 | uint64(unhex(c))
			at[n&15] = i
			n++
			if n >= 12 && d.hasMAC(v&(1<<48-1)) {
				found(at[(n-12)&15], i+1)
				n = 0
			}
		case (k&(isDot|isDash) != 0 && c != '_' || c == ':') && i > from && isHex(b[i-1]):
		default:
			n = 0
		}
	}
}

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
