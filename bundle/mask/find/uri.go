package find

import "bytes"

// colon looks at the : at i: an IPv6 or MAC address, the scheme of a URI, or a key.
func (s *scanner) colon(i int) int {
	if i+1 >= len(s.b) {
		return i + 1
	}
	next := s.b[i+1]
	if s.last.To == i && isTime(s.b, i) {
		return i + 1
	}
	if next == ':' || isHex(next) {
		if s.Identities {
			if h, ok := withColons(s.b, i, s.last); ok {
				if h.Class != None {
					s.put(h)
				}
				return int(h.To)
			}
		}
		if next != ':' && s.last.To == i && kinds[s.b[i-1]] == isDigit && kinds[next] == isDigit {
			return i + 1 // a time, a port
		}
	}
	if s.Known != nil && s.last.To == i && isHex(next) {
		s.macAcross(i)
	}
	if s.last.To == i {
		switch w := s.b[s.last.From:i]; len(w) {
		case 2, 3, 4, 5, 6, 8:
			if k := schemeOf(w); k != noURI {
				return s.uri(k, i)
			}
		}
	}
	return s.keyed(i, ':')
}

// isTime reports whether the : at i is the first of a time: 09:14:07.
func isTime(b []byte, i int) bool {
	if i+6 >= len(b) || b[i+3] != ':' || b[i+6] == ':' || isHex(b[i+6]) {
		return false
	}
	return kinds[b[i-1]]&kinds[b[i+1]]&kinds[b[i+2]]&kinds[b[i+4]]&kinds[b[i+5]]&isDigit != 0
}

// macAcross finds a MAC address that is known and has the : at i in it: 00ebd5:d5d8e8.
func (s *scanner) macAcross(i int) {
	if w := s.b[s.last.From:i]; len(w) < 4 || len(w) > 8 || !isHexes(w) {
		return
	}
	to := i
	for to < len(s.b) && to-i < 12 && (isHex(s.b[to]) || s.b[to] == ':') {
		to++
	}
	s.Known.macsIn(s.b, s.last.From, to, func(from, to int) { s.add(MACs, ruleMAC, from, to) })
}

// uri looks at what follows the scheme that ends at i.
func (s *scanner) uri(k uriKind, i int) int {
	start := i + 1
	if k == anyURI {
		if !bytes.HasPrefix(s.b[start:], []byte("//")) {
			return s.keyed(i, ':')
		}
		start += 2
	}
	end := start
	at := -1
	for end < len(s.b) && end-start < 512 {
		c := s.b[end]
		if c == '@' {
			if at = end; k != anyURI {
				break
			}
		}
		if c <= ' ' || c == '<' || c == '>' || c == '"' || k == anyURI && (c == '/' || c == '?' || c == '#') || c == ',' {
			break
		}
		end++
	}
	if at >= 0 {
		s.userInfo(start, at)
		s.line.userAt = at
		return start
	}
	if k == telURI {
		s.number(start, end)
		return start
	}
	host := start
	for host < end && kinds[s.b[host]] != 0 {
		host++
	}
	switch w := s.b[start:host]; {
	case len(w) == 0:
		s.number(start, end)
	case k != anyURI && all(w, isDigit):
		s.number(start, host)
	default:
		s.host(start, host, ruleHost)
	}
	return start
}

// number takes digits for a number, whatever else stands between them.
func (s *scanner) number(from, to int) {
	if !s.Identities {
		return
	}
	end := from
	for end < to && (kinds[s.b[end]] == isDigit || bytes.IndexByte([]byte("+*#-.()"), s.b[end]) >= 0) {
		end++
	}
	for from < end {
		i := from
		for i < end && kinds[s.b[i]] == isDigit {
			i++
		}
		if i > from && i-from <= maxNumber {
			s.add(Numbers, ruleNumber, from, i)
		}
		from = i + 1
	}
}

