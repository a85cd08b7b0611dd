package find

import (
	"bytes"
	"net/netip"
)

// maxColons is how long an address with colons may be.
const maxColons = 46

// withColons finds the IPv6 or MAC address whose first colon is at i of b; last is the word
// before. A hit without a class is nobody's address. False: there is none.
func withColons(b []byte, i int, last Span) (h Hit, ok bool) {
	from := i
	if last.To == i {
		if from = last.From; i-from > 4 || !isHexes(b[from:i]) {
			return h, false
		}
	}
	if from > 0 && (b[from-1] == ':' || kinds[b[from-1]] != 0 && from == i) {
		return h, false
	}
	to, colons, double := colonRun(b, from, i)
	if !double && colons < 5 || to < len(b) && kinds[b[to]] != 0 {
		return h, false
	}
	if colons == 6 && to-from == 20 && b[from] == '0' && b[from+1] == '1' && b[from+2] == ':' && pairs(b[from+3:to], ':') { // of DHCP: 01 and the address
		return Hit{From: int32(from + 3), To: int32(to), Class: MACs, Rule: ruleMAC, V: b[from+3 : to]}, true
	}
	if colons >= 5 && to-from >= 17 && pairs(b[from:from+17], ':') && (to-from == 17 || b[from+17] != ':') {
		return Hit{From: int32(from), To: int32(from + 17), Class: MACs, Rule: ruleMAC, V: b[from : from+17]}, true
	}
	for to > from && b[to-1] == '.' || to > from+1 && b[to-1] == ':' && b[to-2] != ':' {
		to--
	}
	return six(b, from, to)
}

// colonRun is how far the signs of such an address go on, how many colons are in them, and
// whether two stand together.
func colonRun(b []byte, from, i int) (to, colons int, double bool) {
	to = i
	for to < len(b) && to-from < maxColons && (isHex(b[to]) || b[to] == ':' || b[to] == '.') {
		if b[to] == ':' {
			colons++
			double = double || to > from && b[to-1] == ':'
		}
		to++
	}
	return to, colons, double
}

func six(b []byte, from, to int) (h Hit, ok bool) {
	a, err := netip.ParseAddr(string(b[from:to]))
	if err != nil && bytes.Count(b[from:to], []byte(":")) == 8 { // with its port
		to = from + bytes.LastIndexByte(b[from:to], ':')
		a, err = netip.ParseAddr(string(b[from:to]))
	}
	if err != nil || !a.Is6() {
		return h, false
	}
	h = Hit{From: int32(from), To: int32(to)}
	if BlockOf(a).Name != "" {
		h.Class, h.Rule, h.V = Addrs, ruleIPv6, []byte(a.Unmap().String())
	}
	return h, true
}
