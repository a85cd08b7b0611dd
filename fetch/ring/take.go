package ring

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"rtmtgrab/fetch/hostconn"
	"rtmtgrab/fetch/logset"
	"rtmtgrab/internal/diskspace"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/expressway"
)

// A familyKeeper is one family of a ring that is being kept.
type familyKeeper struct {
	segmentStore
	name string
	ring *Keeper

	newest *knownFile // was the newest at the last increment: what is newer is still there if it is
	from   time.Time  // host's time from which on nothing is missing; zero: nothing is known yet
	at     time.Time  // of the last increment, by the collector's clock

	reconnected bool
	copying     *knownFile            // being copied now, however long that takes
	known       map[stamp]*knownFile  // files at rest of which the ring has had all it wants; nil: it is too old
	missed      map[stamp]bool        // those that could not be held the last time
	taken       map[*logset.File]bool // of which there is no more to have now
}

// stamp tells files at rest from each other.
type stamp struct {
	size  int64
	mtime int64
}

func stampOf(e hostconn.Entry) stamp { return stamp{e.Size, e.MTime.Unix()} }

func (f *familyKeeper) owns(e hostconn.Entry) bool {
	return expressway.FamilyOf(e.Name, f.ring.Host.Families) == f.name
}

// alone reports whether one entry alone of a listing has that size and mtime.
func (f *familyKeeper) alone(entries []hostconn.Entry, e hostconn.Entry) bool {
	n := 0
	for _, o := range entries {
		if stampOf(o) == stampOf(e) && f.owns(o) {
			n++
		}
	}
	return n == 1
}

// takeUp goes on with what an earlier process has left.
func (f *familyKeeper) takeUp(now time.Time) error {
	f.known, f.missed, f.reconnected = map[stamp]*knownFile{}, map[stamp]bool{}, true
	l, err := f.open(now)
	if err != nil {
		return err
	}
	for _, e := range l.entries {
		if e.Seen != nil {
			f.from, f.at, f.newest = e.Seen.From, e.Seen.At, l.files[e.Seen.Newest]
		}
	}
	if f.newest == nil {
		f.from = time.Time{}
	}
	return nil
}

// take copies what the family has that the ring has not, the oldest first, and says
// how far the ring is whole now. It asks for another round if a file was no longer
// what was held.
func (f *familyKeeper) take(ctx context.Context, listed, since time.Time, final bool) (again bool, err error) {
	if f.at.Before(listed.Add(-f.ring.Keep)) { // what there was is of no more use
		f.newest, f.from = nil, time.Time{}
	}
	set := f.ring.holder.Set(f.name)
	p := set.Held()
	before := slices.Clone(f.files)
	unsure, bad := false, false
	f.taken = map[*logset.File]bool{}
	for _, h := range p.Files {
		err := f.takeFile(ctx, h, since)
		switch f.taken[h] = err == nil; {
		case errors.Is(err, hostconn.ErrShort):
			h.Stale, again = true, true
		case errors.Is(err, errNotYet):
			unsure = true
		case err != nil && (hostconn.IsAnswer(err) || logset.IsGzipFault(err) || errors.Is(err, errUnreadable)):
			f.taken[h], bad = true, true
		case err != nil:
			return false, err
		}
	}
	if again && !final {
		return true, nil
	}
	if err := f.flushPending(); err != nil {
		return false, err
	}
	p.DropStale()
	f.continuity(set, p, before, listed, since, bad || again)
	if len(p.Files) == 0 {
		return false, nil
	}
	if newest := f.file(p.Files[len(p.Files)-1]); newest != nil {
		f.newest = newest
	}
	if unsure {
		return false, nil
	}
	f.at = listed
	return false, f.seen(f.ring.now(), f.newest, f.ring.seen(f.from, listed))
}

var (
	errNotYet     = errors.New("the file is still too short to be identified")
	errUnreadable = errors.New("the file is not a log")
)

// takeFile copies what the ring lacks of one held file.
func (f *familyKeeper) takeFile(ctx context.Context, h *logset.File, since time.Time) error {
	now := f.ring.now()
	if len(h.Head) < hostconn.TinyHead || h.Vague() { // others may begin so too
		old := h.Name != f.name && f.ring.hostTime(now).Sub(h.MTime) > 2*logset.Rest
		switch {
		case h.Size == 0 || old && h.MTime.Before(since):
			return nil
		case old:
			return errUnreadable
		}
		return errNotYet
	}
	h.ShowFirst(f.ring.Host.Zone)
	known := f.file(h)
	if known != nil && (known.whole && h.Gzip || !h.Gzip && h.Size <= known.End) { // a plain file may grow yet
		f.describe(known, h, now)
		return nil
	}
	if h.MTime.Before(since.Add(-logset.OldEnough)) { // a proof of how far the others reach back
		return nil
	}
	if h.Gzip {
		return f.takeGzip(ctx, h, known, since)
	}
	from, err := f.start(h.Handle, h.Size, h, known, since)
	if err != nil {
		return err
	}
	if h.Size-from > f.ring.MaxSize {
		return errUnreadable
	}
	file := f.describe(known, h, now)
	if err := f.passOver(h.Handle, file, from); err != nil {
		return err
	}
	return f.copy(ctx, h.Handle, file, h, from, h.Size, &f.ring.pace)
}

