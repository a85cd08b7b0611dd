package find

import (
	"bytes"
	"slices"

	"rtmtgrab/bundle/mask/find/undo"
)

// A Hit is a stretch of a text that is to be replaced.
type Hit struct {
	From, To int32
	At       int32 // of Length: which; of Addrs: how it is spelled, if not with dots
	Class    Class
	Rule     Rule
	V        []byte // what stands there, escapes undone, in its own spelling
	Coded    *Coding
}

// A scanner finds the hits of one text. The passes differ only in what they do with them,
// so what one replaces the other looks for.
type scanner struct {
	Options
	b    []byte
	hits []Hit
	last Span // the latest word
	line lineState
	msg  message
	tag  Key // of the XML element that is being opened
	list Key // of the list of JSON that is being read

	recent *recent   // nil: it is not worth while
	seen   *seenWord // the latest word; nil: it is not known
	puts   int       // how often a hit was put, also such as were none
}

// Options are what does not change with the text.
type Options struct {
	Log        bool            // records and messages begin in it
	Identities bool            // else secrets alone are found
	Known      *Dictionary     // nil: nothing is known yet
	Domains    map[string]bool // gets those of the hosts that are named; nil: nobody asks
	Columns    []Key           // of CSV
	First      bool            // the text begins with their names
	Ours       bool            // whoever wrote the text says "by hand" and means no name
	Memory     *Memory         // nil: none
	depth      int             // how many encodings were undone
}

// A Span is b[from:to].
type Span struct{ From, To int }

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
	run     int // up to here signs of base64 go on
	folded  fold
	indent  int // of the header that is folded
	pem     bool
	sdp     bool // a description of media goes on
	crossed bool // what is in it was told by another one, too
	note    *seenLine
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
	s.line.userAt, s.last = -1, Span{-1, -1}
	i := s.newLine(0)
	for i < len(s.b) {
		c := s.b[i]
		k := kinds[c]
		if k == 0 {
			if !signs[c] || c == '"' && s.list == keyNone {
				i++
			} else {
				i = max(i+1, s.sign(i))
			}
			continue
		}
		from, flags := i, k
		for i++; i < len(s.b); i++ {
			if k = kinds[s.b[i]]; k == 0 {
				break
			}
			flags |= k
		}
		s.last = Span{from, i}
		if s.recent == nil {
			i = max(i, s.word(from, i, flags))
		} else if i = max(i, again(s, from, i, flags)); i == s.last.To && i < len(s.b) {
			i = s.plainSign(i)
		}
	}
	s.endLine(len(s.b))
	s.msg.end(len(s.b))
}

// plainSign goes on behind the = or : at i, if the word before is known and no key.
func (s *scanner) plainSign(i int) int {
	c := s.b[i]
	if c != '=' && c != ':' || s.seen == nil || s.seen.key != keyNone || s.b[s.last.From] == '0' || i+1 >= len(s.b) {
		return i
	}
	if c == ':' {
		if next := s.b[i+1]; next == ':' || isHex(next) || s.seen.scheme {
			return i
		}
		return i + 1
	}
	if i < s.line.params {
		return i
	}
	s.line.quoted = s.line.quoted || s.Known != nil && s.depth == 0 && undo.HidesName(s.b, i)
	return i + 1
}

// signs are the bytes that sign looks at.
var signs = tableOf("\n=:@<>/(\"]{%&\\#")

// sign looks at a byte that belongs to no word and returns where to go on.
func (s *scanner) sign(i int) int {
	switch s.b[i] {
	case '\n':
		s.endLine(i)
		return s.newLine(i + 1)
	case '=':
		s.line.quoted = s.line.quoted || s.Known != nil && s.depth == 0 && undo.HidesName(s.b, i)
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
		bracket(s, i)
	case '"':
		return s.listItem(i)
	case ']', '{':
		s.list = keyNone
	case '%', '&', '\\', '#':
		s.line.escaped = s.line.escaped || undo.EscapeAt(s.b, i) > 0
	}
	return i + 1
}

// add takes in a hit. What lies within an earlier one is none, what lies around one takes
// its place.
func (s *scanner) add(c Class, r Rule, from, to int) {
	s.put(Hit{From: int32(from), To: int32(to), Class: c, Rule: r, V: s.b[from:to]})
}

func (s *scanner) put(h Hit) {
	s.puts++
	if h.From >= h.To {
		return
	}
	n := len(s.hits)
	if n == s.line.hits || s.hits[n-1].To <= h.From { // as ever
		s.hits = append(s.hits, h)
		return
	}
	for n > s.line.hits && s.hits[n-1].From >= h.To { // what a look ahead found
		n--
	}
	first := n
	for first > s.line.hits && s.hits[first-1].To > h.From {
		last := &s.hits[first-1]
		switch {
		case h.Class == Secret && (last.From > h.From || last.Class != Secret):
			h.From, h.To = min(h.From, last.From), max(h.To, last.To)
			h.V = s.b[h.From:h.To]
		case last.From < h.From || last.To >= h.To || last.Class == Secret:
			return
		}
		first--
	}
	s.hits = slices.Replace(s.hits, first, n, h)
}

