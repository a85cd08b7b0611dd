package fetch

import (
	"context"
	"errors"
	"io"
	"os"
	"slices"

	"rtmtgrab/fetch/hostconn"
	"rtmtgrab/internal/evidence"
)

// A ringPart is one file in the ring, with its frames in the order of their writing.
type ringPart struct {
	file   *ringFile
	frames []*ringEntry
}

// parts are the files of a ring, the oldest first.
func (l *ringLog) parts() []*ringPart {
	var out []*ringPart
	by := map[int64]*ringPart{}
	for i := range l.entries {
		e := &l.entries[i]
		if e.Frame == nil || l.files[e.Frame.File] == nil {
			continue
		}
		r := by[e.Frame.File]
		if r == nil {
			r = &ringPart{file: l.files[e.Frame.File]}
			by[e.Frame.File] = r
			out = append(out, r)
		}
		r.frames = append(r.frames, e)
	}
	slices.SortStableFunc(out, func(a, b *ringPart) int { return InTime(a.held(), b.held()) })
	return out
}

// held describes the part as a file of the host.
func (r *ringPart) held() *File {
	last := r.frames[len(r.frames)-1].Frame
	return &File{Name: r.file.Name, Head: r.file.Head, At: r.file.At, First: r.file.First, Size: last.Size, MTime: last.MTime, origin: fromRing}
}

// within picks the frames that a window may need: those with its records, and what
// follows up to the next record. A file's start is looked at if the record before it
// may end there.
func (r *ringPart) within(cut evidence.Window, carry bool) []*ringEntry {
	from, to := -1, -1
	for i, e := range r.frames {
		if e.Frame.First.IsZero() {
			continue
		}
		if from < 0 && !e.Frame.Last.Before(cut.Since) {
			from = i
		}
		if e.Frame.First.Before(cut.Until) {
			to = i
		}
	}
	if from < 0 || to < from {
		if from, to = 0, 0; !carry || r.frames[0].Frame.Offset > 0 {
			return nil
		}
	}
	for to++; to < len(r.frames) && r.frames[to].Frame.First.IsZero(); to++ {
	}
	return r.frames[from:min(to+1, len(r.frames))]
}

// ringPart takes the window out of one file. carry is as in copyPart.
func (g *Grab) ringPart(ctx context.Context, f *family, l *ringLog, u *unpacker, r *ringPart, cut evidence.Window, carry bool) (bool, error) {
	name := f.name + ".ring"
	frames := r.within(cut, carry)
	defer os.Remove(g.path(name)) // it may not be there
	for len(frames) > 0 {
		run, n, err := g.unpackRun(ctx, name, u, frames)
		if err != nil {
			return carry, err
		}
		last := frames[n-1]
		frames = frames[n:]
		if run.size == 0 {
			continue
		}
		if carry, err = g.ringRun(ctx, f, l, r, name, run, last, cut, carry); err != nil {
			return carry, err
		}
	}
	return carry, nil
}

// A ringRun is a contiguous part of a file, unpacked.
type ringRun struct {
	base, size int64
}

// unpackRun writes the longest contiguous and sound run at the start of frames to a
// file, from its first line start on, and says how many frames it has looked at.
func (g *Grab) unpackRun(ctx context.Context, name string, u *unpacker, frames []*ringEntry) (run ringRun, n int, err error) {
	dst, err := g.open(name, os.O_CREATE|os.O_RDWR|os.O_TRUNC)
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
		b, err := u.frame(e)
		if errors.Is(err, errRingDamaged) {
			e.bad = true
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

// ringRun finds the window in a run and takes it.
func (g *Grab) ringRun(ctx context.Context, f *family, l *ringLog, r *ringPart, name string, run ringRun, last *ringEntry, cut evidence.Window, carry bool) (bool, error) {
	plain, err := os.Open(g.path(name))
	if err != nil {
		return carry, err
	}
	defer plain.Close()
	h := r.held()
	e, err := Locate(plain, run.size, cut, g.ref(h.MTime))
	if err != nil {
		return carry, err
	}
	from, to := e.From, e.To
	if run.base == 0 {
		from, to = e.WithPreamble(carry)
		h.First = e.First
	}
	atEnd := last == r.frames[len(r.frames)-1] && !last.bad
	carry = carry && e.FirstAt == e.Size && e.Empty() || !e.Empty() && e.To == e.Size && atEnd
	if from == to {
		return carry, nil
	}
	for _, pc := range f.of(h) { // what is known of the file already may be newer
		if pc.MTime.After(h.MTime) {
			h.Name, h.Size, h.MTime = pc.Name, pc.Size, pc.MTime
		}
		if h.First.IsZero() {
			h.First = pc.First
		}
	}
	if err := g.fill(ctx, baseAt{plain, run.base}, f, h, run.base+from, run.base+to, &hostconn.Meter{}); err != nil {
		return carry, err
	}
	f.seen(h)
	for _, pc := range f.of(h) {
		if end := run.base + to; pc.From == fromRing && pc.Offset+pc.Length == end && e.To == e.Size {
			pc.Open = !atEnd || !l.settled(last)
		}
	}
	return carry, nil
}

// settled reports whether a file is known to have rested at the end of its last
// frame, behind a line: the increment after that frame's found no more of it, or it
// has a successor.
func (l *ringLog) settled(last *ringEntry) bool {
	n := 0
	for i := range l.entries {
		e := &l.entries[i]
		if e.N > last.N && e.Seen != nil {
			n++
		}
		if e.N > last.N && e.Frame != nil && l.after(e, last) {
			n += 2
		}
	}
	return last.Frame.NL && n >= 2
}

// after reports whether e is of a file that comes after that of o in time.
func (l *ringLog) after(e, o *ringEntry) bool {
	a, b := l.files[e.Frame.File], l.files[o.Frame.File]
	return a != nil && b != nil && a.First.After(b.First)
}

// damaged counts frames that cannot be read, and numbers that no entry has.
func (l *ringLog) damaged() (n int64) {
	for i, e := range l.entries {
		if e.bad {
			n++
		}
		if i > 0 {
			n += max(e.N-l.entries[i-1].N-1, 0)
		}
	}
	return n
}

// baseAt is a part of a file that begins at base, read by the file's own offsets.
type baseAt struct {
	r    io.ReaderAt
	base int64
}

func (b baseAt) ReadAt(p []byte, off int64) (int, error) { return b.r.ReadAt(p, off-b.base) }