// userInfo treats user;params, or user:password, in front of an @.
func (s *scanner) userInfo(from, to int) {
	if i := bytes.IndexByte(s.b[from:to], ';'); i >= 0 {
		to = from + i
	}
	if i := bytes.IndexByte(s.b[from:to], ':'); i >= 0 {
		s.out(rulePassword, from+i+1, to)
		to = from + i
	}
	s.user(from, to)
}

// user treats the user of a URI or of a mail address: what is an ID is none.
func (s *scanner) user(from, to int) {
	if !s.Identities || isID(s.b[from:to]) {
		return
	}
	if e := bytes.IndexByte(s.b[from:to], '%'); e >= 0 { // see through
		return
	}
	s.thing(from, to, ruleUser)
}

// endsUser are the signs that a user in front of an @ does not have in him.
var endsUser = tableOf(" \t<>\"(),;=:/|&?{}\n[]\x00@")

// at looks at the @ at i: a user stands before it and a host after.
func (s *scanner) at(i int) {
	if !s.Identities || i == 0 || i+1 >= len(s.b) {
		return
	}
	to := i + 1
	for to < len(s.b) && kinds[s.b[to]] != 0 {
		to++
	}
	host := s.b[i+1 : to]
	if len(host) == 0 && s.b[i+1] != '[' {
		return
	}
	if s.line.userAt == i {
		s.host(i+1, to, ruleHost)
		return
	}
	from := i
	for from > s.line.from && i-from < 128 && !endsUser[s.b[from-1]] {
		from--
	}
	if from == i {
		return
	}
	if isObject(s.b[from:i], host) {
		return // Object@5f4fcc96
	}
	if !s.opaque(from) {
		s.user(from, i)
	}
	s.host(i+1, to, ruleHost)
}

// isObject reports whether what stands around an @ is an object of Java: its class, which is
// in a package, and a number.
func isObject(class, number []byte) bool {
	dot := bytes.LastIndexByte(class, '.')
	return dot > 0 && dot+1 < len(class) && kinds[class[dot+1]]&isUpper != 0 && len(number) <= 8 && isHexes(number)
}

// opaque reports whether the key in front of from is that of an ID.
func (s *scanner) opaque(from int) bool {
	j := from
	for j > s.line.from && from-j < 4 && bytes.IndexByte([]byte(" \"<'"), s.b[j-1]) >= 0 {
		j--
	}
	if j == s.line.from || s.b[j-1] != '=' && s.b[j-1] != ':' {
		return false
	}
	to := j - 1
	for to > s.line.from && (isBlank(s.b[to-1]) || s.b[to-1] == '"') {
		to--
	}
	k := to
	for k > s.line.from && to-k < maxKey && kinds[s.b[k-1]] != 0 {
		k--
	}
	return keyKindOf(s.b[k:to]) == keyOpaque
}

// open looks at the < at i: an element's name follows, or a URI that has a name in front.
func (s *scanner) open(i int) {
	s.tag = keyNone
	from := i + 1
	to := from
	for to < len(s.b) && to-from < maxKey && kinds[s.b[to]] != 0 {
		to++
	}
	if to == from || to >= len(s.b) {
		return
	}
	if s.b[to] == ':' {
		if schemeOf(s.b[from:to]) != noURI {
			s.display(i, true)
			return
		}
		from = to + 1
		for to = from; to < len(s.b) && to-from < maxKey && kinds[s.b[to]] != 0; {
			to++
		}
	}
	if to < len(s.b) && s.b[to] == '@' {
		s.display(i, true)
		return
	}
	s.tag = keyKindOf(s.b[from:to])
}

// opened looks at the > at i, behind which an element's value stands.
func (s *scanner) opened(i int) int {
	k := s.tag
	s.tag = keyNone
	if k == keyNone || i > 0 && s.b[i-1] == '/' {
		return i + 1
	}
	if k == keyAuth || k == keyCookie {
		k = keySecret
	}
	return s.value(k, i+1, '>')
}

