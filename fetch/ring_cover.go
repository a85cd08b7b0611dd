package fetch

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"time"

	"rtmtgrab/internal/evidence"
)

// joinRing ends a pass: what the ring has is taken if the pass did not come so far,
// for the host was not reached, and what it covers is written down.
func (g *Grab) joinRing(ctx context.Context, asked evidence.Window, err error) error {
	if g.Ring == "" {
		return err
	}
	defer func() { g.ring.taken = false }()
	var fail error
	if err != nil && !g.ring.taken {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), ringWait)
		defer cancel()
		g.clockOfRing()
		fail = g.takeRing(ctx, asked)
	}
	for _, name := range g.Host.Families {
		g.coverRing(g.state.family(name), asked)
	}
	return errors.Join(err, fail, g.save())
}

// clockOfRing takes the host's clock from the ring if it was never measured here.
func (g *Grab) clockOfRing() {
	for _, name := range g.Host.Families {
		if g.state.Clock != nil {
			return
		}
		l, err := openRing(filepath.Join(g.Ring, name))
		if err != nil {
			continue // takeRing says it
		}
		for _, e := range l.entries {
			if e.Seen != nil && e.Seen.Clock != nil {
				g.state.setClock(Clock{*e.Seen.Clock, e.Seen.Doubt, true})
			}
		}
		l.Close()
	}
}

// coverRing cuts what the ring ends with to whole records, where nothing goes on from
// there, and notes what of asked it covers.
func (g *Grab) coverRing(f *family, asked evidence.Window) {
	var torn time.Time // host's time of the first record that is not whole
	for _, pc := range f.Pieces {
		if pc.From != fromRing || pc.Length == 0 {
			continue
		}
		if pc.Cut = 0; !pc.Open || f.goesOn(pc) {
			continue
		}
		t, whole := g.lastRecord(pc)
		pc.Cut = pc.Length - whole
		if torn.IsZero() || t.Before(torn) {
			torn = t
		}
	}
	for _, w := range g.ring.spans[f.name] {
		if t := torn.Add(-g.state.offset()); !torn.IsZero() && t.Before(w.Until) {
			w.Until = t
		}
		f.Ring = covering(f.Ring, w, asked)
	}
}

// goesOn reports whether another piece of the same file goes on where pc ends.
func (f *family) goesOn(pc *extent) bool {
	end := pc.Offset + pc.Length
	return slices.ContainsFunc(f.Pieces, func(o *extent) bool {
		return o != pc && o.isOf(&File{Head: pc.Head, At: pc.At, Size: pc.Size}) && o.Offset <= end && o.Offset+o.whole() > end
	})
}

// asHost notes that the host was seen to have just what is on disk of a file: what
// the ring gave of it ends where the host's file ends.
func (f *family) asHost(h *File) {
	for _, pc := range f.of(h) {
		pc.Open = false
	}
}

// withRing is what is covered, by the host and by the ring.
func (f *family) withRing(asked evidence.Window) []evidence.Window {
	all := slices.Clone(f.Covered)
	for _, w := range f.Ring {
		all = covering(all, w, asked)
	}
	return all
}

// unlessRing are the spans without what the ring had beforehand: files that came and
// went while the host was looked at.
func (f *family) unlessRing(spans []evidence.Span) (out []evidence.Span) {
	for _, s := range spans {
		if s.Reason != evidence.ReasonVanished && s.Reason != evidence.ReasonRotated {
			out = append(out, s)
			continue
		}
		for _, w := range f.Ring {
			if before := minTime(s.Until, w.Since); s.Since.Before(before) {
				out = append(out, evidence.Span{Since: s.Since, Until: before, Reason: s.Reason})
			}
			s.Since = latest(s.Since, minTime(s.Until, w.Until))
		}
		if s.Since.Before(s.Until) {
			out = append(out, s)
		}
	}
	return out
}

func minTime(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}
