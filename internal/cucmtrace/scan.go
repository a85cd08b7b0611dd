package cucmtrace

import (
	"bytes"
	"errors"
	"io"
)

// MaxRecord is the longest piece in which a record is given.
const MaxRecord = 1 << 20

// A piece is a record, or a part of one, before its time is known.
type piece struct {
	text   []byte // valid until the next one
	offset int64
	head   bool   // it begins a record; else it goes on, or stands before the first one
	whole  bool   // another record begins behind it, or the input ends well
	next   []byte // the beginning of what follows it; empty: nothing
}

// A splitter cuts a stream into pieces.
type splitter struct {
	r      io.Reader
	starts func(line []byte) bool          // a record begins with this line
	opaque func(record []byte) (int, bool) // how many of a record's first bytes are one whole, if its first lines say so
	buf    []byte
	begin  int   // of the piece that comes next, in buf
	offset int64 // of buf[begin]
	err    error // the reader's, once it has ended
}

func newSplitter(r io.Reader, starts func([]byte) bool, opaque func([]byte) (int, bool)) *splitter {
	return &splitter{r: r, starts: starts, opaque: opaque, buf: make([]byte, 0, 512<<10)}
}

// headRoom is how much of what follows a piece is looked at.
const headRoom = 64

// fill reads more behind what is in the buffer; false: there is no more.
func (s *splitter) fill() bool {
	if s.err != nil {
		return false
	}
	if s.begin > 0 && len(s.buf) == cap(s.buf) {
		n := copy(s.buf, s.buf[s.begin:])
		s.buf, s.begin = s.buf[:n], 0
	}
	if len(s.buf) == cap(s.buf) {
		grown := make([]byte, len(s.buf), 2*cap(s.buf))
		copy(grown, s.buf)
		s.buf = grown
	}
	for range 100 {
		n, err := s.r.Read(s.buf[len(s.buf):cap(s.buf)])
		s.buf = s.buf[:len(s.buf)+n]
		if s.err = err; n > 0 || err != nil {
			return n > 0
		}
	}
	s.err = io.ErrNoProgress
	return false
}

// next is the next piece. Its error is io.EOF at the end, or the reader's, after all
// that could be read was given.
func (s *splitter) next() (piece, error) {
	if s.begin == len(s.buf) && !s.fill() {
		return piece{}, s.err
	}
	end, head := s.end()
	p := piece{text: s.buf[s.begin:end], offset: s.offset, head: head}
	p.next = s.buf[end:min(end+headRoom, len(s.buf))]
	p.whole = len(p.next) > 0 || errors.Is(s.err, io.EOF)
	s.offset += int64(end - s.begin)
	s.begin = end
	return p, nil
}

// end finds where the piece ends that begins now: before the next line that begins a
// record. It may move the buffer, and begin with it.
func (s *splitter) end() (end int, head bool) {
	at, line := 0, 0 // of what was looked at, from begin on
	for {
		i := bytes.IndexByte(s.buf[s.begin+at:], '\n')
		for i < 0 {
			at = len(s.buf) - s.begin
			if at >= MaxRecord || !s.fill() {
				return s.begin + min(at, MaxRecord), s.isHead(head, line)
			}
			i = bytes.IndexByte(s.buf[s.begin+at:], '\n')
		}
		at += i + 1
		if line == 0 {
			head = s.starts(s.buf[s.begin : s.begin+at])
		}
		line++
		if at >= MaxRecord {
			return s.begin + MaxRecord, head
		}
		if head && line == 2 {
			at = s.pass(at)
		}
		for len(s.buf)-s.begin-at < headRoom && s.fill() {
		}
		if s.starts(s.buf[s.begin+at:]) {
			return s.begin + at, head
		}
	}
}

// isHead looks at a piece without a line end.
func (s *splitter) isHead(head bool, line int) bool {
	if line > 0 {
		return head
	}
	return s.starts(s.buf[s.begin:])
}

// maxOpaque is the longest stretch that is passed over at its record's word.
const maxOpaque = 256 << 10

// pass goes over what a record says is one whole, if a line ends there and another record
// begins behind it, or nothing does: a message may hold lines that look like records.
func (s *splitter) pass(at int) int {
	n, ok := s.opaque(s.buf[s.begin : s.begin+at])
	if !ok || n <= 0 || n > maxOpaque {
		return at
	}
	for len(s.buf)-s.begin < at+n+headRoom && s.fill() {
	}
	for _, bare := range []int{0, 1} { // as it was sent, or with line ends of one byte
		if end, ok := s.passes(at, n, bare); ok {
			return end
		}
	}
	return at
}

// passes looks for a line that ends n bytes on, or with an empty line behind that. A line
// end without CR counts so many bytes more.
func (s *splitter) passes(at, n, bare int) (int, bool) {
	for end, got := at, 0; got <= n+2; {
		rest := s.buf[s.begin+end:]
		i := bytes.IndexByte(rest, '\n')
		if i < 0 {
			return 0, false
		}
		end += i + 1
		if got += i + 1; i == 0 || rest[i-1] != '\r' {
			got += bare
		}
		if after := rest[i+1:]; got >= n && got <= n+2+bare && (len(after) == 0 || s.starts(after)) {
			return end, true
		}
	}
	return 0, false
}
