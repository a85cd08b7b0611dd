package ring

import (
	"slices"
	"time"

	"rtmtgrab/fetch/hostconn"
	"rtmtgrab/fetch/logset"
)

// continuity finds out from when on nothing is missing. before are the files that
// the ring knew at the last increment.
func (f *familyKeeper) continuity(set *logset.Set, p *logset.Plan, before []*knownFile, listed, since time.Time, bad bool) {
	now := f.ring.hostTime(listed)
	switch {
	case f.newest == nil || f.from.IsZero(): // the ring begins
		f.from = f.beginning(p, since, now)
	case f.reconnected && !f.still(p):
		f.from = f.oldestNew(p, before, now)
	}
	f.reconnected = false
	f.from = latest(f.from, f.lostUntil(set, p, now))
	if f.newlyMissed(set, p, since) || bad || !f.ring.holder.Restless.IsZero() {
		f.from = latest(f.from, now)
	}
}

// oldestNew is the time of the oldest record of the files that the ring did not know, or
// now.
func (f *familyKeeper) oldestNew(p *logset.Plan, before []*knownFile, now time.Time) time.Time {
	from := now
	for _, h := range p.Files {
		if !slices.Contains(before, f.file(h)) && !h.First.IsZero() && h.First.Before(from) {
			from = h.First
		}
	}
	return from
}

// lostUntil is the host's time until which records may be missing: of files that came and
// went between two listings, and of those that were cut off. Zero: none are.
func (f *familyKeeper) lostUntil(set *logset.Set, p *logset.Plan, now time.Time) (until time.Time) {
	for _, b := range set.Breaks {
		if !p.ShowsAfter(b) {
			until = latest(until, b.After.First)
		}
	}
	for _, t := range set.Truncated {
		file := f.file(t)
		if gone := file == nil || !file.whole; gone && !p.GoesOn(t) {
			until = latest(until, now)
		}
	}
	return until
}

// newlyMissed reports whether a file could not be held that could be the last time.
func (f *familyKeeper) newlyMissed(set *logset.Set, p *logset.Plan, since time.Time) (bad bool) {
	missed := map[stamp]bool{}
	for _, m := range set.Missed {
		if m.Empty() || m.MTime.Before(since) && !logset.OddTime(m.MTime) && m.Name != f.name || p.Holds(m.Entry) {
			continue
		}
		missed[stampOf(m.Entry)] = true
		bad = bad || !f.missed[stampOf(m.Entry)] || m.Name == f.name // that is written on and on
	}
	f.missed = missed
	return bad
}

// beginning is the host's time from which on a new ring has everything.
func (f *familyKeeper) beginning(p *logset.Plan, since, now time.Time) time.Time {
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
func (f *familyKeeper) still(p *logset.Plan) bool {
	for _, e := range f.ring.listing {
		if file := f.known[stampOf(e)]; file == f.newest && f.owns(e) && f.alone(f.ring.listing, e) {
			return true
		}
	}
	return slices.ContainsFunc(p.Files, func(h *logset.File) bool {
		return f.file(h) == f.newest && (f.newest.whole || max(h.Size, h.Unpacked) >= f.newest.End)
	})
}

// trim lets go of what is at rest and in the ring whole, but for the newest file and
// the live one. A rotated file may be held by the live one's name still.
func (f *familyKeeper) trim(set *logset.Set) {
	var newest time.Time
	for _, e := range f.ring.listing {
		newest = latest(newest, e.MTime)
	}
	files := set.Held().Files
	var kept []*logset.File
	for i, h := range files {
		file := f.file(h)
		live := h.Name == f.name && !slices.ContainsFunc(files[i+1:], func(o *logset.File) bool { return o.Name == f.name })
		if !f.taken[h] || i == len(files)-1 || live || !h.MTime.Before(newest.Add(-logset.Rest)) {
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
	set.Files = kept
}

// forgetFiles drops what is known of files that were not held since t.
func (f *familyKeeper) forgetFiles(t time.Time) {
	f.files = slices.DeleteFunc(f.files, func(o *knownFile) bool { return o != f.newest && o != f.copying && o.used.Before(t) })
	for s := range f.known {
		if time.Unix(s.mtime, 0).Before(t.Add(-logset.OldEnough)) && !slices.ContainsFunc(f.ring.listing, func(e hostconn.Entry) bool { return stampOf(e) == s }) {
			delete(f.known, s)
		}
	}
}
