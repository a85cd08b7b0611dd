package find

import (
	"bytes"
	"net/netip"
)

// host takes what stands there for a host's name: its labels become names, what all domains have in common stays.
func (s *scanner) host(from, to int, r Rule) {
	if !s.Identities {
		return
	}
	for to > from && s.b[to-1] == '.' {
		to--
	}
	if labels := s.recent.labels(s.b, from, to); labels != nil && r == ruleHost {
		for _, l := range labels {
			s.add(Names, r, from+l.From, from+l.To)
		}
		return
	}
	w := s.b[from:to]
	if len(w) == 0 || len(w) > 255 || !anyOf(w, isLetter) {
		return
	}
	if q := quadOf(w); q.n == len(w) {
		return
	}
	var buf [256]byte
	low := appendLower(buf[:0], w)
	if neutral.has(low) || isForeign(low) {
		return
	}
	keep := kept(low)
	end := to - keep
	if s.Domains != nil {
		s.learnDomain(low, keep)
	}
	n := len(s.hits)
	free := n == 0 || int(s.hits[n-1].To) <= from
	s.labels(from, end, r)
	if free && r == ruleHost && len(s.hits) >= n {
		s.recent.remember(s.b, from, to, s.hits[n:])
	}
}

// kept is how many bytes at the end of a domain name are anybody's: .com, .co.uk.
func kept(low []byte) int {
	dot := bytes.LastIndexByte(low, '.')
	if dot < 1 || !topLevels.has(low[dot+1:]) {
		return 0
	}
	n := len(low) - dot
	second := bytes.LastIndexByte(low[:dot], '.')
	if second > 0 && n == 3 {
		switch string(low[second+1 : dot]) {
		case "co", "com", "ac", "gov", "org", "net", "edu":
			n = len(low) - second
		}
	}
	return n
}

func isForeign(low []byte) bool {
	for _, f := range foreign {
		if n := len(low) - len(f); n >= 0 && string(low[n:]) == f && (n == 0 || low[n-1] == '.') {
			return true
		}
	}
	return false
}

// learnDomain notes the domains that a host is of, as far as they have two labels that are
// not anybody's alone.
func (s *scanner) learnDomain(low []byte, keep int) {
	for d := low; bytes.IndexByte(d[:len(d)-keep], '.') >= 0 || keep > 0 && len(d) > keep; {
		if !s.Domains[string(d)] {
			s.Domains[string(d)] = true
		}
		i := bytes.IndexByte(d, '.')
		if i < 0 || len(d)-i-1 <= keep {
			return
		}
		d = d[i+1:]
	}
}

// labels takes what stands there for names with dots between them.
func (s *scanner) labels(from, to int, r Rule) {
	for from < to {
		n, numbers := labelEnd(s.b[from:to])
		if end := from + n; !numbers {
			s.label(from, end, r)
		} else if !s.quadIn(from, end) {
			s.add(Names, r, from, end)
		}
		from += n + 1
	}
}

// labelEnd is where the first name of b ends, and whether it is numbered.
func labelEnd(b []byte) (n int, numbers bool) {
	if n := numbered(b); n > 0 {
		return n, true
	}
	if i := bytes.IndexByte(b, '.'); i >= 0 {
		return i, false
	}
	return len(b), false
}

// numbered is how much of b is four numbers or more, nearly an address: pseudonyms of each could make it one.
func numbered(b []byte) int {
	n := len(bytes.TrimRight(b[:len(b)-len(bytes.TrimLeft(b, "0123456789."))], "."))
	if b[0] == '.' || bytes.Count(b[:n], []byte(".")) < 3 {
		return 0
	}
	for n < len(b) && b[n] != '.' {
		n++
	}
	return n
}

// label takes what stands there for one name, or what it turns out to be.
func (s *scanner) label(from, to int, r Rule) {
	for from < to && kinds[s.b[from]]&isAlnum == 0 {
		if s.b[from] == '_' && r == ruleHost {
			return // _sip._tcp: services are anybody's
		}
		from++
	}
	for from < to && kinds[s.b[to-1]]&isAlnum == 0 {
		to--
	}
	w := s.b[from:to]
	if len(w) == 0 || len(w) > 255 {
		return
	}
	if all(w, isDigit) {
		if r != ruleHost && len(w) <= maxNumber {
			s.add(Numbers, ruleNumber, from, to)
		}
		return
	}
	var buf [64]byte
	low := appendLower(buf[:0], w)
	switch {
	case neutral.has(low):
	case r == ruleNumber && lined(w) > 0:
		s.add(Numbers, ruleNumber, from, from+lined(w))
	case len(w) >= 15 && macDevice(w):
		s.add(MACs, ruleMAC, from+3, from+15)
	case len(w) == 17 && pairs(w, '-'):
		s.add(MACs, ruleMAC, from, to)
	case bytes.HasPrefix(low, []byte("ip-")) && s.quadIn(from+3, to):
	case r != ruleDevice && s.device(from, to, false):
	default:
		s.add(Names, r, from, to)
	}
}