// endsDisplay are the signs that a name without quotes does not have in it.
var endsDisplay = tableOf(":,;<>\"=")

var addressHeaders = set("from", "to", "cc", "bcc", "reply-to", "sender", "contact", "f", "t", "m", "p-asserted-identity", "p-preferred-identity", "remote-party-id", "diversion", "referred-by", "refer-to",
	"resent-from", "resent-to", "return-path", "delivered-to")

// display finds the name in front of the < at i.
func (s *scanner) display(i int, _ bool) {
	if !s.Identities {
		return
	}
	to := i
	for to > s.line.from && isBlank(s.b[to-1]) {
		to--
	}
	if to == s.line.from {
		return
	}
	if s.b[to-1] == '"' {
		end := to - 1
		from := end
		for from > s.line.from && end-from < 200 && (s.b[from-1] != '"' || from-1 > s.line.from && s.b[from-2] == '\\' && s.b[end-1] != '\\') {
			from--
		}
		if from > s.line.from && s.b[from-1] == '"' && from > s.line.from+1 && s.b[from-2] != '=' {
			s.anew(from, end)
		}
		return
	}
	from := to
	for from > s.line.from && to-from < 200 && !endsDisplay[s.b[from-1]] {
		from--
	}
	line := s.b[s.line.text:min(i, s.line.text+40)]
	name, _, ok := bytes.Cut(line, []byte(":"))
	if from < to && (s.line.text < from && ok && addressHeaders.folds(bytes.TrimSpace(name)) || addressHeaders.folds(headerBefore(s.b[s.line.from:from]))) {
		s.anew(from, to)
	}
}

// headerBefore is the name of the header whose : ends b, wherever in a line it stands: From in
// Detail="From:.
func headerBefore(b []byte) []byte {
	if len(b) < 2 || b[len(b)-1] != ':' {
		return nil
	}
	to := len(b) - 1
	from := to
	for from > 0 && to-from < maxKey && kinds[b[from-1]] != 0 {
		from--
	}
	return b[from:to]
}

// anew takes what the scan has passed for a display name.
func (s *scanner) anew(from, to int) {
	for n := len(s.hits); n > s.line.hits && int(s.hits[n-1].From) >= from; n-- {
		s.hits = s.hits[:n-1]
	}
	if !s.thing(from, to, ruleDisplay) { // an address, for one
		again := scanner{Options: s.Options, b: s.b[from:to]}
		again.depth = maxDepth
		again.run()
		for _, h := range again.hits {
			h.From, h.To = h.From+int32(from), h.To+int32(from)
			s.put(h)
		}
	}
}

// segment finds the name after /user/ or /device/ in a path.
func (s *scanner) segment(i int) int {
	if !s.Identities || s.last.To != i || i+1 >= len(s.b) {
		return i + 1
	}
	var buf [16]byte
	w := s.b[s.last.From:i]
	if len(w) > 10 || len(w) < 2 || s.last.From == 0 || s.b[s.last.From-1] != '/' {
		return i + 1
	}
	r := ruleUser
	switch string(appendLower(buf[:0], w)) {
	case "user", "users", "owner", "home":
	case "device", "devices", "phone", "phones":
		r = ruleDevice
	case "dn", "line", "lines", "number":
		r = ruleNumber
	case "hosts", "host", "server", "node":
		r = ruleHost
	default:
		return i + 1
	}
	to := i + 1
	for to < len(s.b) && bytes.IndexByte([]byte(" \t\r\n/?&#<>\"';,|%@()[]{}:"), s.b[to]) < 0 {
		to++
	}
	if to == i+1 || to < len(s.b) && (s.b[to] == '@' || s.b[to] == '%') {
		return i + 1
	}
	if r == ruleHost {
		s.host(i+1, to, r)
	} else {
		s.thing(i+1, to, r)
	}
	return i + 1
}
