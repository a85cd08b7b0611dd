package fetch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/klauspost/compress/gzip"

	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/expressway"
)

const (
	chunk   = 1 << 20 // bytes of one read
	readers = 4       // reads under way at once
	// maxGunzip bounds what one compressed file may become on this disk.
	maxGunzip = 8 << 30
)

// fill brings a piece up to the range [from, to) of src and makes it durable.
// Of a range that starts earlier than the piece all is copied anew.
func (g *Grab) fill(ctx context.Context, src io.ReaderAt, f *family, pc *piece, from, to int64, m *meter) error {
	if pc.Length == 0 || from < pc.Offset {
		f.Seq++
		pc.File, pc.Offset, pc.Length = fmt.Sprintf("%s.%d.raw", f.name, f.Seq), from, 0
	}
	at := pc.Offset + pc.Length
	if to <= at {
		return nil
	}
	dst, err := g.open(pc.File, os.O_CREATE|os.O_RDWR)
	if err != nil {
		return err
	}
	// what is past the journaled length is of a pass that never ended
	if err := dst.Truncate(pc.Length); err != nil {
		dst.Close()
		return err
	}
	n, err := copyRange(ctx, src, dst, pc.Length, at, to, m)
	if syncErr := dst.Sync(); err == nil {
		err = syncErr
	}
	if closeErr := dst.Close(); err == nil {
		err = closeErr
	}
	if err == nil || !errors.Is(err, errShort) {
		pc.Length += n
	}
	if err != nil {
		return fmt.Errorf("copy %s: %w", pc.Name, err)
	}
	return nil
}

// copyRange copies [from, to) of src to dst at off, several reads at once, and
// returns how many bytes from the start on are whole.
func copyRange(ctx context.Context, src io.ReaderAt, dst io.WriterAt, off, from, to int64, m *meter) (int64, error) {
	chunks := int((to - from + chunk - 1) / chunk)
	var (
		mu   sync.Mutex
		next int
		fail error
		done = make([]bool, chunks)
		wg   sync.WaitGroup
	)
	claim := func() int {
		mu.Lock()
		defer mu.Unlock()
		if fail == nil {
			fail = ctx.Err()
		}
		if fail != nil || next == chunks {
			return -1
		}
		next++
		return next - 1
	}
	for range min(readers, chunks) {
		wg.Go(func() {
			buf := make([]byte, min(chunk, to-from))
			for i := claim(); i >= 0; i = claim() {
				at := int64(i) * chunk
				b := buf[:min(chunk, to-from-at)]
				err := readFull(src, b, from+at)
				if err == nil {
					_, err = dst.WriteAt(b, off+at)
				}
				mu.Lock()
				done[i] = err == nil
				if fail == nil {
					fail = err
				}
				mu.Unlock()
				if err == nil {
					m.add(int64(len(b)))
				}
			}
		})
	}
	wg.Wait()
	whole := 0
	for whole < chunks && done[whole] {
		whole++
	}
	return min(int64(whole)*chunk, to-from), fail
}

// copyGzip reads a compressed sibling whole, unpacks it beside the slices, and
// takes the window from there. A file that ends early, for it is still being
// written or damaged, gives what can be unpacked.
func (g *Grab) copyGzip(ctx context.Context, f *family, h *held, cut evidence.Window, carry bool, m *meter) error {
	name := f.name + ".unpacked"
	tmp, err := g.open(name, os.O_CREATE|os.O_RDWR|os.O_TRUNC)
	if err != nil {
		return err
	}
	defer os.Remove(g.path(name))
	defer tmp.Close()
	size, err := gunzip(ctx, h, tmp, m)
	if err != nil && !isGzipFault(err) {
		return fmt.Errorf("unpack %s: %w", h.name, err)
	}
	if grown := h.grown(); err != nil && grown {
		return errShort // it is being written: look again
	}
	if err != nil {
		g.note("%s could be unpacked only in part (%d bytes): %v", evidence.Printable(h.name, 80), size, err)
		g.missed = append(g.missed, missed{Entry{Name: h.name, Size: h.size, MTime: h.mtime}, evidence.ReasonRead})
	}
	plain, err := os.Open(g.path(name))
	if err != nil {
		return err
	}
	defer plain.Close()
	e, err := locate(plain, size, cut, g.ref(h.mtime))
	if err != nil {
		return err
	}
	h.first = e.first
	if from, to := e.withPreamble(carry); from < to {
		pc := f.piece(h)
		if err := g.fill(ctx, plain, f, pc, from, to, &meter{grab: &Grab{}}); err != nil {
			return err
		}
		pc.seen(h)
	}
	h.found = &e
	return g.save()
}

// grown reports whether a file has become longer since it was looked at.
func (h *held) grown() bool {
	size, _, err := h.file.Stat()
	return err == nil && size > h.size
}

func gunzip(ctx context.Context, h *held, dst io.WriterAt, m *meter) (int64, error) {
	src := &countReader{ctx: ctx, r: readAhead(h.file, 0, h.size), m: m}
	z, err := gzip.NewReader(src)
	if err != nil {
		return 0, errors.Join(src.err, err)
	}
	n, err := io.Copy(io.NewOffsetWriter(dst, 0), io.LimitReader(z, maxGunzip))
	if n == maxGunzip {
		err = fmt.Errorf("%w: it unpacks to more than %d bytes", errGzip, int64(maxGunzip))
	}
	return n, errors.Join(src.err, err)
}

var errGzip = errors.New("compressed file")

// isGzipFault tells damage of the contents from trouble with reading or writing.
func isGzipFault(err error) bool {
	return !errors.Is(err, errSource) && (errors.Is(err, gzip.ErrHeader) || errors.Is(err, gzip.ErrChecksum) ||
		errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, errGzip) || isCorrupt(err))
}

// errSource marks errors of the reader below gzip.
var errSource = errors.New("source")

// countReader counts what was taken off the host and remembers its own errors.
type countReader struct {
	ctx context.Context
	r   io.Reader
	m   *meter
	err error
}

func (c *countReader) Read(b []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		c.err = errors.Join(errSource, err)
		return 0, err
	}
	n, err := c.r.Read(b)
	c.m.add(int64(n))
	if err != nil && !errors.Is(err, io.EOF) {
		c.err = errors.Join(errSource, err)
	}
	return n, err
}

// lastRecord is the time of the last record in a piece on disk.
func (g *Grab) lastRecord(pc *piece) (t time.Time) {
	file, err := os.Open(g.path(pc.File))
	if err != nil {
		return t
	}
	defer file.Close()
	at := max(pc.Length-probeReach, 0)
	lines := expressway.NewLineReader(io.NewSectionReader(file, at, pc.Length-at), at, g.ref(pc.MTime))
	for {
		line, err := lines.Next()
		if err != nil {
			return t
		}
		if line.Head {
			t = line.Time
		}
	}
}