// start is where the ring begins with a file: at what it has, or at the records that
// are young enough.
func (f *familyKeeper) start(src io.ReaderAt, size int64, h *logset.File, known *knownFile, since time.Time) (int64, error) {
	if known != nil && f.newest != nil {
		return known.End, nil
	}
	if known == nil && h.At <= logset.ProbeReach && !h.First.IsZero() && !h.First.Before(since) {
		return 0, nil
	}
	e, err := logset.Locate(src, size, evidence.Window{Since: since, Until: since.AddDate(100, 0, 0)}, f.ring.ref(h.MTime))
	if err != nil {
		return 0, err
	}
	h.First = e.First
	from := e.From
	if e.Empty() {
		from = size
	}
	if known != nil {
		from = max(from, known.End)
	}
	return from, nil
}

// passOver notes that a file is wanted from there on only, and whether that is where
// a line begins: the first record counts then.
func (f *familyKeeper) passOver(src io.ReaderAt, file *knownFile, from int64) error {
	if from <= file.End {
		return nil
	}
	b := make([]byte, 1)
	if err := hostconn.ReadFull(src, b, from-1); err != nil {
		return err
	}
	file.End, file.NL = from, b[0] == '\n' || b[0] == 0
	delete(f.described, file.ID)
	return nil
}

// copy takes [from, to) of a file into the ring.
func (f *familyKeeper) copy(ctx context.Context, src io.ReaderAt, file *knownFile, h *logset.File, from, to int64, pace *hostconn.Pacer) error {
	r := f.ring
	f.copying = file
	defer func() { f.copying = nil }()
	for at := from; at < to; {
		n := min(maxFrame, to-at)
		if err := pace.Wait(ctx, n); err != nil {
			return err
		}
		r.raw = slices.Grow(r.raw[:0], int(n))[:n]
		if err := hostconn.ReadFull(src, r.raw, at); err != nil {
			r.raw = nil // a read that was given up may still write into it
			f.forget()
			return err
		}
		f.add(file, h, at, r.raw, r.ref(h.MTime))
		at += n
		if len(f.pending) < flushFrames && at < to {
			continue
		}
		// what was read is the file's only if it still is that file
		if same, err := h.SameHead(); err != nil || !same {
			f.forget()
			return errors.Join(err, hostconn.ErrShort)
		}
		if err := f.flushPending(); err != nil {
			return err
		}
	}
	return nil
}

// flushPending writes, and keeps within the ring's size.
func (f *familyKeeper) flushPending() error {
	now := f.ring.now()
	if err := f.flush(now); err != nil {
		if errFull := f.ring.giveWay(err); errFull != nil {
			return errFull
		}
		return err
	}
	return f.ring.prune(now)
}

// takeGzip unpacks a compressed sibling whole, at the pace at which it is read, and
// takes what the ring lacks of it.
func (f *familyKeeper) takeGzip(ctx context.Context, h *logset.File, known *knownFile, since time.Time) error {
	tmp, err := os.OpenFile(f.unpacked(), os.O_CREATE|os.O_TRUNC|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	defer os.Remove(f.unpacked())
	defer tmp.Close()
	size, err := logset.Gunzip(ctx, h, sparing{tmp, f.reserve}, f.ring.MaxSize, &hostconn.Meter{Pace: &f.ring.pace})
	h.Unpacked = size
	if err != nil && logset.IsGzipFault(err) && (h.Grown() || f.ring.hostTime(f.ring.now()).Sub(h.MTime) < 2*logset.Rest || f.ring.holder.Set(f.name).PlainOf(h)) {
		return errNotYet // it is being written
	}
	if err != nil && !logset.IsGzipFault(err) {
		return f.ring.giveWay(err)
	}
	from, err2 := f.start(tmp, size, h, known, since)
	if err2 != nil {
		return err2
	}
	file := f.describe(known, h, f.ring.now())
	if err2 := f.passOver(tmp, file, from); err2 != nil {
		return err2
	}
	if err2 := f.copy(ctx, tmp, file, h, from, size, nil); err2 != nil {
		return err2
	}
	file.whole = true
	return err
}

func (f *familyKeeper) unpacked() string { return filepath.Join(f.dir, "unpacked.tmp") }

// sparing is a file that leaves the disk's reserve alone.
type sparing struct {
	*os.File
	reserve *diskspace.Reserve
}

// WriteAt writes nothing if that would touch the reserve.
func (s sparing) WriteAt(b []byte, off int64) (int, error) {
	if err := s.reserve.Take(int64(len(b))); err != nil {
		return 0, err
	}
	return s.File.WriteAt(b, off)
}
