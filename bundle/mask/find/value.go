package find

import "bytes"

// How far the end of a value is looked for: of a secret it goes at once, of others it may be
// looked for again.
const (
	maxValue  = 256
	maxLong   = 1 << 10
	maxSecret = 64 << 10
)

// keyed looks at the = or : at i: is a key in front, and a value behind that goes or gets a
// pseudonym? It returns where to go on.
func (s *scanner) keyed(i int, sep byte) int {
	from, to := s.keyBefore(i)
	if from == to {
		return i + 1
	}
	k := keyNone
	if s.seen != nil {
		k = s.seen.key
	} else {
		k = s.recent.key(s.b, from, to)
	}
	if k == keyNone && to > from+3 && s.b[from] == '0' && from > 0 && s.b[from-1] == '#' { // #012Authorization:
		k = keyKindOf(s.b[from+3 : to])
	}
	if k == keyNone {
		if i < s.line.params && sep == '=' && !harmless.folds(s.b[from:to]) {
			return s.value(keyDigest, i+1, sep)
		}
		return i + 1
	}
	switch k {
	case keyAuth:
		return s.authorization(from, to, i+1)
	case keyCookie:
		return s.toEnd(ruleCookie, from, i+1)
	case keyLong:
		if i < s.line.params {
			k = keyDigest
		}
	case keyHost:
		if sep == ':' && from == s.line.text && bytes.EqualFold(s.b[from:to], []byte("Server")) {
			return i + 1 // of SIP and HTTP: a product
		}
	case keyReceived:
		if sep == ':' {
			s.received(i + 1)
			return i + 1
		}
		k = keyHost
	}
	return s.value(k, i+1, sep)
}

// harmless are the parameters of a challenge and of its answer that are no secrets.
var harmless = set("username", "realm", "uri", "algorithm", "qop", "nc", "stale", "domain", "error", "error_description", "scope", "charset", "userhash", "auth_param")

// keyBefore is the word in front of i, quotes and blanks between them passed over.
func (s *scanner) keyBefore(i int) (from, to int) {
	j := blanksBefore(s.b, i)
	if j > 0 && (s.b[j-1] == '"' || s.b[j-1] == '\'') {
		j--
		if j > 0 && s.b[j-1] == '\\' {
			j--
		}
	}
	if s.last.To != j || s.last.From >= j {
		return 0, 0
	}
	return s.last.From, s.last.To
}

// value treats the value that begins at i, blanks and quotes aside, and returns where to go
// on: behind it if it was replaced.
func (s *scanner) value(k Key, i int, sep byte) int {
	start := i
	if k < keySecret && !s.Identities || k == keyOpaque || k == keyVersion {
		return start
	}
	i = s.valueAt(i, sep)
	s.line.crossed = s.line.crossed || sep == '>' || k == keyDescription
	if i < len(s.b) && s.b[i] == '[' && (sep == ':' || sep == '=') {
		s.list = k
		return start
	}
	from, to := extent(s.b, i, sep, k)
	if from == to {
		return start
	}
	before := len(s.hits)
	switch {
	case k >= keySecret:
		s.secretValue(k, from, to)
	case !s.identity(k, from, to):
		return start
	}
	if len(s.hits) == before {
		return start
	}
	return to
}

// valueAt is where the value behind the sign in front of i begins, blanks passed over.
func (s *scanner) valueAt(i int, sep byte) int {
	if sep == ':' && i+1 < len(s.b) && s.b[i] == ':' && isBlank(s.b[i+1]) { // of LDIF
		i++
	}
	start := i
	for i < len(s.b) && i-start < maxBlanks && isBlank(s.b[i]) {
		i++
	}
	if i == len(s.b) || s.b[i] != '\n' && s.b[i] != '\r' || sep != '>' && !(sep == ':' && quotedBefore(s.b, start-1)) {
		return i
	}
	s.line.crossed = true
	j := i
	for j < len(s.b) && j-i < maxBlanks && (isBlank(s.b[j]) || s.b[j] == '\n' || s.b[j] == '\r') {
		j++
	}
	if sep == ':' && (j == len(s.b) || s.b[j] != '"') {
		return i
	}
	return j
}

