package find

import (
	"bytes"

	"rtmtgrab/bundle/mask/find/undo"
)

// word looks at a run of letters, digits, dots and dashes, whose kinds are flags, and
// returns where to go on.
func (s *scanner) word(from, to int, flags uint8) int {
	end := to
	if flags&(isDot|isDash) != 0 {
		for to > from && kinds[s.b[to-1]]&(isDot|isDash) != 0 {
			to--
		}
		for from < to && kinds[s.b[from]]&(isDot|isDash) != 0 {
			from++
		}
	}
	n := to - from
	if n < 3 {
		if n == 2 && s.Known != nil && to < len(s.b) && s.b[to] == ' ' {
			s.spacedMAC(from)
		}
		return end
	}
	if n == 5 && s.b[from] == 'B' && bytes.HasPrefix(s.b[from:], []byte("BEGIN ")) && bytes.HasSuffix(s.b[:from], []byte("-----")) {
		return s.pem(from)
	}
	if n >= 8 && flags&(isUpper|isLower) == isUpper|isLower {
		if stop := s.encoded(from, to, flags); stop > 0 {
			return stop
		}
	}
	if n <= 6 && s.b[from]|0x20 == 'b' && from >= s.line.params {
		if t := bareToken(s.b, Span{from, to}); t.To > 0 {
			s.out(ruleToken, t.From, t.To)
			return t.To
		}
	}
	if s.Identities {
		s.names(from, to, flags)
	}
	return end
}

// encoded looks at a word that may be base64, or a token of JSON's kind, and returns where to
// go on; 0: it is none that matters.
func (s *scanner) encoded(from, to int, flags uint8) int {
	w := s.b[from:to]
	if w[0] == 'e' && bytes.HasPrefix(w, []byte("eyJ")) && flags&isDot != 0 && len(w) > 20 {
		s.out(ruleToken, from, to)
		return to
	}
	if s.depth >= maxDepth || flags&isDot != 0 || bytes.HasPrefix(w, []byte("z9hG4bK")) {
		return 0
	}
	if !undo.Readable(w) {
		return 0
	}
	if from >= s.line.run { // else it was tried with what stands before
		s.line.run = undo.Run64(s.b, from)
		if s.line.run > to && s.nested(from, s.line.run) {
			return s.line.run
		}
	}
	end := to
	for end < len(s.b) && s.b[end] == '=' && end-to < 2 {
		end++
	}
	if s.nested(from, end) {
		return end
	}
	return 0
}

// nested looks into base64 and takes it for a hit if there are hits in it.
func (s *scanner) nested(from, to int) bool {
	text, enc, ok := undo.Base64(s.b[from:to])
	if !ok {
		return false
	}
	child := scanner{Options: s.Options, b: text}
	child.Log, child.Columns = false, nil
	child.depth++
	child.run()
	if len(child.hits) == 0 {
		return false
	}
	s.put(Hit{From: int32(from), To: int32(to), Class: Coded, Rule: ruleKnown, V: text, Coded: &Coding{enc, child.hits}})
	return true
}

// pem begins a PEM block whose word BEGIN is at from, in the middle of a line too, and
// returns where to go on.
func (s *scanner) pem(from int) int {
	end := lineEnd(s.b, from)
	s.line.pem = s.Identities || bytes.Contains(s.b[from:end], []byte("PRIVATE KEY"))
	n := bytes.Index(s.b[from:end], []byte("-----"))
	if n < 0 || !s.line.pem {
		return end
	}
	body := from + n + len("-----")
	stop := body
	for stop < end && (isBlank(s.b[stop]) || Is64(s.b[stop]) || s.b[stop] == '=') {
		stop++
	}
	if len(bytes.TrimSpace(s.b[body:stop])) > 0 {
		s.out(rulePEM, body, stop)
	}
	if bytes.Contains(s.b[body:end], []byte("-----END")) {
		s.line.pem = false
	}
	return stop
}

