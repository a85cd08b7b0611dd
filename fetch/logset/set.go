package logset

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"rtmtgrab/fetch/hostconn"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/expressway"
)

// A Set is the open files of one family, and what is known of those that could not be
// held. A Holder fills it; between two calls of Hold it is its user's, who may hand it
// to one goroutine.
type Set struct {
	Family    string
	Files     []*File
	Missed    []Missed // listed and not held, at the last Hold
	Truncated []*File  // closed: what they held was cut off under the hand
	Breaks    []Break  // where files may have come and gone between two listings
	Absent    bool     // the folder has no file of it
	Zone      *time.Location
	OneByOne  bool // one file after the other is looked into and copied, for the line may not last for several

	found []*File // without handles: what was found in those of the connections before
}

// Missed is a file that was listed and could not be held, a link, a folder or a pipe in
// a log's place among them.
type Missed struct {
	hostconn.Entry
	Reason string // evidence.Reason…
}

// Empty reports whether there was nothing in it.
func (m *Missed) Empty() bool { return m.Regular && m.Size == 0 }

// Ref is how times in a file of that mtime are read.
func (s *Set) Ref(mtime time.Time) expressway.Ref {
	return expressway.Ref{MTime: mtime, Zone: s.Zone}
}

// Miss notes that a held file cannot be read.
func (s *Set) Miss(f *File) {
	s.Missed = append(s.Missed, Missed{hostconn.Entry{Name: f.Name, Size: f.Size, MTime: f.MTime, Regular: true}, evidence.ReasonRead})
}

// PlainOf reports whether the file from which f is being compressed is held: its
// name is that of f without an ending.
func (s *Set) PlainOf(f *File) bool {
	return slices.ContainsFunc(s.Files, func(o *File) bool { return !o.Gzip && strings.HasPrefix(f.Name, o.Name+".") })
}

// A Plan is the files of one family, the oldest first, with what they have of a window.
type Plan struct {
	Family string
	Cut    evidence.Window // in the host's time
	Files  []*File
	Stale  []*File // truncated or gone since they were held
}