// listItem treats a string of a list of JSON that stands behind a key.
func (s *scanner) listItem(i int) int {
	if s.list == keyNone {
		return i + 1
	}
	j := i
	for j > 0 && i-j < 64 && (isBlank(s.b[j-1]) || s.b[j-1] == '\n' || s.b[j-1] == '\r') {
		j--
	}
	if j == 0 || s.b[j-1] != ',' && s.b[j-1] != '[' {
		return i + 1
	}
	return max(i+1, s.value(s.list, i, ','))
}

// secretValue takes a value out, if it is one.
func (s *scanner) secretValue(k Key, from, to int) {
	v := s.b[from:to]
	r := rulePassword
	switch k {
	case keyLong:
		if !long(v) {
			return
		}
		r = ruleToken
	case keyDigest:
		r = ruleDigest
	case keySDP:
		r = ruleSDPKey
	default:
		switch lower(s.b[max(0, s.last.To-1)]) {
		case 'n', 'e', 't':
			r = ruleToken
		}
		if dull.folds(v) {
			return
		}
	}
	s.out(r, from, to)
}

// long reports whether a value is long enough to be no word. Stars in it count as nothing: what
// was short before a part of it was taken out is short after it.
func long(v []byte) bool {
	if len(v) >= 16 && bytes.Contains(v, []byte(Stars)) {
		v = bytes.ReplaceAll(v, []byte(Stars), nil)
	}
	return len(v) >= 16 && anyOf(v, isDigit)
}

var dull = set("true", "false", "null", "none", "yes", "no", "0", "1", "nil", "{", "[", "(")

// secret takes a stretch out.
func (s *scanner) out(r Rule, from, to int) {
	if to > from {
		s.add(Secret, r, from, to)
	}
}

// identity gives a value a pseudonym. False: there is none to give, or names stand in it.
func (s *scanner) identity(k Key, from, to int) bool {
	switch k {
	case keyUser:
		return s.thing(from, to, ruleUser)
	case keyNumber:
		return s.thing(from, to, ruleNumber)
	case keyDevice:
		return s.thing(from, to, ruleDevice)
	case keyDisplay:
		return s.thing(from, to, ruleDisplay)
	case keySerial:
		return s.thing(from, to, ruleSerial)
	case keyHost:
		return s.hostValue(from, to)
	case keyFile:
		s.fileName(from, to)
	case keyPath:
		s.anyKnown(from, to)
		return false
	case keyMAC:
		switch {
		case to-from == 12 && isHexes(s.b[from:to]):
			s.add(MACs, ruleMAC, from, to)
		case to-from == 2 && from+17 <= len(s.b) && pairs(s.b[from:from+17], ' '), to-from == 17 && pairs(s.b[from:to], ' '):
			s.add(MACs, ruleMAC, from, from+17)
		}
	case keyName:
		return s.named(from, to)
	case keyRelative:
		return s.relative(from)
	case keyDescription:
		return ofPhone(s.b, from, to, s.Columns != nil) && s.thing(from, to, ruleDisplay)
	case keyWarning:
		if w := warner(s.b, from-1); w.To > w.From {
			s.host(w.From, w.To, ruleHost)
		}
		return false
	case keyOrigin:
		if u := origin(s.b, from); s.line.text == from-2 {
			s.thing(u.From, u.To, ruleUser)
		}
		return false
	}
	return true
}

