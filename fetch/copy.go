package fetch

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/expressway"
)

const (
	chunk      = 4 * largestPacket // bytes of one read, unless the source has a unit of its own
	readers    = 2                 // reads of a file under way at once: one SSH channel lets 2 MiB through in a round trip
	flushEvery = 64 << 20          // bytes after which what was written is brought to the disk
	// maxGunzip bounds what one compressed file may become on this disk.
	maxGunzip = 8 << 30
)

const (
	saveEvery   = 16 << 20        // bytes after which the state is written to disk, and what is in doubt is settled
	settleAfter = 2 * time.Second // after which it is settled, too
)

// fill copies what of [from, to) of a held file is not on disk, and makes it
// durable. src is the file's uncompressed contents.
func (g *Grab) fill(ctx context.Context, src io.ReaderAt, f *family, h *held, from, to int64, m *meter) error {
	for _, l := range f.lacking(h, from, to) {
		pc := l.piece
		if pc == nil {
			f.Seq++
			pc = &piece{Name: h.name, Head: h.head, At: h.at, Size: h.size, MTime: h.mtime, First: h.first, Offset: l.from,
				File: fmt.Sprintf("%s.%d.raw", f.name, f.Seq), From: h.origin, owner: h}
			f.Pieces = append(f.Pieces, pc)
		}
		if err := g.extend(ctx, src, f, h, pc, l.to, m); err != nil {
			return err
		}
	}
	g.saved += to - from
	return g.saveSometimes(f)
}

// saveSometimes saves the state when much was copied since that was done, unless
// what was copied of f is in doubt.
func (g *Grab) saveSometimes(f *family) error {
	if f.sure != nil || g.saved < saveEvery {
		return nil
	}
	g.saved = 0
	return g.save()
}

// extend appends what lies between a piece's end and to.
func (g *Grab) extend(ctx context.Context, src io.ReaderAt, f *family, h *held, pc *piece, to int64, m *meter) error {
	dst, err := g.open(pc.File, os.O_CREATE|os.O_RDWR)
	if err != nil {
		return err
	}
	// what is past the journaled length is of a pass that never ended
	if err := dst.Truncate(pc.Length); err != nil {
		dst.Close()
		return err
	}
	var n int64
	off := pc.Length
	c := newCopying(src, dst, off, pc.Offset+off, to)
	if f.sure != nil {
		c.settle = func(n int64, synced bool) { g.settle(f, h, pc, off+n, synced) }
	}
	g.waiting(func() {
		n, err = c.copy(ctx, src, m)
		if syncErr := dst.Sync(); err == nil {
			err = syncErr
		}
		if closeErr := dst.Close(); err == nil {
			err = closeErr
		}
	})
	if err == nil {
		pc.Length += n
		pc.Cut = 0
		return nil
	}
	if !errors.Is(err, errShort) {
		pc.Length += n
		_, whole := g.lastRecord(pc)
		pc.Cut = pc.Length - whole
	}
	return fmt.Errorf("copy %s: %w", evidence.Printable(pc.Name, 80), err)
}

// copy copies the range of src, several reads at once, and returns how many bytes
// from the start on are whole.
func (c *copying) copy(ctx context.Context, src io.ReaderAt, m *meter) (int64, error) {
	var flushing, wg sync.WaitGroup
	flushing.Go(c.flushing)
	if w, ok := src.(*wide); ok {
		wg.Go(func() { w.copy(ctx, c, m) })
	}
	c.read(ctx, src, m, c.lanes.Load) // until lanes are faster
	wg.Wait()
	c.read(ctx, src, m, func() bool { return false }) // what they have left
	close(c.flush)
	flushing.Wait()
	return min(c.whole, c.to-c.from), c.err
}

