package find

import (
	"bytes"
	"net/netip"
)

// maxColons is how long an address with colons may be.
const maxColons = 46

// colons finds the IPv6 or MAC address whose first colon is at i, and returns its end; 0:
// there is none.
func (s *scanner) colons(i int) int {
	from := i
	if s.last.To == i {
		if from = s.last.From; i-from > 4 || !isHexes(s.b[from:i]) {
			return 0
		}
	}
	if from > 0 && (s.b[from-1] == ':' || kinds[s.b[from-1]] != 0 && from == i) {
		return 0
	}
	to := i
	colons, double := 0, false
	for to < len(s.b) && to-from < maxColons && (isHex(s.b[to]) || s.b[to] == ':' || s.b[to] == '.') {
		if s.b[to] == ':' {
			colons++
			double = double || to > from && s.b[to-1] == ':'
		}
		to++
	}
	if !double && colons < 5 {
		return 0
	}
	if to < len(s.b) && kinds[s.b[to]] != 0 {
		return 0
	}
	if colons >= 5 && to-from >= 17 && pairs(s.b[from:from+17], ':') && (to-from == 17 || s.b[from+17] != ':') {
		s.add(MACs, ruleMAC, from, from+17)
		return from + 17
	}
	for to > from && s.b[to-1] == '.' || to > from+1 && s.b[to-1] == ':' && s.b[to-2] != ':' {
		to--
	}
	return s.six(from, to)
}

func (s *scanner) six(from, to int) int {
	a, err := netip.ParseAddr(string(s.b[from:to]))
	if err != nil && bytes.Count(s.b[from:to], []byte(":")) == 8 { // with its port
		to = from + bytes.LastIndexByte(s.b[from:to], ':')
		a, err = netip.ParseAddr(string(s.b[from:to]))
	}
	if err != nil || !a.Is6() {
		return 0
	}
	if BlockOf(a).Name != "" {
		s.put(Hit{From: int32(from), To: int32(to), Class: Addrs, Rule: ruleIPv6, V: []byte(a.Unmap().String())})
	}
	return to
}
