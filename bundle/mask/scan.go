package mask

import (
	"bytes"
	"slices"
)

// A hit is a stretch of a text that is to be replaced.
type hit struct {
	from, to int32
	at       int32 // of length: which
	class    class
	rule     rule
	v        []byte // what stands there, escapes undone, in its own spelling
	coded    *coding
}

// A scanner finds the hits of one text. The passes differ only in what they do with them,
// so what one replaces the other looks for.
type scanner struct {
	options
	b    []byte
	hits []hit
	last span // the latest word
	line lineState
	msg  message
	tag  keyKind // of the XML element that is being opened
	list keyKind // of the list of JSON that is being read
}

// options are what does not change with the text.
type options struct {
	log        bool
	identities bool
	known      *dictionary     // nil: nothing is known yet
	domains    map[string]bool // of the hosts that were named; nil: nobody asks
	columns    []keyKind       // of CSV
	first      bool            // the text begins with their names
	depth      int             // how many encodings were undone
}

// A span is b[from:to].
type span struct{ from, to int }

// lineState is what is known of the line in hand.
type lineState struct {
	from    int
	text    int // where its text begins, without indentation and bar
	hits    int // how many there were before it
	escaped bool
	quoted  bool
	userAt  int // an @ whose left side is done
	params  int // up to here stand parameters of a challenge or its answer
	numbers int // a list of numbers goes on here
	folded  fold
	pem     bool
}

// A fold says what a header with secrets makes of the lines that go on with it.
type fold uint8

const (
	foldNone fold = iota
	foldSecret
	foldParams
)

// maxDepth is how many encodings, one upon the other, are undone.
const maxDepth = 3

func (s *scanner) run() {
	s.line.userAt, s.last = -1, span{-1, -1}
	i := s.newLine(0)
	for i < len(s.b) {
		k := kinds[s.b[i]]
		if k == 0 {
			i = max(i+1, s.sign(i))
			continue
		}
		from, flags := i, k
		for i++; i < len(s.b); i++ {
			if k = kinds[s.b[i]]; k == 0 {
				break
			}
			flags |= k
		}
		s.last = span{from, i}
		i = max(i, s.word(from, i, flags))
	}
	s.endLine(len(s.b))
	s.endMessage(len(s.b))
}

// sign looks at a byte that belongs to no word and returns where to go on.
func (s *scanner) sign(i int) int {
	switch s.b[i] {
	case ' ', ',', ';':
	case '\n':
		s.endLine(i)
		return s.newLine(i + 1)
	case '=':
		s.line.quoted = s.line.quoted || s.known != nil && s.depth == 0 && quotedName(s.b, i)
		return s.keyed(i, '=')
	case ':':
		return s.colon(i)
	case '@':
		s.at(i)
	case '<':
		s.open(i)
	case '>':
		return s.opened(i)
	case '/':
		return s.segment(i)
	case '(':
		s.bracket(i)
	case '"':
		return s.listItem(i)
	case ']', '{':
		s.list = keyNone
	case '%', '&', '\\', '#':
		s.line.escaped = s.line.escaped || escapeAt(s.b, i) > 0
	}
	return i + 1
}

// add takes in a hit. What lies within an earlier one is none, what lies around one takes
// its place.
func (s *scanner) add(c class, r rule, from, to int) {
	s.put(hit{from: int32(from), to: int32(to), class: c, rule: r, v: s.b[from:to]})
}

func (s *scanner) put(h hit) {
	if h.from >= h.to {
		return
	}
	n := len(s.hits)
	if n == s.line.hits || s.hits[n-1].to <= h.from { // as ever
		s.hits = append(s.hits, h)
		return
	}
	for n > s.line.hits && s.hits[n-1].from >= h.to { // what a look ahead found
		n--
	}
	first := n
	for first > s.line.hits && s.hits[first-1].to > h.from {
		last := &s.hits[first-1]
		switch {
		case h.class == secret && (last.from > h.from || last.class != secret):
			h.from, h.to = min(h.from, last.from), max(h.to, last.to)
			h.v = s.b[h.from:h.to]
		case last.from < h.from || last.to >= h.to || last.class == secret:
			return
		}
		first--
	}
	s.hits = slices.Replace(s.hits, first, n, h)
}