// Plan looks at the held files again and locates the window in each. Gzip files are
// read whole when they are copied, not before. last says that nobody looks again: a file
// that ends before its size is located as far as it goes.
func (s *Set) Plan(ctx context.Context, cut evidence.Window, last bool) (*Plan, error) {
	p := &Plan{Family: s.Family, Cut: cut, Files: slices.Clone(s.Files)}
	errs, read := make([]error, len(p.Files)), make([]bool, len(p.Files))
	eachOf(p.Files, func(i int) { read[i], errs[i] = p.Files[i].prepare(cut, s.Zone) })
	most := int64(readAtOne * stretch)
	if s.OneByOne {
		most = 0
	}
	readEach(ctx, p.Files, read, most, func(i int) { errs[i] = p.Files[i].locate(cut, s.Zone) })
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if last {
		eachOf(p.Files, func(i int) {
			f := p.Files[i]
			if !errors.Is(errs[i], hostconn.ErrShort) && !f.Stale {
				return
			}
			if ok, err := f.locateShort(cut, s.Zone); err != nil || ok {
				errs[i] = err
			}
		})
	}
	for i, f := range p.Files {
		switch {
		case errors.Is(errs[i], hostconn.ErrShort) || f.Stale:
			f.Stale, p.Stale = true, append(p.Stale, f)
		case errs[i] != nil && hostconn.IsAnswer(errs[i]):
			s.Miss(f)
			f.Found, f.Cut = &Extent{Size: f.Size, FirstAt: f.Size}, evidence.Window{} // to be located anew
		case errs[i] != nil:
			return nil, errs[i]
		}
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	p.sort()
	return p, nil
}

// Held is the files as they are held, the oldest first, without a look at them.
func (s *Set) Held() *Plan {
	p := &Plan{Family: s.Family, Files: slices.Clone(s.Files)}
	slices.SortStableFunc(p.Files, filesInTime)
	return p
}

// sort leaves the files that are still what was held, the oldest first.
func (p *Plan) sort() {
	p.Files = slices.DeleteFunc(p.Files, func(f *File) bool { return f.Stale })
	slices.SortStableFunc(p.Files, filesInTime)
}

// DropStale leaves out the files that were found not to be what was held.
func (p *Plan) DropStale() {
	p.Files = slices.DeleteFunc(p.Files, func(f *File) bool { return f.Stale })
}

// Oldest is the time of the oldest record held, if there is any.
func (p *Plan) Oldest() (t time.Time, ok bool) {
	for _, f := range p.Files {
		if !f.First.IsZero() && (!ok || f.First.Before(t)) {
			t, ok = f.First, true
		}
	}
	return t, ok
}

// Nothing reports whether all files are empty, or hold bytes and no record.
func (p *Plan) Nothing() (empty, noRecords bool) {
	var size int64
	for _, f := range p.Files {
		size += f.Size
	}
	_, ok := p.Oldest()
	return size == 0, !ok && size > 0
}

// NextFirst is the time of the first record after file i, or now.
func (p *Plan) NextFirst(i int, now time.Time) time.Time {
	for _, f := range p.Files[i+1:] {
		if !f.First.IsZero() {
			return f.First
		}
	}
	return now
}

// ShowsAfter reports whether a later listing showed the file before the break: then
// all that is newer was there to be held.
func (p *Plan) ShowsAfter(b Break) bool {
	return b.Before.listed > b.round || slices.ContainsFunc(p.Files, func(f *File) bool {
		return f.listed > b.round && b.Before.goesOnIn(f)
	})
}

// LastBefore is the time of the last record known of before a file that is not
// there, or the start of the cut.
func (p *Plan) LastBefore(e hostconn.Entry) time.Time {
	since := p.Cut.Since
	for _, f := range p.Files {
		var last time.Time
		switch {
		case f.Found != nil && !f.Found.Last.IsZero():
			last = f.Found.Last
		case !f.Gzip:
			last = f.MTime
		}
		if last.Before(e.MTime) && last.After(since) {
			since = last
		}
	}
	return since
}

// GoesOn reports whether a file that was truncated is held under another name,
// with all that it had.
func (p *Plan) GoesOn(t *File) bool { return slices.ContainsFunc(p.Files, t.goesOnIn) }

// FirstAfter is the time of the first record of the next file after t, or now.
func (p *Plan) FirstAfter(t, now time.Time) time.Time {
	for _, f := range p.Files {
		if f.First.After(t) && f.First.Before(now) {
			now = f.First
		}
	}
	return now
}

// SyslogDated reports whether a file's stamps have no year and no zone.
func (p *Plan) SyslogDated() bool {
	return slices.ContainsFunc(p.Files, func(f *File) bool {
		line, _, _ := bytes.Cut(f.Head, []byte("\n"))
		return expressway.SyslogDated(line)
	})
}

// begunBefore is how long before the time that was listed a file's records begin that it can have
// been: what was written next begins later, whatever is rounded.
const begunBefore = 2 * time.Second

// Holds reports whether a file that was listed is among the files, under whatever name. It may have
// grown, before it was renamed or for a moment after: then its records begin before the time that was
// listed, clearly so if it had another name than the live file's. A file may have been compressed.
func (p *Plan) Holds(e hostconn.Entry) bool {
	return slices.ContainsFunc(p.Files, func(f *File) bool {
		return f.MTime.Equal(e.MTime) && (f.Gzip || f.Size == e.Size) || p.grownFrom(e, f)
	})
}

func (p *Plan) grownFrom(e hostconn.Entry, f *File) bool {
	begun, size := e.MTime.Add(-begunBefore), f.Size
	if e.Name == p.Family {
		begun = e.MTime.Add(time.Second)
	} else if f.First.IsZero() {
		return false
	}
	if f.Gzip { // its mtime may be when it was compressed
		if size = f.Unpacked; f.Found == nil || f.Found.Last.Before(evidence.Earlier(e.MTime, p.Cut.Until).Add(-Disorder)) {
			return false
		}
	}
	return size >= e.Size && !f.MTime.Before(e.MTime) && f.First.Before(begun)
}
