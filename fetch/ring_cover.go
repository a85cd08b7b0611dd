package fetch

import (
	"slices"
	"time"

	"rtmtgrab/internal/evidence"
)

// goesOn reports whether another extent of the same file goes on where e ends.
func (f *family) goesOn(e *extent) bool {
	file, end := e.info(), e.end()
	return slices.ContainsFunc(f.Pieces, func(o *extent) bool {
		return o != e && o.isOf(file) && o.Offset <= end && o.Offset+o.whole() > end
	})
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
			if until := minTime(s.Until, w.Until); until.After(s.Since) {
				s.Since = until
			}
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
