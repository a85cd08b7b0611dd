package sources

import (
	"errors"
	"io"
	"sync/atomic"
	"time"
)

// A part is one file of a log.
type part struct {
	name    string
	open    func() (io.ReadCloser, error)
	length  int64 // of what is in it; -1 until it was read to its end. Atomic.
	lenient bool  // it is compressed and may be cut off: what can be read counts
}

// size is the part's length, -1 until it was read to its end.
func (p *part) size() int64 { return atomic.LoadInt64(&p.length) }

// A logFile is one log of one peer: its siblings, the oldest first, read as one
// stream, so that a record that a rotation has cut is whole.
type logFile struct {
	set    *Set
	file   string // the Source's
	many   bool
	parts  []*part
	joints []int64 // where in the one part another file of the host begins, in order
	opened atomic.Bool
	texts  *texts // nil until they are needed
}

func (l *logFile) open() (io.ReadCloser, error) {
	if !l.opened.Swap(true) && l.set.Opened != nil {
		l.set.Opened(l.file)
	}
	if len(l.parts) == 1 && !l.parts[0].lenient {
		return l.parts[0].open()
	}
	return &stream{log: l}, nil
}

// A stream reads the parts one after the other.
type stream struct {
	log *logFile
	i   int           // of the part being read
	r   io.ReadCloser // nil: the part is not open
	n   int64         // bytes of it so far
}

func (s *stream) Read(b []byte) (int, error) {
	for s.i < len(s.log.parts) {
		p := s.log.parts[s.i]
		if s.r == nil {
			r, err := p.open()
			if err != nil {
				return 0, err
			}
			s.r, s.n = r, 0
		}
		n, err := s.r.Read(b)
		s.n += int64(n)
		if err != nil && !errors.Is(err, io.EOF) && p.lenient {
			s.log.set.notes.add("%s is damaged or cut off after %d bytes: %v", p.name, s.n, err)
			err = io.EOF
		}
		if errors.Is(err, io.EOF) {
			atomic.StoreInt64(&p.length, s.n)
			s.r.Close() // all was read: an unpacker repeats what it said
			s.r, err = nil, nil
			s.i++
		}
		if n > 0 || err != nil {
			return n, err
		}
	}
	return 0, io.EOF
}

func (s *stream) Close() error {
	s.i = len(s.log.parts)
	if s.r == nil {
		return nil
	}
	r := s.r
	s.r = nil
	return r.Close()
}

// place is the part in which a byte of the joined stream lies, and where there.
// Before all was read nothing is known but the log itself.
func (l *logFile) place(offset int64) (*part, int64) {
	for i, p := range l.parts {
		n := p.size()
		if i == len(l.parts)-1 || n < 0 || offset < n {
			return p, offset
		}
		offset -= n
	}
	return nil, offset
}

// base is where in the joined stream a part begins.
func (l *logFile) base(i int) int64 {
	var n int64
	for _, p := range l.parts[:i] {
		n += max(p.size(), 0)
	}
	return n
}

// zoneOf is the zone of that name, nil if there is none.
func zoneOf(name string) *time.Location {
	if name == "" {
		return nil
	}
	z, err := time.LoadLocation(name)
	if err != nil {
		return nil
	}
	return z
}
