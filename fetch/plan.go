package fetch

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"io"
	"path"
	"slices"
	"strings"
	"time"

	"rtmtgrab/fetch/hostconn"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/expressway"
)

// Plan is what has to be copied of one family, the oldest file first.
type Plan struct {
	Family string
	Cut    evidence.Window // in the host's time
	Files  []*File
	Stale  []*File // truncated or gone since they were held
	again  bool    // something was in them: hold and plan once more
	final  bool    // there is no once more
}

// plan looks at the held files of a family again and locates the window in each.
// Gzip files are read whole when they are copied, not before.
func (g *Grab) plan(ctx context.Context, family string, cut evidence.Window) (*Plan, error) {
	p := &Plan{Family: family, Cut: cut, Files: slices.Clone(g.held[family])}
	errs := make([]error, len(p.Files))
	g.waiting(func() { each(len(p.Files), func(i int) { errs[i] = g.locate(p.Files[i], cut) }) })
	for i, h := range p.Files {
		switch {
		case errors.Is(errs[i], hostconn.ErrShort) || h.Stale:
			h.Stale, p.Stale = true, append(p.Stale, h)
			p.again = p.again || !g.whole(g.state.family(family), h, cut)
		case errs[i] != nil && hostconn.IsAnswer(errs[i]):
			g.missed = append(g.missed, Missed{hostconn.Entry{Name: h.Name, Size: h.Size, MTime: h.MTime}, evidence.ReasonRead})
			h.Found = &Extent{Size: h.Size, FirstAt: h.Size}
		case errs[i] != nil:
			return nil, errs[i]
		}
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	p.Files = slices.DeleteFunc(p.Files, func(h *File) bool { return h.Stale })
	slices.SortStableFunc(p.Files, InTime)
	return p, nil
}

// InTime orders files by the times inside them, then mtime, then name: numbers
// from the highest down, dates up. Files without records go by mtime.
func InTime(a, b *File) int {
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

// numbered reports whether a name ends in a short number, as in network_log.12 or
// network_log.12.gz: the higher, the older.
func numbered(name string) bool {
	name = strings.TrimSuffix(name, ".gz")
	digits := name[strings.LastIndexAny(name, ".-_")+1:]
	return len(digits) > 0 && len(digits) < len(name) && len(digits) <= 3 && strings.Trim(digits, "0123456789") == "" &&
		!strings.Contains(name, "-20")
}

// locate refreshes h and finds the window in it, unless that is known.
func (g *Grab) locate(h *File, cut evidence.Window) error {
	if err := h.Refresh(); err != nil || h.Stale {
		return err
	}
	if h.First.IsZero() {
		if p, ok := FirstHead(h.Head, 0, false, g.ref(h.MTime)); ok {
			h.First = p.t
		}
	}
	if h.Found != nil && h.cut == cut && h.foundSize == h.Size {
		return nil
	}
	h.Found, h.cut, h.foundSize = nil, cut, h.Size
	if h.MTime.Before(cut.Since.Add(-OldEnough)) && !h.First.IsZero() {
		h.Found = &Extent{Size: h.Size, First: h.First} // too old: held as a proof of the window's start
		return nil
	}
	if h.Gzip {
		return nil
	}
	e, err := Locate(h.Handle, h.Size, cut, g.ref(h.MTime))
	if err != nil {
		return err
	}
	h.Found, h.First = &e, e.First
	return nil
}

// Bytes is how much the plan is about to take off the host.
func (p *Plan) Bytes() int64 {
	var n int64
	for _, h := range p.Files {
		if h.Found == nil {
			n += h.Size
		} else {
			n += h.Found.To - h.Found.From
		}
	}
	return n
}

// careful is the pace of a pass. What the first pass over a connection takes may be
// gone soon: it has none. Later ones take what has come to files that are held,
// four times as fast as it came if that is more than the careful rate.
func (g *Grab) careful(plans []*Plan, listed time.Time) *hostconn.Pacer {
	if g.took.IsZero() {
		return nil
	}
	var n int64
	for _, p := range plans {
		for _, h := range p.Files {
			n += g.state.family(p.Family).missingOf(h)
		}
	}
	since := max(listed.Sub(g.took).Seconds(), 1)
	return &hostconn.Pacer{Rate: max(hostconn.CarefulRate, int64(4*float64(n)/since))}
}

// missingOf is how many bytes of what is wanted of a file are not on disk.
func (f *family) missingOf(h *File) (n int64) {
	if h.Found == nil {
		return h.Size
	}
	for _, l := range f.lacking(h, h.Found.From, h.Found.To) {
		n += l.to - l.from
	}
	return n
}

// copyPlan copies what of the plan is not on disk, the oldest first, and writes
// down which time is covered now.
func (g *Grab) copyPlan(ctx context.Context, p *Plan, asked evidence.Window, listed time.Time, m *hostconn.Meter) (again bool, err error) {
	f, offset := g.state.family(p.Family), g.state.offset()
	again = p.again
	skipped := len(p.Files)
	carry := true // the record that the file before ends with belongs to the window
	for i, h := range p.Files {
		changed, err := g.copyPart(ctx, f, h, p.Cut, carry, m)
		if err != nil {
			g.gaps(f, p, listed)
			f.cover(g.reached(f, p, min(i, skipped)), asked, offset)
			return again, errors.Join(err, g.save())
		}
		if changed {
			again, skipped = true, min(skipped, i)
			if p.final {
				g.truncated = append(g.truncated, h)
			}
			continue
		}
		e := h.Found
		carry = carry && e.FirstAt == e.Size && e.Empty() || !e.Empty() && e.To == e.Size
		if e.Stepped {
			g.note("the times in %s contradict each other (a clock was set); it was read whole", evidence.Printable(h.Name, 80))
		}
	}
	if again && !p.final {
		return true, nil
	}
	oldest, ok := p.Oldest()
	if ok {
		f.forget(oldest, offset)
	}
	for i, h := range p.Files {
		if h.Found != nil {
			f.holes(h.Found.Holes, g.nextFirst(p, i, listed), offset)
		}
	}
	g.gaps(f, p, listed)
	if ok {
		f.cover(evidence.Window{Since: oldest, Until: listed.Add(offset)}, asked, offset)
	}
	f.Empty, f.NoRecords = p.Nothing()
	return again, nil
}

// copyPart copies one file's range and reports whether the file was truncated
// meanwhile; then of this copy only what is certain stays.
func (g *Grab) copyPart(ctx context.Context, f *family, h *File, cut evidence.Window, carry bool, m *hostconn.Meter) (changed bool, err error) {
	switch {
	case h.Gzip && h.Found != nil:
		return false, nil // it is on disk
	case h.Gzip:
		err := g.copyGzip(ctx, f, h, cut, carry, m)
		if errors.Is(err, hostconn.ErrShort) {
			return true, nil
		}
		return false, err
	}
	if err := g.compareRing(f, h, h.Handle); err != nil {
		return false, err
	}
	from, to := h.Found.WithPreamble(carry)
	if from == to {
		if h.Found.FirstAt == h.Found.Size && h.Size > 0 {
			g.note("%s holds no record", evidence.Printable(h.Name, 80))
		}
		return false, nil
	}
	f.doubt()
	err = g.fill(ctx, g.source(h, from, to), f, h, from, to, m)
	if err == nil && h.Found.To == h.Found.Size {
		err = g.wholeRecord(ctx, h, f, to, m)
	}
	var same bool
	var lost error
	g.waiting(func() { same, lost = h.SameHead() })
	switch {
	case lost != nil: // nobody can tell
		g.goBack(f)
		if err == nil || errors.Is(err, hostconn.ErrShort) {
			err = lost
		}
		return false, err
	case errors.Is(err, hostconn.ErrShort) || !same:
		h.Stale = true
		g.goBack(f)
		return true, g.save()
	}
	f.sure = nil
	if err != nil {
		return false, err
	}
	f.seen(h)
	f.asHost(h)
	return false, g.saveSometimes(f)
}

// source is what [from, to) of a held file is copied from.
func (g *Grab) source(h *File, from, to int64) io.ReaderAt {
	return hostconn.Source(h.Handle, hostconn.Known{Name: path.Join(g.Host.Dir, h.Name), Head: h.Head, At: h.At, Size: h.Size}, from, to)
}

// WithPreamble is the range to copy. The bytes before a file's first record end
// the last record of the file before: they go where that record goes.
func (e *Extent) WithPreamble(carry bool) (from, to int64) {
	switch {
	case e.FirstAt == 0 || !carry || e.FirstAt > ProbeReach:
		return e.From, e.To
	case e.Empty():
		return 0, e.FirstAt
	case e.From == e.FirstAt:
		return 0, e.To
	}
	return e.From, e.To
}

// wholeRecord copies the rest of a record that was being written when its file
// was looked at: what has come since its end, up to the next record.
func (g *Grab) wholeRecord(ctx context.Context, h *File, f *family, end int64, m *hostconn.Meter) error {
	var b []byte
	var size int64
	var mtime time.Time
	var err error
	g.waiting(func() {
		if size, mtime, err = h.Handle.Stat(); err == nil && size > end {
			b = make([]byte, min(size-end+1, ProbeReach))
			err = hostconn.ReadFull(h.Handle, b, end-1)
		}
	})
	if err != nil || size <= end {
		return err
	}
	to := end - 1 + int64(len(b))
	if p, ok := FirstHead(b, end-1, true, g.ref(h.MTime)); ok {
		to = p.off
	} else if i := bytes.LastIndexByte(b, '\n'); i >= 0 {
		to = end + int64(i)
	}
	h.Size, h.MTime = size, mtime
	return g.fill(ctx, h.Handle, f, h, end, to, m)
}

// Oldest is the time of the oldest record held, if there is any.
func (p *Plan) Oldest() (t time.Time, ok bool) {
	for _, h := range p.Files {
		if !h.First.IsZero() && (!ok || h.First.Before(t)) {
			t, ok = h.First, true
		}
	}
	return t, ok
}

// Nothing reports whether all files are empty, or hold bytes and no record.
func (p *Plan) Nothing() (empty, noRecords bool) {
	var size int64
	for _, h := range p.Files {
		size += h.Size
	}
	_, ok := p.Oldest()
	return size == 0, !ok && size > 0
}

// nextFirst is the time of the first record after part i, or of the listing.
func (g *Grab) nextFirst(p *Plan, i int, listed time.Time) time.Time {
	for _, h := range p.Files[i+1:] {
		if !h.First.IsZero() {
			return h.First
		}
	}
	return listed.Add(g.state.offset())
}