// newLine begins a line and returns where to go on.
func (s *scanner) newLine(i int) int {
	s.line.from, s.line.hits, s.line.escaped, s.line.quoted, s.line.note, s.tag = i, len(s.hits), false, false, nil, keyNone
	for s.line.hits > 0 && int(s.hits[s.line.hits-1].To) > i { // found by looking ahead
		s.line.hits--
	}

	if i >= len(s.b) {
		return i
	}
	c := s.b[i]
	head := s.Log && (c >= '0' && c <= '9' || c == '<' || c >= 'A' && c <= 'S') && s.head(i)
	if head {
		s.line.pem, s.line.sdp, s.line.folded = false, false, foldNone
	}
	j := i
	for j < len(s.b) && (s.b[j] == ' ' || s.b[j] == '|' || s.b[j] == '\t') {
		j++
	}
	s.line.text = j
	if s.Log {
		s.msg.pass(s.b, i, j)
	}
	if s.line.pem || s.line.folded != foldNone {
		return s.goesOn(i, j)
	}
	if j > i && s.Identities && j+3 < len(s.b) && s.b[j] == 'b' && s.b[j+1] == 'y' && hopGoesOn(s.b[j:lineEnd(s.b, j)]) {
		s.received(j)
	}
	if s.Identities && j+2 < len(s.b) && s.b[j+1] == '=' {
		mediaLine(s, j)
	} else {
		s.line.sdp = false
	}
	if s.Columns != nil {
		s.fields(i)
	}
	if s.recent != nil && !head {
		return repeated(s, i, j)
	}
	return i
}

// goesOn treats a line that goes on with a PEM block or a header with secrets.
func (s *scanner) goesOn(i, text int) int {
	end := lineEnd(s.b, i)
	stop := end
	for stop > text && (isBlank(s.b[stop-1]) || s.b[stop-1] == '\r' || s.b[stop-1] == '|') {
		stop--
	}
	if s.line.pem {
		if !pemLine(s.b[text:stop]) {
			s.line.pem = false
			return i
		}
		s.out(rulePEM, text, stop)
		return end
	}
	if indent(s.b[i:text]) <= s.line.indent || text == stop {
		s.line.folded = foldNone
		return i
	}
	if s.line.folded == foldParams {
		s.line.params = end
		return i
	}
	s.out(ruleAuthorization, text, stop)
	return end
}

// pemLine reports whether a line goes on with a PEM block.
func pemLine(line []byte) bool {
	for _, c := range line {
		if !Is64(c) && c != '=' && c != '*' {
			return bytes.HasPrefix(line, []byte("Proc-Type:")) || bytes.HasPrefix(line, []byte("DEK-Info:"))
		}
	}
	return true
}

// fold notes that lines that are further indented go on with the header of this one.
func (s *scanner) fold(f fold) {
	s.line.folded, s.line.indent = f, indent(s.b[s.line.from:s.line.text])
}

// indent is how many blanks stand in front of a line, of those that have a bar behind that. A
// tab counts for eight.
func indent(lead []byte) int {
	lead = lead[bytes.LastIndexByte(lead, '|')+1:]
	return len(lead) + 7*bytes.Count(lead, []byte("\t"))
}

// lineEnd is where the line of i ends.
func lineEnd(b []byte, i int) int {
	if n := bytes.IndexByte(b[i:], '\n'); n >= 0 {
		return i + n
	}
	return len(b)
}

// head looks whether a record begins at i, and notes the hosts that speak.
func (s *scanner) head(i int) bool {
	hosts, ok := speakers(s.b, i)
	if !ok {
		return false
	}
	s.msg.end(i)
	for _, h := range hosts {
		if h.To > h.From && all(s.b[h.From:h.To], 0xff) {
			s.host(h.From, h.To, ruleHost)
		}
	}
	return true
}

// endLine looks once more at a line with escapes, with these undone.
func (s *scanner) endLine(end int) {
	if s.line.note != nil {
		s.line.note.record(s, end)
	}
	if s.depth >= maxDepth || end <= s.line.from {
		return
	}
	text := s.b[s.line.from:end]
	if s.line.escaped {
		s.through(text, undo.Escapes(text), false)
	}
	if s.line.quoted {
		s.through(text, undo.Quoted(text), true)
	}
}

// through scans a line with its escapes undone. onlyKnown: what is found counts only if it
// is known to be raw.
func (s *scanner) through(text []byte, v undo.View, onlyKnown bool) {
	child := scanner{Options: s.Options, b: v.B}
	child.depth++
	child.Columns = nil
	child.run()
	base := s.line.from
	var found []Hit
	for _, h := range child.hits {
		if onlyKnown && !s.Known.has(h.Class, h.V) {
			continue
		}
		h.From, h.To = int32(base)+v.From[h.From], int32(base)+v.From[h.To]
		found = append(found, h)
	}
	if !onlyKnown {
		for _, f := range child.msg.done {
			s.msg.done = append(s.msg.done, f.moved(base, v.From))
		}
	}
	if len(found) > 0 {
		merged := merge(s.b, s.hits[s.line.hits:], found) // of its own
		s.hits = append(s.hits[:s.line.hits], merged...)
	}
}
