package fetch

import (
	"slices"
	"time"

	"rtmtgrab/fetch/hostconn"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/expressway"
)

// suspect is a gap that a file left which was cut off or gone before it was read
// to the end. It is taken back if the file turns up under another name.
type suspect struct {
	file *File
	span evidence.Span
}

// cutOff notes what is missing of a family's files that were cut off or gone
// before they were read to the end, and takes back what was found since.
func (g *Grab) cutOff(f *family, p *Plan, now time.Time) {
	ours := func(t *File) bool { return expressway.FamilyOf(t.Name, g.Host.Families) == f.name }
	g.suspects = slices.DeleteFunc(g.suspects, func(s suspect) bool {
		back := ours(s.file) && p.GoesOn(s.file)
		if back {
			f.Lost = slices.DeleteFunc(f.Lost, func(o evidence.Span) bool { return o == s.span })
		}
		return back
	})
	for _, t := range g.truncated {
		if !ours(t) || p.GoesOn(t) || g.whole(f, t, p.Cut) {
			continue
		}
		since := g.lostSince(f, t)
		for _, span := range f.lose(since, p.FirstAfter(since, now), evidence.ReasonVanished, g.state.offset()) {
			g.suspects = append(g.suspects, suspect{t, span})
		}
	}
	g.truncated = slices.DeleteFunc(g.truncated, ours)
}

// lostSince is the time, by the host's clock, from which records of t may be
// missing; zero if it is not known.
func (g *Grab) lostSince(f *family, t *File) time.Time {
	if last := g.lastOf(f, t); !last.IsZero() {
		return last
	}
	if p, ok := FirstHead(t.Head, 0, false, g.ref(t.MTime)); ok {
		return p.t
	}
	if !t.Gzip && len(t.Head) < hostconn.TinyHead && t.Size < hostconn.TinyHead { // it had only been begun
		return t.MTime.Add(-time.Second)
	}
	return time.Time{}
}

// whole reports whether nothing of a file that is gone is missing: it was at rest
// under another name than the live file's when it was last looked at, and what it
// has of cut is on disk.
func (g *Grab) whole(f *family, t *File, cut evidence.Window) bool {
	if t.Found == nil || t.cut != cut || t.foundSize != t.Size || t.Name == f.name || g.state.Clock == nil ||
		t.looked.Add(g.state.offset()).Sub(t.MTime) < restless {
		return false
	}
	from, to := t.Found.WithPreamble(true)
	return len(f.lacking(t, from, to)) == 0
}
