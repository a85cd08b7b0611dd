package fetch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"rtmtgrab/fetch/hostconn"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/expressway"
)

// saveEvery is how many bytes are copied before the state is written to disk again.
const saveEvery = 16 << 20

// fill copies what of [from, to) of a held file is not on disk, and makes it
// durable. src is the file's uncompressed contents.
func (g *Grab) fill(ctx context.Context, src io.ReaderAt, f *family, h *File, from, to int64, m *hostconn.Meter) error {
	for _, l := range f.lacking(h, from, to) {
		pc := l.piece
		if pc == nil {
			f.Seq++
			pc = &extent{Name: h.Name, Head: h.Head, At: h.At, Size: h.Size, MTime: h.MTime, First: h.First, Offset: l.from,
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
func (g *Grab) extend(ctx context.Context, src io.ReaderAt, f *family, h *File, pc *extent, to int64, m *hostconn.Meter) error {
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
	c := hostconn.NewTransfer(src, dst, off, pc.Offset+off, to)
	if f.sure != nil {
		c.Settle = func(n int64, synced bool) { g.settle(f, h, pc, off+n, synced) }
	}
	g.waiting(func() {
		n, err = c.Run(ctx, src, m)
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
	if !errors.Is(err, hostconn.ErrShort) {
		pc.Length += n
		_, whole := g.lastRecord(pc)
		pc.Cut = pc.Length - whole
	}
	return fmt.Errorf("copy %s: %w", evidence.Printable(pc.Name, 80), err)
}

// lastRecord is the time of the last record in a piece on disk and the offset at
// which it starts; zero and 0 if there is none within reach of the end.
func (g *Grab) lastRecord(pc *extent) (t time.Time, off int64) {
	file, err := os.Open(g.path(pc.File))
	if err != nil {
		return t, 0
	}
	defer file.Close()
	at := max(pc.Length-4*ProbeReach, 0)
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
func (g *Grab) lastOf(f *family, h *File) time.Time {
	pieces := f.of(h)
	for i := len(pieces) - 1; i >= 0; i-- {
		if t, _ := g.lastRecord(pieces[i]); !t.IsZero() {
			return t
		}
	}
	return h.First
}
