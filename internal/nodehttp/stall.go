package nodehttp

import (
	"context"
	"errors"
	"io"
	"sync/atomic"
	"time"
)

// What a body has to bring in the time that is spent waiting for it.
const (
	leisure  = time.Minute // more than that
	leastBps = 16 << 10
)

// ErrStalled is of a body of which nothing more came, or too little.
var ErrStalled = errors.New("it stopped sending")

// A watched body is given up when nothing comes of it for stallLimit, or too little over
// a longer time. The time that its reader takes is not counted.
type watched struct {
	body    io.ReadCloser
	cancel  context.CancelFunc
	waited  time.Duration
	got     int64
	stalled atomic.Bool
}

func watch(body io.ReadCloser, cancel context.CancelFunc) io.ReadCloser {
	return &watched{body: body, cancel: cancel}
}

func (w *watched) Read(b []byte) (int, error) {
	left := leisure + time.Duration(w.got/leastBps)*time.Second - w.waited
	timer := time.AfterFunc(min(stallLimit, max(left, time.Millisecond)), func() {
		w.stalled.Store(true)
		w.cancel()
	})
	began := time.Now()
	n, err := w.body.Read(b)
	timer.Stop()
	w.waited += time.Since(began)
	w.got += int64(n)
	if err != nil && err != io.EOF && w.stalled.Load() {
		err = ErrStalled
	}
	return n, err
}

func (w *watched) Close() error {
	w.cancel()
	return w.body.Close()
}
