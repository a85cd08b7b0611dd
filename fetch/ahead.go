package fetch

import (
	"context"
	"io"

	"rtmtgrab/fetch/hostconn"
	"rtmtgrab/fetch/logset"
)

// What is read of small files in one flight: two round trips for all of them in place of
// three for each.
const (
	aheadFiles = 128
	aheadBytes = 4 << 20
	aheadMost  = 256 << 10 // of one file
)

// An ahead reads what is wanted of the small files of a plan before their turn to be
// written. It belongs to a copier.
type ahead struct {
	f     *family
	plan  *logset.Plan
	meter *hostconn.Meter
	files map[*logset.File]*early
	next  int // the first file of the plan that was not looked at
}

// early is what was read of a file before its turn, by a handle that then still showed the
// file that was held.
type early struct {
	io.ReaderAt // the file itself
	from        int64
	data        []byte
	grown       bool // it has become longer since it was located
}

// ReadAt reads what is there already, and the rest from the file.
func (e *early) ReadAt(b []byte, off int64) (int, error) {
	if off < e.from || off+int64(len(b)) > e.from+int64(len(e.data)) {
		return e.ReaderAt.ReadAt(b, off)
	}
	return copy(b, e.data[off-e.from:]), nil
}

// read reads what is wanted of files i and up, as far as they are small, unless it is there
// already. What cannot be read now is left to its turn, and so is the error.
func (a *ahead) read(ctx context.Context, i int, carry bool) error {
	if a == nil || i < a.next {
		return nil
	}
	a.files = map[*logset.File]*early{}
	todo, total := a.small(i, carry)
	if len(todo) < 2 {
		return nil
	}
	if err := a.meter.Wait(ctx, total); err != nil {
		return err
	}
	hostconn.Each(len(todo), len(todo), func(i int) {
		w := &todo[i] // has its memory only now, when it is its turn
		if w.data = make([]byte, w.n); hostconn.ReadFull(w.file.Handle, w.data, w.from) != nil {
			w.data = nil
		}
	})
	same := make([]bool, len(todo))
	hostconn.Each(len(todo), len(todo), func(i int) { // when all is read: what comes later is not in it
		w := &todo[i]
		if w.data == nil {
			return
		}
		now := w.file.LookAfter()
		same[i] = now.Same && now.HeadErr == nil
		w.grown = now.StatErr != nil || now.Size != w.file.Size
	})
	for i := range todo {
		if same[i] {
			a.files[todo[i].file] = &todo[i].early
		}
	}
	return nil
}

// wanted is what is to be read early of a file.
type wanted struct {
	file *logset.File
	n    int64
	early
}

// small is what is wanted of files i and up that are small, and how many bytes that is.
func (a *ahead) small(i int, carry bool) (todo []wanted, total int64) {
	for a.next = i; a.next < len(a.plan.Files); a.next++ {
		file := a.plan.Files[a.next]
		if file.Gzip || file.Found == nil || hostconn.Unit(file.Handle, 0) != 0 { // a command reads more at once
			break
		}
		from, to := file.Found.WithPreamble(carry)
		n := to - from
		if n > aheadMost || total+n > aheadBytes || len(todo) == aheadFiles {
			break
		}
		carry = file.Found.Carries(carry)
		if parts := a.f.lacking(&file.Info, "", from, to); len(parts) == 1 && parts[0].from == from {
			todo, total = append(todo, wanted{file, n, early{ReaderAt: file.Handle, from: from}}), total+n
		}
	}
	a.next = max(a.next, i+1)
	return todo, total
}

// of is what was read early as [from, to) of a file, nil if it was not.
func (a *ahead) of(file *logset.File, from, to int64) *early {
	if a == nil { // nobody reads ahead
		return nil
	}
	e := a.files[file]
	if e == nil || e.from != from || e.from+int64(len(e.data)) != to {
		return nil
	}
	return e
}

// source is src with what was read early, which was waited for and is only counted.
func (e *early) source(src source, m *hostconn.Meter) source {
	if e == nil {
		return src
	}
	src.ReaderAt = e
	src.meter = &hostconn.Meter{Tell: m.Add} // which hears of one chunk
	return src
}

// settled reports whether there is nothing to ask a file for after it was written: it was
// still the same when it was read, and not longer.
func (e *early) settled() bool { return e != nil && !e.grown }
