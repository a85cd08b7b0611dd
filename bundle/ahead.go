package bundle

import "io"

const (
	aheadBlock  = 256 << 10
	aheadBlocks = 3
)

// An ahead reads what is read from it beforehand, so that one core decompresses while another
// hashes. A goroutine does, until all was read or stop, which waits for it.
type ahead struct {
	full  chan aheadRead
	empty chan []byte
	done  chan struct{} // closed by stop
	ended chan struct{} // closed by the goroutine

	whole []byte // the block that rest is of
	rest  []byte
	err   error
}

type aheadRead struct {
	b   []byte
	err error
}

func newAhead(r io.Reader) *ahead {
	a := &ahead{full: make(chan aheadRead, aheadBlocks), empty: make(chan []byte, aheadBlocks), done: make(chan struct{}), ended: make(chan struct{})}
	for range aheadBlocks {
		a.empty <- make([]byte, aheadBlock)
	}
	go func() {
		defer close(a.ended)
		a.run(r)
	}()
	return a
}

func (a *ahead) run(r io.Reader) {
	for {
		var b []byte
		select {
		case b = <-a.empty:
		case <-a.done:
			return
		}
		n, err := 0, error(nil)
		for n < len(b) && err == nil {
			var m int
			m, err = r.Read(b[n:])
			n += m
		}
		a.full <- aheadRead{b[:n], err} // there is room for all blocks
		if err != nil {
			return
		}
	}
}

func (a *ahead) Read(p []byte) (int, error) {
	for len(a.rest) == 0 {
		if a.err != nil {
			return 0, a.err
		}
		if a.whole != nil {
			a.empty <- a.whole[:aheadBlock] // as above
		}
		next := <-a.full
		a.whole, a.rest, a.err = next.b, next.b, next.err
	}
	n := copy(p, a.rest)
	a.rest = a.rest[n:]
	return n, nil
}

// stop ends the reading. Nothing is read from a any more.
func (a *ahead) stop() {
	close(a.done)
	<-a.ended
}