// names finds what tells who and where in a word.
func (s *scanner) names(from, to int, flags uint8) {
	n := to - from
	if flags&isDigit != 0 {
		s.withDigits(from, to, flags)
	}
	if c := s.b[from]; n > 3 && (c == 'C' || c == 'T' || c == 'B') {
		s.prefixed(from, to)
	}
	if flags&isLetter != 0 {
		if flags&isDot != 0 {
			s.dotted(from, to)
		}
		if i := s.last.From; i > 1 && s.b[i-1] == ' ' && nounEnds[s.b[i-2]] {
			afterNoun(s, from, to, flags)
		}
	}
	if s.Known != nil {
		s.knownIn(from, to, flags)
		if before := s.b[max(0, from-1)]; (before == ' ' || before == '"' || before == '\'') && n <= 64 && flags&isLetter != 0 && s.Known.maybeShort(s.b[from:to]) && s.called(from, to) {
			s.anyKnown(from, to)
		}
	}
}

var userNouns = set("user", "users", "username", "userid", "account", "owner", "login", "subscriber", "principal", "alias", "operator", "by")

// called reports whether the word is what somebody is called, in a sentence: behind a noun,
// user jdoe, or in quotes behind a word.
func (s *scanner) called(from, to int) bool {
	if from < 3 || from <= s.line.from || s.Ours {
		return false
	}
	switch quote := s.b[from-1]; quote {
	case ' ':
		return userNouns.in[wordBefore(s.b, from)]
	case '"', '\'':
		return to < len(s.b) && s.b[to] == quote && s.b[from-2] == ' ' && kinds[s.b[from-3]]&isLetter != 0
	}
	return false
}

// withDigits finds addresses and numbers.
func (s *scanner) withDigits(from, to int, flags uint8) {
	n := to - from
	if flags == isDigit && n <= maxNumber {
		listed(s, from, to)
	}
	if flags&isDot != 0 || flags&isDash != 0 && s.Known != nil {
		s.quads(from, to)
	}
	if n == 10 && s.Known != nil && s.b[from] == '0' && s.b[from+1]|0x20 == 'x' {
		if h, ok := hexAddr(s.b, from, to, s.Known); ok {
			s.put(h)
		}
	}
	if n >= 12 {
		s.mac(from, to, flags)
	}
	if n == 11 && flags == isDigit|isUpper|flags&isLetter {
		s.serial(from, to)
	}
}

// mac finds the MAC addresses of a word: those that are told by how they are written, and
// those that are known in whatever spelling.
func (s *scanner) mac(from, to int, flags uint8) {
	if a, b := written(s.b[from:to], flags); a < b {
		s.add(MACs, ruleMAC, from+a, from+b)
	}
	if s.Known != nil && len(s.Known.byMAC) > 0 {
		s.Known.macsIn(s.b, from, to, func(from, to int) { s.add(MACs, ruleMAC, from, to) })
	}
}

// spacedMAC finds a MAC address that is known and written with blanks: 00 eb d5 d5 d8 e8.
func (s *scanner) spacedMAC(from int) {
	to := from + 17
	if to > len(s.b) || !pairs(s.b[from:to], ' ') || to < len(s.b) && kinds[s.b[to]]&isAlnum != 0 {
		return
	}
	if k, _ := macKey(s.b[from:to]); s.Known.hasMAC(k) {
		s.add(MACs, ruleMAC, from, to)
	}
}

// quads finds IPv4 addresses in a word, and those that are known with dashes for dots.
func (s *scanner) quads(from, to int) {
	for i := from; i+len("1.1.1.1") <= to; {
		if kinds[s.b[i]] != isDigit {
			i++
			continue
		}
		first := i
		for i < to && kinds[s.b[i]] == isDigit {
			i++
		}
		if i-first <= 3 && i < to && kinds[s.b[i]]&(isDot|isDash) != 0 {
			if q := quadOf(s.b[first:to]); q.n > 0 {
				s.quad(first, q)
				i = first + q.n
				continue
			}
		}
		for i < to && kinds[s.b[i]]&(isDigit|isDot) != 0 {
			i++
		}
	}
}