// lined is how long the number of a line is whose state stands behind it: 7042-Registered.
func lined(w []byte) int {
	n := bytes.IndexByte(w, '-')
	if n < 2 || n > maxNumber || !all(w[:n], isDigit) || !all(w[n+1:], isLetter) {
		return 0
	}
	return n
}

func (s *scanner) quadIn(from, to int) bool {
	if q := quadOf(s.b[from:to]); q.n != to-from || q.n == 0 {
		return false
	}
	s.zone(from, to)
	return true
}

// noThing are the signs that no name has in it.
var noThing = tableOf("@{}=<>\n")

func isAddr(w []byte) bool {
	if bytes.IndexByte(w, ':') < 0 && (kinds[w[0]] != isDigit || bytes.IndexByte(w, '.') < 0) {
		return false
	}
	_, err := netip.ParseAddr(string(w))
	return err == nil
}

// thing takes what stands there for whatever bears a name: users, numbers, devices. False:
// it is something else that has names in it.
func (s *scanner) thing(from, to int, r Rule) bool {
	w := s.b[from:to]
	if len(w) == 0 || len(w) > 200 || within(w, &noThing) || isAddr(w) {
		return false
	}
	if bytes.IndexByte(w, ':') >= 0 && (bytes.Contains(w, []byte("://")) || bytes.Contains(w, []byte("sip:"))) {
		return false
	}
	for from < to {
		for from < to && kinds[s.b[from]] == 0 {
			from++
		}
		end := from
		for end < to && kinds[s.b[end]] != 0 {
			end++
		}
		if end > from && (r != ruleDevice || !s.device(from, end, true)) {
			s.labels(from, end, r)
		}
		from = end
	}
	return true
}

// fileName takes what stands there for a file's name: its ending stays.
func (s *scanner) fileName(from, to int) {
	if i := bytes.LastIndexAny(s.b[from:to], `/\`); i >= 0 {
		from += i + 1
	}
	end := to
	for range 3 {
		dot := bytes.LastIndexByte(s.b[from:end], '.')
		if dot < 1 || end-from-dot > 6 {
			break
		}
		end = from + dot
	}
	s.thing(from, end, ruleFile)
}

// anyKnown finds the names that are known, the short ones too.
func (s *scanner) anyKnown(from, to int) {
	if s.Known == nil {
		return
	}
	var buf [64]byte
	for from < to {
		for from < to && kinds[s.b[from]]&isAlnum == 0 {
			from++
		}
		end := from
		for end < to && kinds[s.b[end]]&(isAlnum|isDash) != 0 {
			end++
		}
		if w := s.b[from:end]; len(w) > 0 && len(w) <= len(buf) {
			if _, ok := s.Known.byName[string(appendLower(buf[:0], w))]; ok {
				s.add(Names, ruleKnown, from, end)
			}
		}
		from = end
	}
}

// knownIn finds names that are known wherever they stand: the word, its labels, and what
// dashes part of these.
func (s *scanner) knownIn(from, to int, flags uint8) {
	if to < len(s.b) && s.b[to] == '=' && flags&isDigit == 0 {
		return // a key
	}
	s.knownWord(from, to)
	if flags&(isDot|isDash) == 0 {
		return
	}
	for from < to {
		end := from
		for end < to && s.b[end] != '.' {
			end++
		}
		s.knownWord(from, end)
		if flags&isDash != 0 {
			s.knownParts(from, end)
		}
		from = end + 1
	}
}

func (s *scanner) knownParts(from, to int) {
	for from < to {
		end := from
		for end < to && kinds[s.b[end]]&isDash == 0 {
			end++
		}
		s.knownWord(from, end)
		from = end + 1
	}
}

func (s *scanner) knownWord(from, to int) {
	w := s.b[from:to]
	if len(w) < Shortest || len(w) > 64 || !s.Known.maybe(w) {
		return
	}
	var buf [64]byte
	if s.Known.byName[string(appendLower(buf[:0], w))] {
		s.add(Names, ruleKnown, from, to)
	}
}