// read copies by several reads of src at once, until nothing is left or enough
// says so.
func (c *copying) read(ctx context.Context, src io.ReaderAt, m *meter, enough func() bool) {
	if !c.left() {
		return
	}
	var wg sync.WaitGroup
	for range min(readers, (c.to-c.from+c.chunk-1)/c.chunk) {
		wg.Go(func() {
			buf := make([]byte, min(c.chunk, c.to-c.from))
			for !enough() {
				at, ok := c.claim(ctx)
				if !ok {
					return
				}
				b := buf[:c.length(at)]
				err := m.wait(ctx, int64(len(b)))
				if err == nil {
					err = readFull(src, b, c.from+at)
				}
				if err == nil {
					err = c.write(b, c.from+at)
				}
				c.finish(at, err)
				if err == nil {
					m.add(int64(len(b)))
				}
			}
		})
	}
	wg.Wait()
}

// copying hands out chunks and knows how far all of them are done. Chunks are known
// by their offset in the range.
type copying struct {
	dst      io.WriterAt
	off      int64 // of the range in dst
	from, to int64
	chunk    int64       // bytes of one chunk
	lanes    atomic.Bool // lanes are at work
	mu       sync.Mutex
	next     int64          // the chunk that is claimed next
	todo     []int64        // chunks to be copied once more
	whole    int64          // all before it is copied
	done     map[int64]bool // chunks after whole that are copied: about as many as are read at once
	err      error
	drained  chan struct{} // closed when there was nothing to claim
	empty    bool          // drained is closed
	flush    chan struct{}
	flushed  int64                          // what was whole when flush was told last
	told     time.Time                      // when
	settle   func(whole int64, synced bool) // told now and then how far it is, and whether that is on the disk for good; may be nil
}

func newCopying(src io.ReaderAt, dst io.WriterAt, off, from, to int64) *copying {
	return &copying{dst: dst, off: off, from: from, to: to, chunk: unitOf(src, chunk), done: map[int64]bool{},
		drained: make(chan struct{}), flush: make(chan struct{}, 1), told: time.Now()}
}

// length is how many bytes a chunk has.
func (c *copying) length(at int64) int64 { return min(c.chunk, c.to-c.from-at) }

// write writes bytes of the source at off to their place.
func (c *copying) write(b []byte, off int64) error {
	_, err := c.dst.WriteAt(b, c.off+off-c.from)
	return err
}

func (c *copying) claim(ctx context.Context) (int64, bool) {
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

func (c *copying) left() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.next < c.to-c.from || len(c.todo) > 0
}

func (c *copying) failed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err != nil
}

// again hands a chunk out once more, which may be done already.
func (c *copying) again(at int64) {
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

func (c *copying) finish(at int64, err error) {
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
	if n := c.whole - c.flushed; c.whole < c.to-c.from && (n >= saveEvery || n > 0 && time.Since(c.told) >= settleAfter) {
		c.tell()
	}
}

// tell lets flushing know how far the copying is.
func (c *copying) tell() {
	c.flushed, c.told = c.whole, time.Now()
	select {
	case c.flush <- struct{}{}:
	default:
	}
}

// flushing brings what is written to the disk beside the copying, so that little
// is left to wait for at its end, and lets settle know how far it is.
func (c *copying) flushing() {
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
		if c.settle != nil {
			c.settle(whole, ok)
		}
	}
}

// lastRecord is the time of the last record in a piece on disk and the offset at
// which it starts; zero and 0 if there is none within reach of the end.
func (g *Grab) lastRecord(pc *piece) (t time.Time, off int64) {
	file, err := os.Open(g.path(pc.File))
	if err != nil {
		return t, 0
	}
	defer file.Close()
	at := max(pc.Length-4*probeReach, 0)
	lines := expressway.NewLineReader(io.NewSectionReader(file, at, pc.Length-at), at, g.ref(pc.MTime))
	for {
		line, err := lines.Next()
		if err != nil {
			return t, off
		}
		if line.Head {
			t, off = line.Time, line.Offset
		}
	}
}

// lastOf is the time of the last record on disk of a held file, else of its first.
func (g *Grab) lastOf(f *family, h *held) time.Time {
	pieces := f.of(h)
	for i := len(pieces) - 1; i >= 0; i-- {
		if t, _ := g.lastRecord(pieces[i]); !t.IsZero() {
			return t
		}
	}
	return h.first
}
