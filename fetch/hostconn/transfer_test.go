package hostconn

import (
	"sync"
	"testing"
	"time"
)

// A long copy is brought to the disk, and settled, while it goes on.
func TestTransferSyncs(t *testing.T) {
	c := NewTransfer(zeros{}, discard{}, 0, 0, flushEvery+8<<20)
	synced := make(chan struct{})
	var once sync.Once
	c.Settle = func(n int64, is bool) {
		if is && n >= flushEvery {
			once.Do(func() { close(synced) })
		}
	}
	src := zeros{stop: synced}
	if _, err := c.Run(t.Context(), src, &Meter{}); err != nil {
		t.Fatal(err)
	}
	select {
	case <-synced:
	default:
		t.Error("nothing was synced in time")
	}
}

// What a channel that failed alone has given is copied again, and not sure until then.
func TestSettledIsTakenBack(t *testing.T) {
	c := NewTransfer(zeros{}, discard{}, 0, 0, 10*flushEvery)
	told := make(chan int64, 1)
	c.Settle = func(n int64, synced bool) {
		if synced {
			told <- n
		}
	}
	var wg sync.WaitGroup
	wg.Go(c.flushing)
	defer wg.Wait()
	defer close(c.flush)
	for at := int64(0); at < flushEvery+2*settleEvery; at += c.chunk {
		c.claim(t.Context())
		c.finish(at, nil)
	}
	whole := c.whole
	if n := <-told; n < flushEvery || n > whole {
		t.Errorf("%d bytes of %d are told", n, whole)
	}
	c.again(3 * c.chunk)
	if n := <-told; n != 3*c.chunk {
		t.Errorf("%d bytes are told then", n)
	}
}

// zeros is a file that waits near the end of so much that is synced at once.
type zeros struct{ stop chan struct{} }

func (z zeros) ReadAt(b []byte, off int64) (int, error) {
	if off >= flushEvery+6<<20 {
		select {
		case <-z.stop:
		case <-time.After(patience):
		}
	}
	clear(b)
	return len(b), nil
}

type discard struct{}

func (discard) WriteAt(b []byte, _ int64) (int, error) { return len(b), nil }
func (discard) Sync() error                            { return nil }
