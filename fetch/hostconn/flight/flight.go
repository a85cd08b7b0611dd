// Package flight sends together what several goroutines write at about the same time: the requests of
// one flight in one packet, where each would have been one of its own, with a system call here and
// there. Nothing waits for more to come: who writes first has it sent as soon as those that are
// about to run have run.
//
// It guarantees that bytes go out in the order in which they were written, each write in one piece. It
// does not know what they mean.
package flight

import (
	"io"
	"runtime"
	"sync"
)

// keepUnsent is how many bytes of memory for requests are kept while there are none.
const keepUnsent = 256

// A Writer sends what is written to it a moment later. It is safe for concurrent use.
//
// A write returns before it is sent, and an error is that of a write before. What is not sent yet
// is bounded by who writes: each waits for an answer.
type Writer struct {
	w     io.WriteCloser
	start func(func()) // starts a goroutine that somebody waits for

	mu      sync.Mutex
	pending []byte
	spare   []byte // memory for what is pending next
	sending bool
	closed  bool
	err     error
}

// New is a Writer to w, which start starts a goroutine for.
func New(w io.WriteCloser, start func(func())) *Writer {
	return &Writer{w: w, start: start}
}

func (f *Writer) Write(b []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return 0, io.ErrClosedPipe
	}
	if f.err != nil {
		return 0, f.err
	}
	f.pending = append(f.pending, b...)
	if !f.sending {
		f.sending = true
		f.start(f.send)
	}
	return len(b), nil
}

// Close closes what is written to once nothing is pending: at once, or whoever sends does it when he has
// sent, for that is not to be closed while it is written to.
func (f *Writer) Close() error {
	f.mu.Lock()
	others := f.closed || f.sending
	f.closed = true
	f.mu.Unlock()
	if others {
		return nil
	}
	return f.w.Close()
}

// send sends until nothing is pending.
func (f *Writer) send() {
	runtime.Gosched()
	b, closed := f.next(nil, nil)
	for b != nil {
		_, err := f.w.Write(b)
		b, closed = f.next(b, err)
	}
	if closed {
		f.w.Close()
	}
}

// next is what is to be sent now, nil if nothing is, and then whether it is to be closed; sent is what
// was sent before, with which outcome.
func (f *Writer) next(sent []byte, err error) (b []byte, closed bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err == nil {
		f.err = err
	}
	if sent != nil && cap(sent) <= keepUnsent {
		f.spare = sent[:0]
	}
	b = f.pending
	if len(b) == 0 || f.err != nil {
		f.sending, f.pending = false, nil
		if cap(b) <= keepUnsent {
			f.spare = b[:0]
		}
		return nil, f.closed
	}
	f.pending, f.spare = f.spare[:0], nil
	return b, false
}
