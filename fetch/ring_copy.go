package fetch

import (
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"os"
	"slices"

	"rtmtgrab/fetch/hostconn"
	"rtmtgrab/fetch/logset"
	"rtmtgrab/fetch/ring"
	"rtmtgrab/internal/evidence"
)

// overlap is by how many bytes the ring and the host are compared.
const overlap = 64 << 10

// copyRing takes the window out of the family's part of a ring.
func (c *copier) copyRing(ctx context.Context, l *ring.Log) error {
	u, err := ring.NewUnpacker()
	if err != nil {
		return err
	}
	defer u.Close()
	carry := true
	for _, p := range l.Parts() {
		if carry, err = c.copyPart(ctx, l, u, p, carry); err != nil {
			return err
		}
	}
	return nil
}

// copyPart takes the window out of one file of a ring. carry is as in copyFile.
func (c *copier) copyPart(ctx context.Context, l *ring.Log, u *ring.Unpacker, p *ring.Part, carry bool) (bool, error) {
	name := c.f.name + ".ring"
	frames := p.Within(c.cut, carry)
	defer os.Remove(c.store.path(name)) // it may not be there
	for len(frames) > 0 {
		run, n, err := c.unpackRun(ctx, name, u, frames)
		if err != nil {
			return carry, err
		}
		last := frames[n-1]
		frames = frames[n:]
		if run.size == 0 {
			continue
		}
		run.atEnd = p.EndsWith(last)
		run.settled = run.atEnd && l.Settled(last)
		if carry, err = c.copyRun(ctx, p.Info(), name, run, carry); err != nil {
			return carry, err
		}
	}
	return carry, nil
}

// A ringRun is a contiguous part of a file, unpacked.
type ringRun struct {
	base, size int64
	atEnd      bool // it ends with what the ring has of the file
	settled    bool // and with the file itself, as far as the ring knows
}

// unpackRun writes the longest contiguous and sound run at the start of frames to a
// file, from its first line start on, and says how many frames it has looked at.
func (c *copier) unpackRun(ctx context.Context, name string, u *ring.Unpacker, frames []*ring.Entry) (run ringRun, n int, err error) {
	dst, err := c.store.open(name, os.O_CREATE|os.O_RDWR|os.O_TRUNC)
	if err != nil {
		return run, 0, err
	}
	defer func() { err = errors.Join(err, dst.Close()) }()
	run.base = frames[0].Frame.Offset
	begun := frames[0].Frame.BOL
	for n < len(frames) {
		e := frames[n]
		if e.Frame.Offset != run.base+run.size {
			return run, n, nil
		}
		n++
		b, err := u.Unpack(e)
		if errors.Is(err, ring.ErrDamaged) {
			return run, n, nil
		}
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return run, n, err
		}
		if !begun {
			i := slices.Index(b, '\n') + 1
			if begun = i > 0; !begun {
				i = len(b)
			}
			run.base += int64(i)
			b = b[i:]
		}
		if _, err := dst.WriteAt(b, run.size); err != nil {
			return run, n, err
		}
		run.size += int64(len(b))
	}
	return run, n, nil
}

// copyRun finds the window in a run and takes it.
func (c *copier) copyRun(ctx context.Context, file *logset.Info, name string, run ringRun, carry bool) (bool, error) {
	plain, err := os.Open(c.store.path(name))
	if err != nil {
		return carry, err
	}
	defer plain.Close()
	e, err := logset.Locate(plain, run.size, c.cut, c.set.Ref(file.MTime))
	if err != nil {
		return carry, err
	}
	from, to := e.From, e.To
	if run.base == 0 {
		from, to = e.WithPreamble(carry)
		file.First = e.First
	}
	carry = carry && e.FirstAt == e.Size && e.Empty() || !e.Empty() && e.To == e.Size && run.atEnd
	if from == to {
		return carry, nil
	}
	for _, old := range c.f.of(file) { // what is known of the file already may be newer
		if old.MTime.After(file.MTime) {
			file.Name, file.Size, file.MTime = old.Name, old.Size, old.MTime
		}
		if file.First.IsZero() {
			file.First = old.First
		}
	}
	if err := c.fill(ctx, source{ReaderAt: baseAt{plain, run.base}, info: file, origin: evidence.FromRing}, run.base+from, run.base+to); err != nil {
		return carry, err
	}
	c.f.seen(file)
	for _, got := range c.f.of(file) {
		if got.From == evidence.FromRing && got.end() == run.base+to && e.To == e.Size {
			got.Open = !run.settled
		}
	}
	return carry, nil
}

