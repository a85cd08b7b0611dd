package logset

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"rtmtgrab/fetch/hostconn"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/expressway"
)

// OldEnough is how long before the window a file must have rested that need not be held.
const OldEnough = 10 * time.Minute

// headKept is how much of a head is kept whose first record begins in the first half of that.
const headKept = 512

// Rest is how long a file has not changed that is at rest.
const Rest = 5 * time.Second

// An Info is what is known of a file of a host: by it the file is known again.
type Info struct {
	Name  string // under which it was last seen
	Size  int64  // as stored, when last looked at
	MTime time.Time
	Head  []byte // the first uncompressed bytes, at most hostconn.HeadSize
	At    int64  // where Head stands, behind the NULs that some files begin with
	Gzip  bool
	First time.Time // of its first record, zero if it has none within reach

	cut bool // Head is headKept bytes of a longer one, and they are enough
}

// A File is an open file of a host.
type File struct {
	Info
	Handle   hostconn.Handle
	Unpacked int64     // bytes that a gzip file gave
	Torn     string    // why what follows of a file was not had, an evidence.Reason…; empty: it was
	Stale    bool      // the handle no longer shows the file that was held
	Looked   time.Time // when size and mtime were seen, by the collector's clock

	Found     *Extent         // what Locate said of
	Cut       evidence.Window // this window
	FoundSize int64           // when the file had that size as stored

	borrowed bool // and not looked at since
	fresh    bool // opened, and not located since

	born   int // round of listing in which it was held first
	listed int // round in which the folder last showed it
}

// InTime orders files by the times inside them, then mtime, then name: numbers
// from the highest down, dates up. Files without records go by mtime.
func InTime(a, b *Info) int {
	at, bt := a.First, b.First
	if at.IsZero() {
		at = a.MTime
	}
	if bt.IsZero() {
		bt = b.MTime
	}
	c := cmp.Or(at.Compare(bt), a.MTime.Compare(b.MTime))
	if c != 0 || a.Name == b.Name {
		return c
	}
	down := numbered(a.Name) || numbered(b.Name)
	if expressway.NaturalLess(a.Name, b.Name) != down {
		return -1
	}
	return 1
}

func filesInTime(a, b *File) int { return InTime(&a.Info, &b.Info) }

// numbered reports whether a name ends in a short number, as in network_log.12 or
// network_log.12.gz: the higher, the older.
func numbered(name string) bool {
	name = strings.TrimSuffix(name, ".gz")
	digits := name[strings.LastIndexAny(name, ".-_")+1:]
	return len(digits) > 0 && len(digits) < len(name) && len(digits) <= 3 && strings.Trim(digits, "0123456789") == "" &&
		!strings.Contains(name, "-20")
}

// look reads size, mtime and head of a file just opened. hint is how long it was
// when it was listed, zero if that is not known.
func (f *File) look(hint int64) error {
	raw, err := f.start(hint)
	if err != nil {
		return err
	}
	f.fresh, f.cut = true, false
	if f.Size < 0 {
		return fmt.Errorf("%s: the host reports a size of %d bytes", f.Name, f.Size)
	}
	if f.Gzip = isGzip(raw); f.Gzip {
		f.Head = gzipHead(raw)
		return nil
	}
	if f.At = 0; len(raw) > 0 && raw[0] == 0 {
		var err error
		if f.At, err = leadingNULs(f.Handle, f.Size); err != nil && !errors.Is(err, hostconn.ErrShort) {
			return err
		}
		raw = make([]byte, max(min(f.Size-f.At, 4*hostconn.HeadSize), 0))
		if err := hostconn.ReadFull(f.Handle, raw, f.At); err != nil && !errors.Is(err, hostconn.ErrShort) {
			return err
		}
	}
	if f.Head = raw; cap(raw) > hostconn.HeadSize { // what is kept is no more than that
		f.Head = bytes.Clone(raw[:min(len(raw), hostconn.HeadSize)])
	}
	return nil
}

// start reads size, mtime and the first bytes of a file. hint is how long it was,
// as far as that is known: then all is asked for at once. At least hostconn.HeadSize
// bytes come, at most 4 times that, of which a file has so many.
func (f *File) start(hint int64) ([]byte, error) {
	var raw []byte
	var readErr error
	var wg sync.WaitGroup
	if hint > 0 && hostconn.Unit(f.Handle, 0) == 0 { // where a read is a command it knows the size with the first bytes
		n := int64(hostconn.HeadSize)
		if strings.HasSuffix(f.Name, ".gz") { // which shows less of what is in it
			n *= 4
		}
		b := make([]byte, min(hint, n)) // no more: a read beyond the end costs another round trip
		wg.Go(func() {
			var n int
			n, readErr = f.Handle.ReadAt(b, 0)
			raw = b[:max(n, 0)]
		})
	}
	var err error
	f.Size, f.MTime, err = f.Handle.Stat()
	f.Looked = time.Now()
	wg.Wait()
	if errors.Is(readErr, io.EOF) {
		readErr = nil
	}
	if err = errors.Join(err, readErr); err != nil || f.Size < 0 {
		return nil, err
	}
	all := min(f.Size, 4*hostconn.HeadSize)
	raw = raw[:min(int64(len(raw)), f.Size)]
	if n := int64(len(raw)); n == all || n >= hostconn.HeadSize && !isGzip(raw) {
		return raw, nil
	}
	raw = make([]byte, all)
	if err := hostconn.ReadFull(f.Handle, raw, 0); err != nil && !errors.Is(err, hostconn.ErrShort) {
		return nil, err
	}
	return raw, nil
}

