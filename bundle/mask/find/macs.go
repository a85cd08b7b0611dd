package find

import (
	"bytes"

	"rtmtgrab/internal/expressway"
)

// mac finds the MAC addresses of a word: those that are told by how they are written, and
// those that are known in whatever spelling, with dots and dashes between any digits.
func (s *scanner) mac(from, to int, flags uint8) {
	s.written(from, to, flags)
	if s.Known != nil && len(s.Known.byMAC) > 0 {
		s.rolling(from, to)
	}
}

// written finds SEP00EBD5D5D8E8, 00-eb-d5-d5-d8-e8, 00eb.d5d5.d8e8, the node of a UUID that
// has nothing else, and the beginning of a Call-ID as phones make it.
func (s *scanner) written(from, to int, flags uint8) {
	w := s.b[from:to]
	switch {
	case flags&isLetter == 0 && flags&(isDot|isDash) == 0:
	case len(w) >= 15 && macDevice(w):
		s.add(MACs, ruleMAC, from+3, from+15)
	case len(w) == 17 && pairs(w, '-'):
		s.add(MACs, ruleMAC, from, to)
	case len(w) >= 14 && (len(w) == 14 || kinds[w[14]]&isAlnum == 0) && w[4] == '.' && w[9] == '.' && isHexes(w[:4]) && isHexes(w[5:9]) && isHexes(w[10:14]):
		s.add(MACs, ruleMAC, from, from+14)
	case len(w) == 36 && bytes.HasPrefix(w, []byte("00000000-0000-0000-0000-")):
		if isHexes(w[24:]) && !bytes.Equal(w[24:], []byte("000000000000")) {
			s.add(MACs, ruleMAC, from+24, to)
		}
	case len(w) == 35 && w[8] == '-' && w[17] == '-' && w[26] == '-' && isHexes(w[:8]) && isHexes(w[9:17]):
		if _, ok := expressway.MACOfCallID(string(w)); ok {
			s.add(MACs, ruleMAC, from, from+13)
		}
	}
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

// rolling finds known addresses wherever twelve digits stand on end.
func (s *scanner) rolling(from, to int) {
	var v uint64
	var at [16]int // where the latest digits stand
	n := 0
	for i := from; i < to; i++ {
		c := s.b[i]
		switch k := kinds[c]; {
		case k&(isDigit|isAF) != 0:
			v = v<<4 | uint64(unhex(c))
			at[n&15] = i
			n++
			if n >= 12 && s.Known.hasMAC(v&(1<<48-1)) {
				s.put(Hit{From: int32(at[(n-12)&15]), To: int32(i + 1), Class: MACs, Rule: ruleMAC, V: s.b[at[(n-12)&15] : i+1]})
				n = 0
			}
		case k&(isDot|isDash) != 0 && c != '_' && i > from && isHex(s.b[i-1]):
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
