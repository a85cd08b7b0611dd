package sshdial

import (
	"bytes"
	"io"
	"math/rand/v2"
	"net"
	"testing"
	"time"
)

// arrivals is a connection on which so much is there to be read at a time.
type arrivals struct {
	net.Conn
	data  []byte
	parts []int
	reads int
	end   error // comes with the last byte
}

func (s *arrivals) Read(b []byte) (int, error) {
	s.reads++
	if len(s.data) == 0 {
		return 0, io.EOF
	}
	part := len(s.data)
	if len(s.parts) > 0 {
		part, s.parts = min(part, s.parts[0]), s.parts[1:]
	}
	n := copy(b, s.data[:part])
	if rest := part - n; rest > 0 {
		s.parts = append([]int{rest}, s.parts...)
	}
	if s.data = s.data[n:]; len(s.data) == 0 {
		return n, s.end
	}
	return n, nil
}

func (s *arrivals) Close() error { return nil }

func (s *arrivals) SetReadDeadline(time.Time) error { return nil }

// What is read is what came, whatever came at a time and is asked for, and an error comes behind
// it; much of it is read at once.
func TestAhead(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	pattern := make([]byte, 400<<10)
	for i := range pattern {
		pattern[i] = byte(r.Uint32())
	}
	for range 50 {
		s := &arrivals{data: pattern[:r.IntN(len(pattern))]}
		if r.IntN(2) == 0 {
			s.end = io.ErrUnexpectedEOF
		}
		for range r.IntN(20) {
			s.parts = append(s.parts, 1+r.IntN(150<<10))
		}
		want := s.data
		a := newAhead(&conn{Conn: s, closed: make(chan struct{})})
		var got []byte
		var err error
		for err == nil {
			b := make([]byte, []int{1, 4, 4096, 30_000, 200_000}[r.IntN(5)])
			var n int
			n, err = a.Read(b)
			got = append(got, b[:n]...)
		}
		if !bytes.Equal(got, want) || a.buf != nil || err == io.ErrUnexpectedEOF && s.end == nil {
			t.Fatalf("%d bytes of %d, then %v; it keeps its buffer: %v", len(got), len(want), err, a.buf != nil)
		}
	}
	s := &arrivals{data: make([]byte, 8<<20)}
	a := newAhead(&conn{Conn: s, closed: make(chan struct{})})
	if n, err := io.Copy(io.Discard, struct{ io.Reader }{a}); n != 8<<20 || err != nil || s.reads > 8<<20/readAhead*2+10 {
		t.Errorf("%d bytes (%v) in %d reads", n, err, s.reads)
	}
}

// Nothing is kept while nothing comes.
func TestAheadAtRest(t *testing.T) {
	s := &arrivals{data: make([]byte, 4096+2000), parts: []int{300, 4096 + 1000, 700}}
	a := newAhead(&conn{Conn: s, closed: make(chan struct{})})
	b := make([]byte, 4096)
	for _, want := range []int{300, 4096, 1000, 700} {
		n, err := a.Read(b)
		if n != want || err != nil || a.buf != nil {
			t.Errorf("%d bytes, want %d; %v; it keeps its buffer: %v", n, want, err, a.buf != nil)
		}
	}
}
