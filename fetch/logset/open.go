package logset

import (
	"context"
	"errors"
	"io/fs"
	"path"
	"slices"
	"sync"
	"time"

	"rtmtgrab/fetch/hostconn"
	"rtmtgrab/internal/evidence"
)

// knownAtOnce is how many files are opened at once whose names are known: that
// many requests wait in line at the host, and none for an answer to another.
const knownAtOnce = 256

// A rememberer is a hostconn.Conn that knows from before which files there are.
type rememberer interface {
	Remember(h hostconn.Host, entries []hostconn.Entry)
	Recall(h hostconn.Host) []hostconn.Entry
}

// listAndOpen lists the folder. When nothing is held yet the files whose names are
// known are opened beside that, and come with it, once each or more: a name
// may have become another file's meanwhile, so the heads decide what they are. It
// reports when the last of them was held.
func (h *Holder) listAndOpen(ctx context.Context, oldest time.Time) (entries []hostconn.Entry, opened []*File, at time.Time, err error) {
	r, ok := h.conn.(rememberer)
	if !ok {
		entries, err = h.list(ctx)
		return entries, nil, at, err
	}
	known := h.known(r, oldest)
	var wg sync.WaitGroup
	var lost error
	if len(known) > 0 {
		wg.Go(func() {
			opened, lost = h.openKnown(ctx, known)
			at = h.now()
		})
	}
	entries, err = h.list(ctx)
	wg.Wait()
	if err = errors.Join(err, lost); err != nil {
		each(len(opened), func(i int) { opened[i].Handle.Close() })
		return nil, nil, at, err
	}
	r.Remember(h.Host, entries)
	return entries, opened, at, nil
}

// known is the files to be opened by their names, in the order of opening.
func (h *Holder) known(r rememberer, oldest time.Time) []hostconn.Entry {
	if !h.holdsNothing() {
		return nil
	}
	todo, _ := h.unheld(r.Recall(h.Host), oldest)
	return todo
}

// openKnown opens files by their names. Those that are not there, or cannot be
// read, are passed over: the listing says what there is. An error is a lost connection's.
func (h *Holder) openKnown(ctx context.Context, known []hostconn.Entry) ([]*File, error) {
	files, errs := h.open(ctx, known, knownAtOnce)
	return sound(files, errs, func(i int) bool { return hostconn.IsAnswer(errs[i]) || errors.Is(errs[i], hostconn.ErrShort) })
}

// openAll opens files, all of them before any is read. One that cannot be opened is written down
// and passed over. moved says that a name led elsewhere than the listing had it: what it had is under
// another name by now, or gone. Such entries are added to replaced.
func (h *Holder) openAll(ctx context.Context, entries []hostconn.Entry, replaced map[hostconn.Entry]bool) (opened []*File, moved bool, lost error) {
	files, errs := h.open(ctx, entries, openAtOne)
	for i, f := range files {
		switch e := entries[i]; {
		case errs[i] != nil && !errors.Is(errs[i], fs.ErrNotExist) || errs[i] == nil && h.asListed(e, f):
		case errs[i] == nil && h.stayed(f):
			delete(replaced, e) // a listing that says what never was
		default:
			moved = moved || !replaced[e]
			replaced[e] = true
		}
	}
	opened, lost = sound(files, errs, func(i int) bool {
		if errors.Is(errs[i], fs.ErrNotExist) {
			return true
		}
		if !hostconn.IsAnswer(errs[i]) {
			return false
		}
		s := h.setOf(entries[i].Name)
		s.Missed = append(s.Missed, Missed{entries[i], evidence.ReasonRead})
		h.note("%s could not be read: %v", evidence.Printable(entries[i].Name, 80), errs[i])
		return true
	})
	if lost != nil {
		for _, f := range opened {
			f.Handle.Close()
		}
	}
	return opened, moved, lost
}

// asListed reports whether a file that was opened can be what was listed: the same altogether, or
// one that has grown meanwhile. Under a rotated name that is one that began well before the time
// that was listed, for a name goes to younger files alone, and that is not held under another name.
func (h *Holder) asListed(e hostconn.Entry, f *File) bool {
	if f.Size == e.Size && f.MTime.Equal(e.MTime) {
		return true
	}
	s := h.setOf(e.Name)
	if f.Size < e.Size || e.Name == s.Family {
		return f.Size >= e.Size
	}
	if !f.Vague() && slices.ContainsFunc(s.Files, func(o *File) bool { return o.Name != f.Name && sameFile(o, f) }) {
		return false
	}
	f.ShowFirst(s.Zone)
	return !f.First.IsZero() && f.First.Before(e.MTime.Add(-begunBefore))
}

// stayed reports whether a file was held under the name that it was opened by before that was
// listed: then no other had that name in between. One that others begin like has to be the same altogether.
func (h *Holder) stayed(f *File) bool {
	return slices.ContainsFunc(h.setOf(f.Name).Files, func(o *File) bool {
		if o.born == h.round || o.Name != f.Name || !sameFile(o, f) {
			return false
		}
		return o.Size == f.Size && o.MTime.Equal(f.MTime) || !o.Vague() && o.Size <= f.Size && !o.MTime.After(f.MTime)
	})
}

// open opens files, so many at once, and then looks at their heads.
func (h *Holder) open(ctx context.Context, entries []hostconn.Entry, most int) (files []*File, errs []error) {
	files, errs = make([]*File, len(entries)), make([]error, len(entries))
	hostconn.Each(len(entries), most, func(i int) {
		var handle hostconn.Handle
		if handle, errs[i] = h.conn.Open(ctx, path.Join(h.Host.Dir, entries[i].Name)); errs[i] == nil {
			files[i] = &File{Info: Info{Name: entries[i].Name}, Handle: handle}
		}
	})
	hostconn.Each(len(entries), most, func(i int) {
		if files[i] != nil {
			errs[i] = files[i].look(entries[i].Size)
		}
	})
	return files, errs
}

// sound is the files that could be opened; the others are closed. An error is one that
// passOver does not pass over.
func sound(files []*File, errs []error, passOver func(i int) bool) (opened []*File, lost error) {
	for i, f := range files {
		if errs[i] == nil {
			opened = append(opened, f)
			continue
		}
		if !passOver(i) {
			lost = errs[i]
		}
		if f != nil {
			f.Handle.Close()
		}
	}
	return opened, lost
}

// adoptKnown adopts files that were opened beside a listing, and reports whether
// there are any. It does not take the listing for a proof that they are there.
func (h *Holder) adoptKnown(opened []*File, at time.Time) bool {
	if !h.adopt(opened) {
		return false
	}
	for _, f := range opened {
		f.listed = 0
	}
	h.HeldAt = at
	return true
}
