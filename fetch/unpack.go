package fetch

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/klauspost/compress/gzip"

	"rtmtgrab/fetch/hostconn"
	"rtmtgrab/internal/evidence"
)

// maxGunzip bounds what one compressed file may become on this disk.
const maxGunzip = 8 << 30

// copyGzip reads a compressed sibling whole, unpacks it beside the slices, and
// takes the window from there. A file that ends early, for it is still being
// written or damaged, gives what can be unpacked.
func (g *Grab) copyGzip(ctx context.Context, f *family, h *File, cut evidence.Window, carry bool, m *hostconn.Meter) error {
	name := f.name + ".unpacked"
	tmp, err := g.open(name, os.O_CREATE|os.O_RDWR|os.O_TRUNC)
	if err != nil {
		return err
	}
	defer os.Remove(g.path(name))
	defer tmp.Close()
	var size int64
	var grown bool
	g.waiting(func() {
		size, err = Gunzip(ctx, h, tmp, m)
		grown = err != nil && h.Grown()
	})
	h.Unpacked = size
	if err != nil && !IsGzipFault(err) {
		return fmt.Errorf("unpack %s: %w", h.Name, err)
	}
	if grown {
		return hostconn.ErrShort // it is being written: look again
	}
	if err != nil && !(size == 0 && g.plainOf(f, h)) {
		g.note("%s could be unpacked only in part (%d bytes): %v", evidence.Printable(h.Name, 80), size, err)
		g.missed = append(g.missed, Missed{hostconn.Entry{Name: h.Name, Size: h.Size, MTime: h.MTime}, evidence.ReasonRead})
	}
	plain, err := os.Open(g.path(name))
	if err != nil {
		return err
	}
	defer plain.Close()
	e, err := Locate(plain, size, cut, g.ref(h.MTime))
	if err != nil {
		return err
	}
	h.First = e.First
	if err := g.compareRing(f, h, plain); err != nil {
		return err
	}
	if from, to := e.WithPreamble(carry); from < to {
		if err := g.fill(ctx, plain, f, h, from, to, &hostconn.Meter{}); err != nil {
			return err
		}
		f.seen(h)
		f.asHost(h)
	}
	h.Found = &e
	return nil
}

// plainOf reports whether the file from which h is being compressed is held: its
// name is that of h without an ending.
func (g *Grab) plainOf(f *family, h *File) bool {
	return slices.ContainsFunc(g.held[f.name], func(o *File) bool { return !o.Gzip && strings.HasPrefix(h.Name, o.Name+".") })
}

// Grown reports whether a file has become longer since it was looked at.
func (h *File) Grown() bool {
	size, _, err := h.Handle.Stat()
	return err == nil && size > h.Size
}

func Gunzip(ctx context.Context, h *File, dst io.WriterAt, m *hostconn.Meter) (int64, error) {
	src := &countReader{ctx: ctx, r: readAhead(h.Handle, 0, h.Size), m: m}
	in := bufio.NewReaderSize(src, 64<<10)
	z, err := gzip.NewReader(in)
	if err != nil {
		return 0, errors.Join(src.err, err)
	}
	out := io.NewOffsetWriter(dst, 0)
	var n int64
	for err == nil {
		z.Multistream(false)
		var m int64
		m, err = io.Copy(out, io.LimitReader(z, maxGunzip-n))
		if n += m; err == nil && n == maxGunzip {
			err = fmt.Errorf("%w: it unpacks to more than %d bytes", ErrGzip, int64(maxGunzip))
		}
		if err == nil && padding(in) {
			return n, nil
		}
		if err == nil {
			err = z.Reset(in)
		}
	}
	return n, errors.Join(src.err, err)
}

// padding passes zeros behind a gzip member over, as gzip(1) does, and reports
// whether nothing else follows.
func padding(in *bufio.Reader) bool {
	for {
		b, err := in.ReadByte()
		if err != nil {
			return errors.Is(err, io.EOF)
		}
		if b != 0 {
			in.UnreadByte()
			return false
		}
	}
}

var ErrGzip = errors.New("compressed file")

// IsGzipFault tells damage of the contents from trouble with reading or writing.
func IsGzipFault(err error) bool {
	return !errors.Is(err, errSource) && (errors.Is(err, gzip.ErrHeader) || errors.Is(err, gzip.ErrChecksum) ||
		errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, ErrGzip) || isCorrupt(err))
}

// errSource marks errors of the reader below gzip.
var errSource = errors.New("source")

// countReader counts what was taken off the host and remembers its own errors.
type countReader struct {
	ctx context.Context
	r   io.Reader
	m   *hostconn.Meter
	err error
}

func (c *countReader) Read(b []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		c.err = errors.Join(errSource, err)
		return 0, err
	}
	n, err := c.r.Read(b)
	if wait := c.m.Wait(c.ctx, int64(n)); err == nil {
		err = wait
	}
	c.m.Add(int64(n))
	if err != nil && !errors.Is(err, io.EOF) {
		c.err = errors.Join(errSource, err)
	}
	return n, err
}
