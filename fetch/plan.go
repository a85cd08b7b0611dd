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

// plan is what has to be copied of one family, the oldest file first.
type plan struct {
	family string
	cut    evidence.Window // in the host's time
	parts  []*held
	stale  []*held // truncated or gone since they were held
	again  bool    // something was in them: hold and plan once more
	final  bool    // there is no once more
}

// plan looks at the held files of a family again and locates the window in each.
// Gzip files are read whole when they are copied, not before.
func (g *Grab) plan(ctx context.Context, family string, cut evidence.Window) (*plan, error) {
	p := &plan{family: family, cut: cut, parts: slices.Clone(g.held[family])}
	errs := make([]error, len(p.parts))
	g.waiting(func() { each(len(p.parts), func(i int) { errs[i] = g.locate(p.parts[i], cut) }) })
	for i, h := range p.parts {
		switch {
		case errors.Is(errs[i], hostconn.ErrShort) || h.stale:
			h.stale, p.stale = true, append(p.stale, h)
			p.again = p.again || !g.whole(g.state.family(family), h, cut)
		case errs[i] != nil && hostconn.IsAnswer(errs[i]):
			g.missed = append(g.missed, missed{hostconn.Entry{Name: h.name, Size: h.size, MTime: h.mtime}, evidence.ReasonRead})
			h.found = &extent{size: h.size, firstAt: h.size}
		case errs[i] != nil:
			return nil, errs[i]
		}
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	p.parts = slices.DeleteFunc(p.parts, func(h *held) bool { return h.stale })
	slices.SortStableFunc(p.parts, inTime)
	return p, nil
}

// inTime orders files by the times inside them, then mtime, then name: numbers
// from the highest down, dates up. Files without records go by mtime.
func inTime(a, b *held) int {
	at, bt := a.first, b.first
	if at.IsZero() {
		at = a.mtime
	}
	if bt.IsZero() {
		bt = b.mtime
	}
	c := cmp.Or(at.Compare(bt), a.mtime.Compare(b.mtime))
	if c != 0 || a.name == b.name {
		return c
	}
	down := numbered(a.name) || numbered(b.name)
	if expressway.NaturalLess(a.name, b.name) != down {
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
func (g *Grab) locate(h *held, cut evidence.Window) error {
	if err := h.refresh(); err != nil || h.stale {
		return err
	}
	if h.first.IsZero() {
		if p, ok := firstHead(h.head, 0, false, g.ref(h.mtime)); ok {
			h.first = p.t
		}
	}
	if h.found != nil && h.cut == cut && h.foundSize == h.size {
		return nil
	}
	h.found, h.cut, h.foundSize = nil, cut, h.size
	if h.mtime.Before(cut.Since.Add(-oldEnough)) && !h.first.IsZero() {
		h.found = &extent{size: h.size, first: h.first} // too old: held as a proof of the window's start
		return nil
	}
	if h.gzip {
		return nil
	}
	e, err := locate(h.file, h.size, cut, g.ref(h.mtime))
	if err != nil {
		return err
	}
	h.found, h.first = &e, e.first
	return nil
}

// bytes is how much the plan is about to take off the host.
func (p *plan) bytes() int64 {
	var n int64
	for _, h := range p.parts {
		if h.found == nil {
			n += h.size
		} else {
			n += h.found.to - h.found.from
		}
	}
	return n
}

// careful is the pace of a pass. What the first pass over a connection takes may be
// gone soon: it has none. Later ones take what has come to files that are held,
// four times as fast as it came if that is more than the careful rate.
func (g *Grab) careful(plans []*plan, listed time.Time) *hostconn.Pacer {
	if g.took.IsZero() {
		return nil
	}
	var n int64
	for _, p := range plans {
		for _, h := range p.parts {
			n += g.state.family(p.family).missingOf(h)
		}
	}
	since := max(listed.Sub(g.took).Seconds(), 1)
	return &hostconn.Pacer{Rate: max(hostconn.CarefulRate, int64(4*float64(n)/since))}
}

// missingOf is how many bytes of what is wanted of a file are not on disk.
func (f *family) missingOf(h *held) (n int64) {
	if h.found == nil {
		return h.size
	}
	for _, l := range f.lacking(h, h.found.from, h.found.to) {
		n += l.to - l.from
	}
	return n
}

// copyPlan copies what of the plan is not on disk, the oldest first, and writes
// down which time is covered now.
func (g *Grab) copyPlan(ctx context.Context, p *plan, asked evidence.Window, listed time.Time, m *hostconn.Meter) (again bool, err error) {
	f, offset := g.state.family(p.family), g.state.offset()
	again = p.again
	skipped := len(p.parts)
	carry := true // the record that the file before ends with belongs to the window
	for i, h := range p.parts {
		changed, err := g.copyPart(ctx, f, h, p.cut, carry, m)
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
		e := h.found
		carry = carry && e.firstAt == e.size && e.empty() || !e.empty() && e.to == e.size
		if e.stepped {
			g.note("the times in %s contradict each other (a clock was set); it was read whole", evidence.Printable(h.name, 80))
		}
	}
	if again && !p.final {
		return true, nil
	}
	oldest, ok := p.oldest()
	if ok {
		f.forget(oldest, offset)
	}
	for i, h := range p.parts {
		if h.found != nil {
			f.holes(h.found.holes, g.nextFirst(p, i, listed), offset)
		}
	}
	g.gaps(f, p, listed)
	if ok {
		f.cover(evidence.Window{Since: oldest, Until: listed.Add(offset)}, asked, offset)
	}
	f.Empty, f.NoRecords = p.nothing()
	return again, nil
}

// copyPart copies one file's range and reports whether the file was truncated
// meanwhile; then of this copy only what is certain stays.
func (g *Grab) copyPart(ctx context.Context, f *family, h *held, cut evidence.Window, carry bool, m *hostconn.Meter) (changed bool, err error) {
	switch {
	case h.gzip && h.found != nil:
		return false, nil // it is on disk
	case h.gzip:
		err := g.copyGzip(ctx, f, h, cut, carry, m)
		if errors.Is(err, hostconn.ErrShort) {
			return true, nil
		}
		return false, err
	}
	if err := g.compareRing(f, h, h.file); err != nil {
		return false, err
	}
	from, to := h.found.withPreamble(carry)
	if from == to {
		if h.found.firstAt == h.found.size && h.size > 0 {
			g.note("%s holds no record", evidence.Printable(h.name, 80))
		}
		return false, nil
	}
	f.doubt()
	err = g.fill(ctx, g.source(h, from, to), f, h, from, to, m)
	if err == nil && h.found.to == h.found.size {
		err = g.wholeRecord(ctx, h, f, to, m)
	}
	var same bool
	var lost error
	g.waiting(func() { same, lost = h.sameHead() })
	switch {
	case lost != nil: // nobody can tell
		g.goBack(f)
		if err == nil || errors.Is(err, hostconn.ErrShort) {
			err = lost
		}
		return false, err
	case errors.Is(err, hostconn.ErrShort) || !same:
		h.stale = true
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
func (g *Grab) source(h *held, from, to int64) io.ReaderAt {
	return hostconn.Source(h.file, hostconn.Known{Name: path.Join(g.Host.Dir, h.name), Head: h.head, At: h.at, Size: h.size}, from, to)
}

// withPreamble is the range to copy. The bytes before a file's first record end
// the last record of the file before: they go where that record goes.
func (e *extent) withPreamble(carry bool) (from, to int64) {
	switch {
	case e.firstAt == 0 || !carry || e.firstAt > probeReach:
		return e.from, e.to
	case e.empty():
		return 0, e.firstAt
	case e.from == e.firstAt:
		return 0, e.to
	}
	return e.from, e.to
}

// wholeRecord copies the rest of a record that was being written when its file
// was looked at: what has come since its end, up to the next record.
func (g *Grab) wholeRecord(ctx context.Context, h *held, f *family, end int64, m *hostconn.Meter) error {
	var b []byte
	var size int64
	var mtime time.Time
	var err error
	g.waiting(func() {
		if size, mtime, err = h.file.Stat(); err == nil && size > end {
			b = make([]byte, min(size-end+1, probeReach))
			err = hostconn.ReadFull(h.file, b, end-1)
		}
	})
	if err != nil || size <= end {
		return err
	}
	to := end - 1 + int64(len(b))
	if p, ok := firstHead(b, end-1, true, g.ref(h.mtime)); ok {
		to = p.off
	} else if i := bytes.LastIndexByte(b, '\n'); i >= 0 {
		to = end + int64(i)
	}
	h.size, h.mtime = size, mtime
	return g.fill(ctx, h.file, f, h, end, to, m)
}

// oldest is the time of the oldest record held, if there is any.
func (p *plan) oldest() (t time.Time, ok bool) {
	for _, h := range p.parts {
		if !h.first.IsZero() && (!ok || h.first.Before(t)) {
			t, ok = h.first, true
		}
	}
	return t, ok
}

// nothing reports whether all files are empty, or hold bytes and no record.
func (p *plan) nothing() (empty, noRecords bool) {
	var size int64
	for _, h := range p.parts {
		size += h.size
	}
	_, ok := p.oldest()
	return size == 0, !ok && size > 0
}

// nextFirst is the time of the first record after part i, or of the listing.
func (g *Grab) nextFirst(p *plan, i int, listed time.Time) time.Time {
	for _, h := range p.parts[i+1:] {
		if !h.first.IsZero() {
			return h.first
		}
	}
	return listed.Add(g.state.offset())
}