// newLine begins a line and returns where to go on.
func (s *scanner) newLine(i int) int {
	s.line.from, s.line.hits, s.line.escaped, s.line.quoted, s.tag = i, len(s.hits), false, false, keyNone
	if i >= len(s.b) {
		return i
	}
	c := s.b[i]
	if s.log && (c >= '0' && c <= '9' || c == '<' || c >= 'A' && c <= 'S') && s.head(i) {
		s.line.pem, s.line.folded = false, foldNone
	}
	j := i
	for j < len(s.b) && (s.b[j] == ' ' || s.b[j] == '|' || s.b[j] == '\t') {
		j++
	}
	s.line.text = j
	if s.log {
		s.message(i, j)
	}
	if s.line.pem || s.line.folded != foldNone {
		return s.goesOn(i, j)
	}
	if j < len(s.b) && s.b[j] == '-' && bytes.HasPrefix(s.b[j:], []byte("-----BEGIN ")) {
		s.line.pem = s.identities || bytes.Contains(s.b[j:s.lineEnd(j)], []byte("PRIVATE KEY"))
		return s.lineEnd(j)
	}
	if s.columns != nil {
		s.fields(i)
	}
	return i
}

// goesOn treats a line that goes on with a PEM block or a header with secrets.
func (s *scanner) goesOn(i, text int) int {
	end := s.lineEnd(i)
	stop := end
	for stop > text && (isBlank(s.b[stop-1]) || s.b[stop-1] == '\r' || s.b[stop-1] == '|') {
		stop--
	}
	if s.line.pem {
		if bytes.HasPrefix(s.b[text:], []byte("-----END")) {
			s.line.pem = false
			return end
		}
		s.secret(rulePEM, text, stop)
		return end
	}
	if lead := s.b[i:text]; !bytes.HasPrefix(lead, []byte("  ")) && bytes.IndexByte(lead, '\t') < 0 || text == stop {
		s.line.folded = foldNone
		return i
	}
	if s.line.folded == foldParams {
		s.line.params = end
		return i
	}
	s.secret(ruleAuthorization, text, stop)
	return end
}

// lineEnd is where the line of i ends.
func (s *scanner) lineEnd(i int) int {
	if n := bytes.IndexByte(s.b[i:], '\n'); n >= 0 {
		return i + n
	}
	return len(s.b)
}

// endLine looks once more at a line with escapes, with these undone.
func (s *scanner) endLine(end int) {
	if s.depth >= maxDepth || end <= s.line.from {
		return
	}
	text := s.b[s.line.from:end]
	if s.line.escaped {
		s.through(text, unescape(text), false)
	}
	if s.line.quoted {
		s.through(text, unquote(text), true)
	}
}

// through scans a line with its escapes undone. onlyKnown: what is found counts only if it
// is known to be raw.
func (s *scanner) through(text []byte, v view, onlyKnown bool) {
	child := scanner{options: s.options, b: v.b}
	child.depth++
	child.columns = nil
	child.run()
	base := s.line.from
	var found []hit
	for _, h := range child.hits {
		if onlyKnown && !s.known.has(h.class, h.v) {
			continue
		}
		h.from, h.to = int32(base)+v.from[h.from], int32(base)+v.from[h.to]
		found = append(found, h)
	}
	if !onlyKnown {
		for _, f := range child.msg.done {
			s.msg.done = append(s.msg.done, f.moved(base, v.from))
		}
	}
	if len(found) > 0 {
		merged := merge(s.hits[s.line.hits:], found) // of its own
		s.hits = append(s.hits[:s.line.hits], merged...)
	}
}

// merge joins the hits of a text as it is and with its escapes undone. Secrets are joined to
// the largest, of others those of the undone text count.
func merge(own, undone []hit) []hit {
	secrets := func(of []hit) (yes, no []hit) {
		for _, h := range of {
			if h.class == secret {
				yes = append(yes, h)
			} else {
				no = append(no, h)
			}
		}
		return yes, no
	}
	ownSecrets, own := secrets(own)
	undoneSecrets, undone := secrets(undone)
	out := over(join(ownSecrets, undoneSecrets), undone)
	return over(out, own)
}

// join is the hits of both in order, those that touch each other made one.
func join(a, b []hit) []hit {
	all := inOrder(a, b)
	out := all[:0]
	for _, h := range all {
		if n := len(out); n > 0 && h.from < out[n-1].to {
			out[n-1].to = max(out[n-1].to, h.to)
			continue
		}
		out = append(out, h)
	}
	return out
}

// over is first and those of then that touch none of it, in order.
func over(first, then []hit) []hit {
	i := 0
	var free []hit
	for _, h := range then {
		for i < len(first) && first[i].to <= h.from {
			i++
		}
		if i == len(first) || first[i].from >= h.to {
			free = append(free, h)
		}
	}
	return inOrder(first, free)
}

func inOrder(a, b []hit) []hit {
	out := make([]hit, 0, len(a)+len(b))
	for len(a) > 0 && len(b) > 0 {
		if a[0].from <= b[0].from {
			out, a = append(out, a[0]), a[1:]
		} else {
			out, b = append(out, b[0]), b[1:]
		}
	}
	return append(append(out, a...), b...)
}
