package fetch

import (
	"slices"
	"time"

	"rtmtgrab/fetch/hostconn"
	"rtmtgrab/internal/expressway"
)

// continuity finds out from when on nothing is missing. before are the files that
// the ring knew at the last increment.
func (f *ringFamily) continuity(p *Plan, before []*ringFile, listed, since time.Time, bad bool) {
	g := &f.ring.grab
	now := listed.Add(g.state.offset())
	fresh := func(h *File) bool { return !slices.Contains(before, f.file(h)) }
	switch {
	case f.newest == nil || f.from.IsZero(): // the ring begins
		f.from = f.beginning(p, since, now)
	case f.reconnected && !f.still(p):
		f.from = now
		for _, h := range p.Files {
			if fresh(h) && !h.First.IsZero() && h.First.Before(f.from) {
				f.from = h.First
			}
		}
	}
	f.reconnected = false
	lose := func(t time.Time) { f.from = latest(f.from, t) }
	for _, b := range g.breaks {
		if b.Family == f.name && !p.ShowsAfter(b) {
			lose(b.After.First)
		}
	}
	for _, t := range g.truncated {
		file := f.file(t)
		gone := file == nil || !file.whole
		if expressway.FamilyOf(t.Name, g.Host.Families) == f.name && gone && !p.GoesOn(t) {
			lose(now)
		}
	}
	missed := map[stamp]bool{}
	for _, m := range g.missed {
		if !f.owns(m.Entry) || m.Size == 0 || m.MTime.Before(since) || p.Holds(m.Entry) {
			continue
		}
		missed[stampOf(m.Entry)] = true
		if !f.missed[stampOf(m.Entry)] {
			bad = true
		}
	}
	f.missed = missed
	if bad || !g.restless.IsZero() {
		lose(now)
	}
}

// beginning is the host's time from which on a new ring has everything.
func (f *ringFamily) beginning(p *Plan, since, now time.Time) time.Time {
	from := now
	for _, h := range p.Files {
		if h.First.IsZero() {
			continue
		}
		if h.First.Before(since) {
			return since
		}
		if h.First.Before(from) {
			from = h.First
		}
	}
	return from
}

// still reports whether the file that was the newest is still there, with all that
// the ring has of it.
func (f *ringFamily) still(p *Plan) bool {
	for _, e := range f.ring.listing {
		if file := f.known[stampOf(e)]; file == f.newest && f.owns(e) && f.alone(f.ring.listing, e) {
			return true
		}
	}
	return slices.ContainsFunc(p.Files, func(h *File) bool {
		return f.file(h) == f.newest && (f.newest.whole || max(h.Size, h.Unpacked) >= f.newest.End)
	})
}

// trim lets go of what is at rest and in the ring whole, but for the newest file and
// the live one. A rotated file may be held by the live one's name still.
func (f *ringFamily) trim() {
	g := &f.ring.grab
	var newest time.Time
	for _, e := range f.ring.listing {
		newest = latest(newest, e.MTime)
	}
	parts := slices.Clone(g.held[f.name])
	slices.SortStableFunc(parts, InTime)
	var kept []*File
	for i, h := range parts {
		file := f.file(h)
		live := h.Name == f.name && !slices.ContainsFunc(parts[i+1:], func(o *File) bool { return o.Name == f.name })
		if !f.taken[h] || i == len(parts)-1 || live || !h.MTime.Before(newest.Add(-restless)) {
			kept = append(kept, h)
			continue
		}
		if file != nil {
			file.whole = true
		}
		if e := (hostconn.Entry{Name: h.Name, Size: h.Size, MTime: h.MTime}); f.alone(f.ring.listing, e) {
			f.known[stampOf(e)] = file
		}
		h.Handle.Close()
	}
	if _, ok := g.held[f.name]; ok {
		g.held[f.name] = kept
	}
}

// forgetFiles drops what is known of files that were not held since t.
func (f *ringFamily) forgetFiles(t time.Time) {
	f.files = slices.DeleteFunc(f.files, func(o *ringFile) bool { return o != f.newest && o != f.copying && o.used.Before(t) })
	for s := range f.known {
		if time.Unix(s.mtime, 0).Before(t.Add(-OldEnough)) && !slices.ContainsFunc(f.ring.listing, func(e hostconn.Entry) bool { return stampOf(e) == s }) {
			delete(f.known, s)
		}
	}
}
