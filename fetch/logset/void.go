package logset

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"time"

	"rtmtgrab/fetch/hostconn"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/expressway"
)

// Voids are what of the window is missing between the files' believed records: stretches
// without one that are not copied, and what of a file could not be read. They are in the
// host's time; now is its present.
func (p *Plan) Voids(now time.Time) (spans []evidence.Span) {
	carry := true
	for i, f := range p.Files {
		e := f.Found
		if e == nil {
			continue
		}
		next := p.NextFirst(i, now)
		for _, h := range e.Holes {
			if h.Until.IsZero() { // the file's end
				h.Until = next
			}
			spans = append(spans, h)
		}
		if p.lacksHead(i, carry) {
			until := e.First
			if until.IsZero() {
				until = next
			}
			spans = append(spans, evidence.Span{Since: p.lastBelieved(i), Until: until, Reason: evidence.ReasonRead})
		}
		if f.Torn != "" {
			spans = append(spans, evidence.Span{Since: p.lastBelieved(i + 1).Add(-Disorder), Until: next, Reason: f.Torn})
		}
		carry = e.Carries(carry)
	}
	return spans
}

// lacksHead reports whether a file begins with more than the rest of another's record, or
// has nothing else, and that is not copied. NULs in front of what goes on from a sibling
// that was copied and then truncated stand for what that sibling has.
func (p *Plan) lacksHead(i int, carry bool) bool {
	f := p.Files[i]
	e := f.Found
	if e.First.IsZero() && f.Before(p.Cut.Since) {
		return false
	}
	if e.FirstAt <= ProbeReach && (carry || !e.First.IsZero() || e.Size < hostconn.TinyHead) {
		return false
	}
	nuls := f.At
	if f.Gzip { // of which only the unpacked size tells
		nuls = e.FirstAt
	}
	if e.First.IsZero() || nuls == 0 || e.FirstAt-nuls > ProbeReach {
		return true
	}
	return !slices.ContainsFunc(p.Files[:i], func(o *File) bool { return o.endsAt(nuls) })
}

// endsAt reports whether a file with records is as long as that, by all that is known: a
// compressed one that was not unpacked may be.
func (f *File) endsAt(size int64) bool {
	if f.Gzip {
		return f.Unpacked == 0 || f.Unpacked <= size && size-f.Unpacked <= ProbeReach
	}
	return !f.First.IsZero() && f.Size == size
}

// lastBelieved is the time of the last record of the files before file i, zero if there
// is none.
func (p *Plan) lastBelieved(i int) (t time.Time) {
	for _, f := range p.Files[:i] {
		last := f.First
		if f.Found != nil && !f.Found.Last.IsZero() {
			last = f.Found.Last
		}
		if last.After(t) {
			t = last
		}
	}
	return t
}

// Around is between which times of the host records of a file may lie that was listed and
// is not held: between the last record known of before it and the first one after it, by
// its mtime, or where that says nothing by its name.
func (p *Plan) Around(e hostconn.Entry, now time.Time) (since, until time.Time) {
	if e.Regular && !OddTime(e.MTime) && e.Name != p.Family {
		return p.LastBefore(e), e.MTime.Add(time.Second)
	}
	since, until = p.Cut.Since, now
	for i, f := range p.Files {
		switch {
		case olderName(f.Name, e.Name, p.Family):
			if last := p.lastBelieved(i + 1); last.After(since) {
				since = last
			}
		case olderName(e.Name, f.Name, p.Family) && !f.First.IsZero() && f.First.Before(until):
			until = f.First
		}
	}
	if e.Regular && e.Name == p.Family {
		if t := p.LastBefore(e); t.After(since) {
			since = t
		}
	}
	return since, until
}

// olderName reports whether by their names alone one file of a family is older than
// another: the live file is the newest, numbers go down, dates up.
func olderName(a, b, family string) bool {
	switch {
	case a == b || a == family:
		return false
	case b == family:
		return true
	case numbered(a) != numbered(b):
		return false // nobody can tell
	}
	return expressway.NaturalLess(a, b) != numbered(a)
}

// OddTime reports whether a file's mtime cannot be when it was written: it is missing, or
// of the first day of 1970. What is known of such a file is only what is in it.
func OddTime(mtime time.Time) bool { return mtime.Before(time.Unix(86400, 0)) }

// Before reports whether the file was written last before a time, as far as that is known.
func (i *Info) Before(t time.Time) bool { return !OddTime(i.MTime) && i.MTime.Before(t) }

// rotated reports whether a name of a family is one that rotation gives: it has a number or
// a date, or says old. What else bears the family's name, such as a link beside the
// logs, is none of them.
func rotated(name, family string) bool {
	rest := strings.TrimPrefix(name, family)
	return rest == "" || strings.ContainsAny(rest, "0123456789") || strings.Contains(rest, "old")
}

// locateShort finds the window in what can be read of a file that ends before the size that
// its host says it has. False: it is another file now, or was cut off.
func (f *File) locateShort(cut evidence.Window, zone *time.Location) (bool, error) {
	same, err := f.SameHead()
	if err != nil || !same || f.Gzip {
		return false, err
	}
	size, mtime, err := f.Handle.Stat()
	if err != nil || size < f.Size {
		return false, err
	}
	end, err := readable(f.Handle, size)
	if err != nil || end == size {
		return false, err
	}
	e, err := Locate(f.Handle, end, cut, expressway.Ref{MTime: mtime, Zone: zone})
	if err != nil {
		return false, err
	}
	e.Size = size
	f.Size, f.MTime, f.Found, f.First = size, mtime, &e, e.First
	f.Cut, f.FoundSize, f.Torn, f.Stale = cut, size, evidence.ReasonRead, false
	return true, nil
}

// readable is how much of a file can be read in whole lines, found by halving.
func readable(r io.ReaderAt, size int64) (int64, error) {
	lo, hi := int64(0), size
	for lo < hi {
		mid := lo + (hi-lo)/2
		switch err := hostconn.ReadFull(r, make([]byte, 1), mid); {
		case err == nil:
			lo = mid + 1
		case errors.Is(err, hostconn.ErrShort):
			hi = mid
		default:
			return 0, err
		}
	}
	tail := make([]byte, min(lo, ProbeReach))
	if err := hostconn.ReadFull(r, tail, lo-int64(len(tail))); err != nil {
		return 0, err
	}
	if i := bytes.LastIndexByte(tail, '\n'); i >= 0 {
		lo -= int64(len(tail) - i - 1)
	}
	return lo, nil
}