func (s *scanner) quad(from int, q quad) {
	if !q.somebodys() {
		return
	}
	h := q.hit(s.b, from)
	sure := q.sep == '.'
	if from > 0 {
		switch before := s.b[from-1]; {
		case kinds[before]&(isLetter|isDot|isDigit) != 0 && from > s.last.From:
			sure = false
		case before == '/' && from > 1 && kinds[s.b[from-2]]&isLetter != 0:
			sure = sure && !s.agent(from-1)
		}
	}
	if sure || s.Known.has(Addrs, h.V) {
		s.put(h)
	}
}

// hit is the hit that an address at from of b is.
func (q quad) hit(b []byte, from int) Hit {
	h := Hit{From: int32(from), To: int32(from + q.n), Class: Addrs, Rule: ruleIPv4, V: b[from : from+q.n]}
	if q.sep == '-' {
		h.V, h.At = bytes.ReplaceAll(h.V, []byte("-"), []byte(".")), dashed
	}
	return h
}

// agent reports whether the word that ends at to is a product whose versions look like an
// address.
func (s *scanner) agent(to int) bool {
	from := to
	for from > 0 && to-from < 16 && kinds[s.b[from-1]]&isLetter != 0 {
		from--
	}
	return agents.folds(s.b[from:to])
}

// serial finds a maker's serial number: LLLYYWWXXXX.
func (s *scanner) serial(from, to int) {
	w := s.b[from:to]
	if all(w[:3], isUpper) && all(w[3:7], isDigit) && all(w, isUpper|isDigit) {
		s.add(Names, ruleSerial, from, to)
	}
}

// prefixed finds the host in the name of a zone, and the user in that of a device.
func (s *scanner) prefixed(from, to int) {
	w := s.b[from:to]
	if w[0] != 'C' || w[1] != 'E' {
		s.device(from, to, false)
		return
	}
	for _, p := range zonePrefixes {
		if bytes.HasPrefix(w, []byte(p)) {
			s.zone(from+len(p), to)
		}
	}
}

func (s *scanner) zone(from, to int) {
	q := quadOf(s.b[from:to])
	if q.n == 0 || q.n < to-from {
		s.host(from, to, ruleHost)
		return
	}
	if q.somebodys() {
		s.put(q.hit(s.b, from))
	}
}

// device finds CSFASMITH and its like: the prefix stays. sure: it is one, in whatever case.
func (s *scanner) device(from, to int, sure bool) bool {
	w := s.b[from:to]
	if len(w) < 4 || len(w) > 60 {
		return false
	}
	var buf [64]byte
	low := appendLower(buf[:0], w)
	switch string(low[:3]) {
	case "csf", "tct", "bot", "tab":
	default:
		return false
	}
	if noDevices.has(low) || !sure && (!all(w[:3], isUpper) || anyOf(w, isLower)) {
		return false
	}
	s.labels(from+3, to, ruleDevice)
	return true
}

// dotted finds a domain name by its ending, or because its domain is known.
func (s *scanner) dotted(from, to int) {
	w := s.b[from:to]
	dot := bytes.LastIndexByte(w, '.')
	if dot < 1 || !anyOf(w[:dot], isLetter) {
		return
	}
	if last := w[dot+1:]; all(last, isLetter) {
		if topLevels.folds(last) && (!spellings.folds(last) || bytes.Count(w, []byte(".")) > 1 && !anyOf(w, isUpper)) {
			s.host(from, to, ruleHost)
			return
		}
	}
	if s.Known != nil && s.Known.ofDomain(w) {
		s.host(from, to, ruleHost)
	}
}