// Refresh looks at the handle again: it has grown, or it was truncated and is
// stale, for its head is another or it is shorter than it was, or nothing leads
// to it any more.
func (f *File) Refresh() error {
	err := f.lookAgain()
	if errors.Is(err, hostconn.ErrShort) {
		f.Stale = true
		return nil
	}
	return err
}

func (f *File) lookAgain() error {
	var same bool
	var headErr error
	var wg sync.WaitGroup
	wg.Go(func() { same, headErr = f.SameHead() }) // in the same round trip
	size, mtime, err := f.Handle.Stat()
	wg.Wait()
	if err != nil {
		return err
	}
	if size < f.Size {
		return hostconn.ErrShort
	}
	f.Looked = time.Now()
	if headErr != nil || !same {
		f.Stale = !same
		return headErr
	}
	if !f.headWhole() && size > f.Size {
		return f.lookOn()
	}
	f.Size, f.MTime = size, mtime
	return nil
}

// lookOn looks at a file that has grown, for more of its head; it may be cut off meanwhile.
func (f *File) lookOn() error {
	was := f.Info
	err := f.look(0)
	if err == nil && !f.Gzip && len(was.Head) > 0 && (f.At != was.At || !bytes.HasPrefix(f.Head, was.Head)) {
		f.Info = was // of which what was copied is
		return hostconn.ErrShort
	}
	return err
}

// After is what a handle shows after its bytes were read.
type After struct {
	Same    bool  // it still shows the head that it had
	HeadErr error // why nobody can tell
	Size    int64
	MTime   time.Time
	StatErr error // why Size and MTime are not known
}

// LookAfter looks at a handle whose bytes were read, in one round trip.
func (f *File) LookAfter() (a After) {
	var wg sync.WaitGroup
	wg.Go(func() { a.Same, a.HeadErr = f.SameHead() })
	a.Size, a.MTime, a.StatErr = f.Handle.Stat()
	wg.Wait()
	return a
}

// SameHead reports whether the handle still shows the head that it had.
func (f *File) SameHead() (bool, error) {
	if f.Gzip || len(f.Head) == 0 {
		return true, nil
	}
	b := make([]byte, len(f.Head))
	err := hostconn.ReadFull(f.Handle, b, f.At)
	if errors.Is(err, hostconn.ErrShort) {
		return false, nil
	}
	if err != nil { // a read that was given up may still write into b
		return false, err
	}
	return bytes.Equal(b, f.Head), nil
}

// Grown reports whether a file has become longer since it was looked at.
func (f *File) Grown() bool {
	size, _, err := f.Handle.Stat()
	return err == nil && size > f.Size
}

// headWhole reports whether more of the file would not make its head longer.
func (i *Info) headWhole() bool { return i.cut || len(i.Head) == hostconn.HeadSize }

// ShowFirst finds the time of the first record in the head, unless it is known.
func (f *File) ShowFirst(zone *time.Location) {
	if f.cut || !f.First.IsZero() && len(f.Head) < headKept {
		return
	}
	ref := expressway.Ref{MTime: f.MTime, Zone: zone}
	p, ok := firstHead(f.Head, 0, false, ref)
	if ok && f.First.IsZero() {
		f.First = p.t
	}
	if short := ShortHead(f.Head, ref); len(short) < len(f.Head) {
		f.Head, f.cut = bytes.Clone(short), true
	}
}

// ShortHead is as much of a head as tells its file from any other. Where a record begins soon little of
// it does: of a thousand hosts' files whole heads are 100 MiB. What comes before it, such as a heading
// or the rest of a record, others may begin with too.
func ShortHead(head []byte, ref expressway.Ref) []byte {
	if p, ok := firstHead(head, 0, false, ref); ok && p.off <= headKept/2 {
		return head[:min(len(head), headKept)]
	}
	return head
}

// Rested reports whether a file was at rest when it was last looked at, offset being the
// host's clock minus this machine's.
func (f *File) Rested(offset time.Duration) bool { return f.Looked.Add(offset).Sub(f.MTime) >= Rest }

// LocatedFor reports whether Found is what there is now of a window.
func (f *File) LocatedFor(cut evidence.Window) bool {
	return f.Found != nil && f.Cut == cut && f.FoundSize == f.Size
}

// prepare refreshes f, unless it was opened just now, and reports whether it has to be read to
// find the window in it.
func (f *File) prepare(cut evidence.Window, zone *time.Location) (read bool, err error) {
	fresh := f.fresh
	if f.fresh = false; !fresh {
		if err := f.Refresh(); err != nil || f.Stale {
			return false, err
		}
	}
	f.ShowFirst(zone)
	if f.LocatedFor(cut) {
		return false, nil
	}
	f.Found, f.Cut, f.FoundSize = nil, cut, f.Size
	if f.Before(cut.Since.Add(-OldEnough)) && !f.First.IsZero() {
		f.Found = &Extent{Size: f.Size, First: f.First} // too old: held as a proof of the window's start
		return false, nil
	}
	return !f.Gzip, nil
}

// locate finds the window in f, which is prepared.
func (f *File) locate(cut evidence.Window, zone *time.Location) error {
	base := int64(-1)
	if len(f.Head) >= headKept {
		base = f.At
	}
	e, err := locateFrom(f.Handle, base, f.Size, cut, expressway.Ref{MTime: f.MTime, Zone: zone})
	if err != nil {
		return err
	}
	f.Found, f.First, f.Torn = &e, e.First, ""
	return nil
}
