// Package loglines writes a log for a reader who may stop reading: a terminal that was halted
// (Ctrl-S), a pager, a log service that hangs. Whoever logs never waits for him.
//
// It guarantees that lines come whole and in order, that at most a MiB of them waits, and that
// those that found no room are counted in a line of their own. It knows nothing of what they say.
package loglines

import (
	"bytes"
	"io"
	"log/slog"
	"sync"
	"time"
)

const (
	most     = 1 << 20         // bytes that wait
	farewell = 2 * time.Second // for what waits at the end
)

// A Writer is a log's destination. Each Write is a line. It is safe for concurrent use.
type Writer struct {
	to   io.Writer
	more chan struct{} // something waits
	done chan struct{} // closed when nothing is written any more

	mu      sync.Mutex
	waiting []byte
	lost    int  // lines since the last that waits
	closed  bool // more is
}

// New makes a Writer, whose goroutine lives until Close, or as long as to holds it.
func New(to io.Writer) *Writer {
	w := &Writer{to: to, more: make(chan struct{}, 1), done: make(chan struct{})}
	go w.run()
	return w
}

// Write takes a line, or counts it where too many wait. It never fails.
func (w *Writer) Write(line []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.closed:
		return len(line), nil
	case w.lost > 0 || len(w.waiting)+len(line) > most: // none comes before the line that counts
		w.lost++
	default:
		w.waiting = append(w.waiting, line...)
	}
	select {
	case w.more <- struct{}{}:
	default:
	}
	return len(line), nil
}

// Close has what waits written, but waits no longer than a moment for it.
func (w *Writer) Close() {
	w.mu.Lock()
	if !w.closed {
		w.closed = true
		close(w.more)
	}
	w.mu.Unlock()
	end := time.NewTimer(farewell)
	defer end.Stop()
	select {
	case <-w.done:
	case <-end.C:
	}
}

func (w *Writer) run() {
	defer close(w.done)
	for range w.more {
		w.flush()
	}
	w.flush()
}

func (w *Writer) flush() {
	for b := w.take(); len(b) > 0; b = w.take() {
		w.to.Write(b)
	}
}

// take is what waits, and how much was lost after it.
func (w *Writer) take() []byte {
	w.mu.Lock()
	defer w.mu.Unlock()
	b := w.waiting
	if w.lost > 0 {
		var line bytes.Buffer
		slog.New(slog.NewTextHandler(&line, nil)).Warn("lines of this log are lost: nobody read it", "lines", w.lost)
		b = append(b, line.Bytes()...)
	}
	w.waiting, w.lost = nil, 0
	return b
}
