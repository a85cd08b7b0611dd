package fetch

import (
	"errors"
	"fmt"
	"io"
	"sync"
)

const (
	headSize = 4 << 10 // bytes by which a file is known again
	tinyHead = 64      // fewer bytes do not tell files apart
	maxOpen  = 4096    // files of a host
)

// readFull fills b from off, for a server may answer with less than it was asked
// for; a file that ends before is an error, never silence.
func readFull(r io.ReaderAt, b []byte, off int64) error {
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
			err = errShort
		}
		return fmt.Errorf("read %d bytes at %d: got %d: %w", len(b), off, got, err)
	}
	return nil
}

// errShort says that a file ended before the size that it was known to have.
var errShort = errors.New("the file is shorter than it was")

// eachOf runs f(0) … f(n-1), at most so many at a time, begun in order, and waits.
// A panic in one of them is one of the caller's.
func eachOf(n, most int, f func(int)) {
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