// compareRing compares the end of what was taken of a file out of the ring, or of another collector, which has
// size bytes, with what src, the host's own file, has there. If they differ the ring's
// part goes, and the host's is taken. A file that agrees, or that has no such part,
// costs nothing more.
func (c *copier) compareRing(file *logset.Info, size int64, src io.ReaderAt) error {
	for _, e := range c.f.of(file) {
		end := min(e.end(), size)
		n := min(end-e.Offset, overlap)
		if e.From != evidence.FromRing && e.By == "" || e.agrees || n <= 0 {
			continue
		}
		ours, err := c.store.sumAt(e, end-n-e.Offset, n)
		if err != nil {
			return err
		}
		b := make([]byte, n)
		if err := hostconn.ReadFull(src, b, end-n); errors.Is(err, hostconn.ErrShort) {
			continue // truncated meanwhile: whoever copies finds out
		} else if err != nil {
			return err
		}
		if e.agrees = sha256.Sum256(b) == ours; e.agrees {
			continue
		}
		if e.By != "" {
			c.dropLent(file, e.By)
		} else {
			c.dropRing(file)
		}
		return nil
	}
	return nil
}

// sumAt is the hash of n bytes at off of an extent on disk.
func (s *store) sumAt(e *extent, off, n int64) (sum [sha256.Size]byte, err error) {
	file, err := os.Open(s.path(e.File))
	if err != nil {
		return sum, err
	}
	defer file.Close()
	b := make([]byte, n)
	if err := hostconn.ReadFull(file, b, off); err != nil {
		return sum, err
	}
	return sha256.Sum256(b), nil
}

// dropRing gives up what was taken of a file out of the ring, and what the ring says
// of the family.
func (c *copier) dropRing(file *logset.Info) {
	c.store.note("the ring's copy of %s differs from the host's %s: it was left out", c.f.name, evidence.Printable(file.Name, 80))
	ours := c.f.of(file)
	c.f.Pieces = slices.DeleteFunc(c.f.Pieces, func(e *extent) bool {
		gone := e.From == evidence.FromRing && slices.Contains(ours, e)
		if gone {
			os.Remove(c.store.path(e.File)) // it counts no more, with or without its file
		}
		return gone
	})
	c.f.RingBad, c.f.Ring = true, nil
}

// dropLent gives up what a collector gave of a file, and what it says of the family.
func (c *copier) dropLent(file *logset.Info, by string) {
	c.store.note("what collector %s gave of %s differs from the host's %s: it was left out", by, c.f.name, evidence.Printable(file.Name, 80))
	ours := c.f.of(file)
	c.f.Pieces = slices.DeleteFunc(c.f.Pieces, func(e *extent) bool {
		gone := e.By != "" && slices.Contains(ours, e)
		if gone {
			os.Remove(c.store.path(e.File)) // it counts no more, with or without its file
		}
		return gone
	})
	c.f.Lent = nil
}

// baseAt is a part of a file that begins at base, read by the file's own offsets.
type baseAt struct {
	r    io.ReaderAt
	base int64
}

func (b baseAt) ReadAt(p []byte, off int64) (int, error) { return b.r.ReadAt(p, off-b.base) }
