package hostconn

import (
	"errors"
	"fmt"
	"io"
	"sync"
)

const (
	HeadSize = 4 << 10 // bytes by which a file is known again
	TinyHead = 64      // fewer bytes do not tell files apart
	MaxFiles = 4096    // files of a host
)

// ReadFull fills b from off, for a server may answer with less than it was asked
// for; a file that ends before is an error, never silence.
func ReadFull(r io.ReaderAt, b []byte, off int64) error {
	for got := 0; got < len(b); {
		n, err := r.ReadAt(b[got:], off+int64(got))
		got += n
		if got == len(b) {
			return nil
		}
		eof := err == nil || errors.Is(err, io.EOF)
		if n > 0 && eof {
			continue
		}
		if eof {
			err = ErrShort
		}
		return fmt.Errorf("read %d bytes at %d: got %d: %w", len(b), off, got, err)
	}
	return nil
}

// ErrShort says that a file ended before the size that it was known to have.
var ErrShort = errors.New("the file is shorter than it was")

// Each runs f(0) … f(n-1), at most so many at a time, begun in order, and waits.
// A panic in one of them is one of the caller's.
func Each(n, most int, f func(int)) {
	var wg sync.WaitGroup
	slots := make(chan struct{}, most)
	var mu sync.Mutex
	var caught any
	for i := range n {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			defer func() {
				if v := recover(); v != nil {
					mu.Lock()
					caught = v
					mu.Unlock()
				}
			}()
			f(i)
		})
	}
	wg.Wait()
	if caught != nil {
		panic(caught)
	}
}