// hostValue takes a value for a host, whose port may follow.
func (s *scanner) hostValue(from, to int) bool {
	v := s.b[from:to]
	if len(v) == 0 || bytes.ContainsAny(v, "@/ ={}<>\n") {
		return false
	}
	if v[0] == '+' && all(v[1:], isDigit) { // phone-context
		s.number(from, to)
		return true
	}
	if i := bytes.IndexByte(v, ':'); i >= 0 {
		if bytes.IndexByte(v[i+1:], ':') >= 0 { // IPv6
			return false
		}
		to = from + i
	}
	if !all(s.b[from:to], 0xff) || !anyOf(s.b[from:to], isLetter) {
		return false
	}
	s.host(from, to, ruleHost)
	return true
}

// relative treats a part of a directory's or a certificate's name. Only of names that stand
// in no quotes of their own the end is another one than that of other values.
func (s *scanner) relative(from int) bool {
	to := relative(s.b, from)
	w := s.b[from:to]
	if bytes.IndexByte(w, ' ') >= 0 {
		return s.thing(from, to, ruleDisplay)
	}
	return topLevels.folds(w) || s.hostValue(from, to)
}

// received treats a Received header's line, whose hosts stand after from and by.
func (s *scanner) received(i int) {
	for _, h := range hops(s.b[i:lineEnd(s.b, i)]) {
		s.host(i+h.From, i+h.To, ruleHost)
	}
}

// named treats Name=: numbers, devices, and whatever is known.
func (s *scanner) named(from, to int) bool {
	w := s.b[from:to]
	switch {
	case len(w) >= 3 && len(w) <= maxNumber && all(w, isDigit):
		s.add(Numbers, ruleNumber, from, to)
	case len(w) > 3 && all(w, 0xff) && s.device(from, to, false):
	default:
		s.anyKnown(from, to)
		return false
	}
	return true
}

// authorization treats a header with credentials, whose value begins at i.
func (s *scanner) authorization(from, to, i int) int {
	starts := from == s.line.text
	end := s.line.params
	if i >= end {
		end = headerEnd(s.b, i, starts)
	}
	for i < end && (isBlank(s.b[i]) || s.b[i] == '"' || s.b[i] == '\\' || s.b[i] == '[') {
		i++
	}
	word := i
	for word < end && kinds[s.b[word]]&isAlnum != 0 {
		word++
	}
	scheme := string(bytes.ToLower(s.b[i:word]))
	challenge := lower(s.b[from]) == 'w' || bytes.Contains(bytes.ToLower(s.b[from:to]), []byte("nticat"))
	if challenge || scheme == "digest" {
		s.line.params = end
		if starts {
			s.fold(foldParams)
		}
		return word
	}
	at := i
	if schemes.in[scheme] {
		at = word
	}
	for at < end && isBlank(s.b[at]) {
		at++
	}
	if starts {
		s.fold(foldSecret)
	} else if n := bytes.IndexByte(s.b[at:max(at, end)], '"'); n > 0 {
		end = at + n
		if s.b[end-1] == '\\' {
			end--
		}
	}
	s.out(ruleAuthorization, at, end)
	return max(end, i)
}

// toEnd takes out all of a header's value.
func (s *scanner) toEnd(r Rule, from, i int) int {
	starts := from == s.line.text
	end := headerEnd(s.b, i, starts)
	for i < end && (isBlank(s.b[i]) || s.b[i] == '"' || s.b[i] == '\\') {
		i++
	}
	if starts {
		s.fold(foldSecret)
	}
	s.out(r, i, end)
	return max(end, i)
}

// fields treats the fields of the line at i by their columns. Their names are no values.
func (s *scanner) fields(i int) {
	if i == 0 && s.First {
		return
	}
	end := lineEnd(s.b, i)
	for _, k := range s.Columns {
		if i >= end {
			return
		}
		from, to, next := field(s.b[:end], i)
		switch {
		case from == to:
		case k >= keySecret:
			s.secretValue(k, from, to)
		case k != keyNone && s.Identities:
			s.identity(k, from, to)
		}
		i = next
	}
}
