package hostconn

import (
	"cmp"
	"context"
	"io"
	"sync"
	"sync/atomic"
	"time"
)

const (
	chunk       = 4 * largestPacket // bytes of one read, unless the source has a unit of its own
	readers     = 2                 // reads of a file under way at once: one SSH channel lets 2 MiB through in a round trip
	flushEvery  = 64 << 20          // bytes after which what was written is brought to the disk
	settleEvery = 16 << 20          // bytes after which what is in doubt is settled
	settleAfter = 2 * time.Second   // after which it is settled, too
)

// Run copies the range of src, several reads at once, and returns how many bytes
// from the start on are whole.
func (c *Transfer) Run(ctx context.Context, src io.ReaderAt, m *Meter) (int64, error) {
	var flushing, wg sync.WaitGroup
	flushing.Go(c.flushing)
	if w, ok := src.(*source); ok {
		wg.Go(func() { w.copyTo(ctx, c, m) })
	}
	c.read(ctx, src, m, c.fast.Load) // until channels are faster
	wg.Wait()
	c.read(ctx, src, m, func() bool { return false }) // what they have left
	close(c.flush)
	flushing.Wait()
	return min(c.whole, c.to-c.from), c.err
}

// read copies by several reads of src at once, until nothing is left or enough
// says so.
func (c *Transfer) read(ctx context.Context, src io.ReaderAt, m *Meter, enough func() bool) {
	if !c.left() {
		return
	}
	var wg sync.WaitGroup
	for range min(readers, (c.to-c.from+c.chunk-1)/c.chunk) {
		wg.Go(func() {
			for !enough() {
				at, ok := c.claim(ctx)
				if !ok {
					return
				}
				n := c.length(at)
				err := m.Wait(ctx, n)
				if err == nil {
					err = c.readChunk(src, at, n)
				}
				c.finish(at, err)
				if err == nil {
					m.Add(n)
				}
			}
		})
	}
	wg.Wait()
}

// readChunk copies n bytes, and has memory for them while it does: hundreds may wait for turns.
func (c *Transfer) readChunk(src io.ReaderAt, at, n int64) error {
	b, free := chunkMemory(n)
	if err := ReadFull(src, b, c.from+at); err != nil {
		return err // what goes on may still write into it: see shared.do
	}
	defer free()
	return c.write(b, c.from+at)
}

// chunkBuffers is memory for whole chunks; what is much smaller is not worth keeping one.
var chunkBuffers = sync.Pool{New: func() any { return new([chunk]byte) }}

// chunkMemory is memory of n bytes, and what gives it back.
func chunkMemory(n int64) (b []byte, free func()) {
	if n > chunk/2 && n <= chunk {
		buf := chunkBuffers.Get().(*[chunk]byte)
		return buf[:n], func() { chunkBuffers.Put(buf) }
	}
	return make([]byte, n), func() {}
}

// A Transfer copies a range of a file. It hands the range out in chunks, which are known
// by their offset in it, and knows how far all of them are done.
type Transfer struct {
	dst      io.WriterAt
	off      int64 // of the range in dst
	from, to int64
	chunk    int64       // bytes of one chunk
	fast     atomic.Bool // more channels are at work

	mu sync.Mutex
	chunks
	err     error
	flush   chan struct{}
	flushed int64                          // what was whole when flush was told last
	told    time.Time                      // when
	Settle  func(whole int64, synced bool) // told now and then how far it is, and whether that is on the disk for good; may be nil
}

// chunks are those of a range.
type chunks struct {
	next    int64          // the one that is claimed next
	todo    []int64        // those to be copied once more
	whole   int64          // all before it is copied
	done    map[int64]bool // those after whole that are copied: about as many as are read at once
	drained chan struct{}  // closed when there was nothing to claim
	empty   bool           // drained is closed
}

// NewTransfer is one of [from, to) of src into dst, where it begins at off.
func NewTransfer(src io.ReaderAt, dst io.WriterAt, off, from, to int64) *Transfer {
	return &Transfer{dst: dst, off: off, from: from, to: to, chunk: Unit(src, chunk), flush: make(chan struct{}, 1), told: time.Now(),
		chunks: chunks{done: map[int64]bool{}, drained: make(chan struct{})}}
}

// length is how many bytes a chunk has.
func (c *Transfer) length(at int64) int64 { return min(c.chunk, c.to-c.from-at) }

// write writes bytes of the source at off to their place.
func (c *Transfer) write(b []byte, off int64) error {
	_, err := c.dst.WriteAt(b, c.off+off-c.from)
	return err
}

func (c *Transfer) claim(ctx context.Context) (int64, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err == nil {
		c.err = ctx.Err()
	}
	if n := len(c.todo); c.err == nil && n > 0 {
		at := c.todo[n-1]
		c.todo = c.todo[:n-1]
		return at, true
	}
	if c.err != nil || c.next >= c.to-c.from {
		if !c.empty {
			close(c.drained)
		}
		c.empty = true
		return 0, false
	}
	c.next += c.chunk
	return c.next - c.chunk, true
}

func (c *Transfer) left() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.next < c.to-c.from || len(c.todo) > 0
}

func (c *Transfer) failed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err != nil
}

// again hands a chunk out once more, which may be done already.
func (c *Transfer) again(at int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.done, at)
	for o := at + c.chunk; o < c.whole; o += c.chunk {
		c.done[o] = true
	}
	c.whole = min(c.whole, at)
	c.todo = append(c.todo, at)
	if c.whole < c.flushed { // what was settled is not
		c.tell()
	}
}

func (c *Transfer) finish(at int64, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil {
		if c.err == nil {
			c.err = err
		}
		return
	}
	for c.done[at] = true; c.done[c.whole]; c.whole += c.chunk {
		delete(c.done, c.whole)
	}
	if n := c.whole - c.flushed; c.whole < c.to-c.from && (n >= settleEvery || n > 0 && time.Since(c.told) >= settleAfter) {
		c.tell()
	}
}

// tell lets flushing know how far the copying is.
func (c *Transfer) tell() {
	c.flushed, c.told = c.whole, time.Now()
	select {
	case c.flush <- struct{}{}:
	default:
	}
}

// flushing brings what is written to the disk beside the copying, so that little
// is left to wait for at its end, and lets settle know how far it is.
func (c *Transfer) flushing() {
	var synced int64
	for range c.flush {
		c.mu.Lock()
		whole := c.whole
		c.mu.Unlock()
		d, ok := c.dst.(interface{ Sync() error })
		if ok = ok && (whole-synced >= flushEvery || whole < synced); ok {
			synced = whole
			if err := d.Sync(); err != nil {
				c.mu.Lock()
				c.err = cmp.Or(c.err, err)
				c.mu.Unlock()
				continue
			}
		}
		if c.Settle != nil {
			c.Settle(whole, ok)
		}
	}
}
