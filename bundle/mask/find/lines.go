package find

import (
	"bytes"
	"encoding/binary"
)

// A seenLine is a line that came twice, and its hits. Much of a log is lines that come again
// word for word.
type seenLine struct {
	hash uint64
	text []byte // nil: it came once
	hits []Hit  // from the line's beginning
	last Span   // the last word; empty: it has none
}

const (
	lineBits    = 10
	longestLine = 512
)

// goesBack are the signs that a line goes on with the one before with.
var goesBack = tableOf(`:="',`)

// repeated is called with a line that begins at i and its text at text, all that newLine does
// done. A line that came before, when nothing went on from the lines before either, is not
// scanned again: its hits are added, and where it ends is returned.
func repeated(s *scanner, i, text int) int {
	s.line.note, s.line.crossed = nil, false
	if i == 0 || len(s.hits) != s.line.hits || s.line.sdp || s.line.params > i || s.list != keyNone || s.Columns != nil {
		return i
	}
	end := lineEnd(s.b, i)
	if end-i > longestLine || text >= end || end == len(s.b) || s.b[end-1] == '\\' || goesBack[s.b[text]] {
		return i
	}
	line := s.b[i:end]
	h := hashLine(line)
	e := &s.recent.lines[h>>(64-lineBits)]
	switch {
	case e.hash != h:
		*e = seenLine{hash: h, hits: e.hits[:0]}
		return i
	case e.text == nil:
		s.line.note = e
		return i
	case !bytes.Equal(e.text, line):
		return i
	}
	e.replay(s, i)
	return end
}

// replay adds the hits of the same line at i.
func (e *seenLine) replay(s *scanner, i int) {
	for _, h := range e.hits {
		h.From, h.To = h.From+int32(i), h.To+int32(i)
		if h.V == nil {
			h.V = s.b[h.From:h.To]
		}
		s.hits = append(s.hits, h)
	}
	if e.last.To > 0 {
		s.last, s.seen = Span{e.last.From + i, e.last.To + i}, nil
	}
}

// record notes the line in hand, which ends at end, if what was found in it rests on nothing
// around it and nothing goes on in the next one.
func (e *seenLine) record(s *scanner, end int) {
	l := &s.line
	if l.crossed || l.escaped || l.quoted || l.pem || l.sdp || l.folded != foldNone || l.params > end || s.list != keyNone {
		return
	}
	found := s.hits[l.hits:]
	if n := len(found); n > 0 && int(found[n-1].To) > end {
		return
	}
	e.text, e.hits, e.last = append(e.text, s.b[l.from:end]...), e.hits[:0], Span{}
	for _, h := range found {
		if &h.V[0] == &s.b[h.From] {
			h.V = nil
		}
		h.From, h.To = h.From-int32(l.from), h.To-int32(l.from)
		e.hits = append(e.hits, h)
	}
	if s.last.From >= l.from {
		e.last = Span{s.last.From - l.from, s.last.To - l.from}
	}
}

func hashLine(b []byte) uint64 {
	const k1, k2 = 0x9e3779b97f4a7c15, 0xc2b2ae3d27d4eb4f
	h := uint64(len(b)) * k1
	for ; len(b) >= 8; b = b[8:] {
		h = (h ^ binary.LittleEndian.Uint64(b)) * k2
		h ^= h >> 32
	}
	for _, c := range b {
		h = (h ^ uint64(c)) * k1
	}
	h ^= h >> 29
	return h * k1
}
