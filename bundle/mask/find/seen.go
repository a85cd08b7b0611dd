package find

import "rtmtgrab/bundle/mask/find/undo"

import "encoding/binary"

// A seenWord is what a word turned out to be, whatever stands around it. Few words make most
// of a log.
type seenWord struct {
	letters [3]uint64 // zeros behind them
	is      wordKind
	key     Key
	scheme  bool
	stays   bool // it came again: the next other word does not take its place
}

// A wordKind is a set.
type wordKind uint8

const (
	idle     wordKind = 1 << iota // nothing is in it, but perhaps behind a noun
	idleKey                       // that, before a =
	wholeIP                       // an IPv4 address and nothing else
	maxSeen  = 24
	seenBits = 11 // with fewer, words of messages take each other's place
)

// digits are a word as any of digits alone.
var digits seenWord

// fewDigits is how many digits may be anything but a MAC address.
const fewDigits = 11

// again treats the word b[from:to] as scanner.word does, by what it was before if it may, and
// returns where to go on.
func again(s *scanner, from, to int, flags uint8) int {
	if flags == isDigit && to-from <= fewDigits {
		s.seen = &digits
		number(s, from, to)
		return to
	}
	s.seen = nil
	n := to - from
	if n > maxSeen || from+maxSeen > len(s.b) || n > fewDigits && flags&^(isDigit|isAF|isLower) == 0 { // those are not seen again
		return s.word(from, to, flags)
	}
	w := lettersOf(s.b[from:from+maxSeen], n)
	e := &s.recent.words[hashOf(&w)]
	if e.letters != w {
		if e.stays { // most words that come once are IDs
			e.stays = false
			return s.word(from, to, flags)
		}
		e.letters, s.seen = w, e
		return e.fill(s, from, to, flags)
	}
	e.stays, s.seen = true, e
	switch {
	case e.is&wholeIP != 0:
		if from > 0 && s.b[from-1] != '/' {
			s.put(Hit{From: int32(from), To: int32(to), Class: Addrs, Rule: ruleIPv4, V: s.b[from:to]})
			return to
		}
	case e.is&idle != 0, e.is&idleKey != 0 && to < len(s.b) && s.b[to] == '=':
		if !behindNoun(s.b, from, flags) {
			return to
		}
	}
	return s.word(from, to, flags)
}

// number is again for few digits.
func number(s *scanner, from, to int) {
	switch n := to - from; {
	case n >= 3 && s.Identities:
		listed(s, from, to)
	case n == 2 && s.Known != nil && to < len(s.b) && s.b[to] == ' ':
		s.spacedMAC(from)
	}
}

// behindNoun reports whether a word may be something because of that before it.
func behindNoun(b []byte, from int, flags uint8) bool {
	if from < 2 || b[from-1] != ' ' || flags&isLetter == 0 {
		return false
	}
	c := b[from-2]
	return c == 'S' || c == 'P' || flags&(isDigit|isDot) != 0 && nounEnds[c]
}

// firstOf has masks for the first so many bytes of three words.
var firstOf = func() (t [maxSeen + 1][3]uint64) {
	for n := range t {
		for i := range n {
			t[n][i/8] |= 0xff << (i % 8 * 8)
		}
	}
	return t
}()

// lettersOf has the first n bytes of b.
func lettersOf(b []byte, n int) [3]uint64 {
	_, m := b[maxSeen-1], &firstOf[n]
	return [3]uint64{binary.LittleEndian.Uint64(b) & m[0], binary.LittleEndian.Uint64(b[8:]) & m[1], binary.LittleEndian.Uint64(b[16:]) & m[2]}
}

func hashOf(w *[3]uint64) uint64 {
	h := w[0]*0x9e3779b97f4a7c15 ^ w[1]*0xc2b2ae3d27d4eb4f ^ w[2]*0x165667b19e3779f9
	return (h ^ h>>29) * 0x9e3779b97f4a7c15 >> (64 - seenBits)
}

// fill treats a word and notes what it is.
func (e *seenWord) fill(s *scanner, from, to int, flags uint8) int {
	puts := s.puts
	end := s.word(from, to, flags)
	w := s.b[from:to]
	e.is, e.key, e.scheme = 0, keyKindOf(w), schemeOf(w) != noURI
	switch {
	case flags == isDigit|isDot && s.Identities && len(w) <= fewDigits+3:
		if q := quadOf(w); q.n == len(w) && q.sep == '.' && q.somebodys() {
			e.is = wholeIP
			return end
		}
	}
	if end != to || s.puts != puts || byContext(s, from, to, flags) {
		return end
	}
	if e.is = idleKey; s.Known == nil || flags&isDigit != 0 || to == len(s.b) || s.b[to] != '=' {
		e.is = idle
	}
	return end
}

// byContext reports whether a word may be something elsewhere in which nothing was found here.
func byContext(s *scanner, from, to int, flags uint8) bool {
	if flags&isDigit != 0 && flags&(isDot|isDash) != 0 && from > 0 && s.b[from-1] == '/' {
		return true // a version here, an address there
	}
	for to > from && kinds[s.b[to-1]]&(isDot|isDash) != 0 {
		to--
	}
	for from < to && kinds[s.b[from]]&(isDot|isDash) != 0 {
		from++
	}
	w := s.b[from:to]
	switch n := len(w); {
	case n < 2:
		return false
	case n == 2:
		return isHexes(w)
	case n <= 6 && w[0]|0x20 == 'b': // BEGIN, Bearer, Basic
		return true
	case n >= 8 && undo.Readable(w):
		return true
	}
	return s.Known != nil && len(w) <= 64 && s.Known.maybeShort(w)
}
