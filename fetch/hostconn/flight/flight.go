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
	io.Closer
	w     io.Writer
	start func(func()) // starts a goroutine that somebody waits for

	mu      sync.Mutex
	pending []byte
	spare   []byte // memory for what is pending next
	sending bool
	err     error
}

// New is a Writer to w, which start starts a goroutine for.
func New(w io.WriteCloser, start func(func())) *Writer {
	return &Writer{Closer: w, w: w, start: start}
}

func (f *Writer) Write(b []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
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

// send sends until nothing is pending.
func (f *Writer) send() {
	runtime.Gosched()
	for b := f.next(nil, nil); b != nil; {
		_, err := f.w.Write(b)
		b = f.next(b, err)
	}
}

// next is what is to be sent now, nil if nothing is; sent is what was sent before, with which
// outcome.
func (f *Writer) next(sent []byte, err error) []byte {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err == nil {
		f.err = err
	}
	if sent != nil && cap(sent) <= keepUnsent {
		f.spare = sent[:0]
	}
	b := f.pending
	if len(b) == 0 || f.err != nil {
		f.sending, f.pending = false, nil
		if cap(b) <= keepUnsent {
			f.spare = b[:0]
		}
		return nil
	}
	f.pending, f.spare = f.spare[:0], nil
	return b
}
