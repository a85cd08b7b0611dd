package logset

import (
	"errors"
	"fmt"
	"io"
	"time"

	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/expressway"
)

// scanNear scans the file, or if that is too large the part of it in which a record was
// seen whose time is nearest to the window.
func (s *search) scanNear() (Extent, error) {
	if s.size-s.base <= scanMost {
		return scan(s.r, s.base, s.size, s.w, s.ref)
	}
	at, nearest := s.size, time.Duration(-1)
	for _, p := range s.seen {
		if away := max(s.w.Since.Sub(p.t), p.t.Sub(s.w.Until), 0); nearest < 0 || away < nearest {
			at, nearest = p.off, away
		}
	}
	from := min(max(at-scanMost/2, s.base), s.size-scanMost)
	to := from + scanMost
	if from > s.base {
		from = s.lineStart(from, from)
	}
	e, err := scan(s.r, from, to, s.w, s.ref)
	if err != nil {
		return e, err
	}
	before, after := evidence.Span{Until: e.First, Reason: evidence.ReasonTooLarge}, evidence.Span{Since: e.Last, Reason: evidence.ReasonTooLarge}
	if from > s.base {
		e.Holes, e.FirstAt = append(e.Holes, before), 0 // what is before it is no other record's end
	}
	if to < s.size {
		e.Holes = append(e.Holes, after)
	}
	e.Size, e.Stepped = s.size, false
	return e, nil
}

// scan is locate by reading everything from base on; before it are NULs.
func scan(r io.ReaderAt, base, size int64, w evidence.Window, ref expressway.Ref) (Extent, error) {
	e := Extent{Size: size, From: -1, FirstAt: size}
	var latest time.Time
	open := false // the last record seen is in the window
	hole := holeFinder{w: w}
	err := eachHead(r, base, size, ref, func(p point) bool {
		if e.First.IsZero() {
			e.First, e.FirstAt = p.t, p.off
		}
		hole.see(p, &e)
		if p.t.Before(latest.Add(-Disorder)) {
			e.Stepped = true
		}
		if p.t.After(latest) {
			latest = p.t
		}
		e.Last = p.t
		if open {
			e.To = p.off
		}
		if open = w.Contains(p.t); open && e.From < 0 {
			e.From = p.off
		}
		return true
	})
	if hole.see(point{off: size}, &e); open {
		e.To = size
	}
	if e.From < 0 {
		e.From, e.To = 0, 0
	}
	return e, err
}

// holeFinder reports stretches without a record during a scan: runs of NULs, and what
// else is not copied. The point of the file's end has no time.
type holeFinder struct {
	w    evidence.Window
	prev point
}

func (h *holeFinder) see(p point, e *Extent) {
	nuls := p.nuls > ProbeReach || !h.w.Contains(h.prev.t)
	if nuls && p.off-h.prev.off > ProbeReach && !h.prev.t.IsZero() {
		e.Holes = append(e.Holes, evidence.Span{Since: h.prev.t, Until: p.t, Reason: evidence.ReasonRead})
	}
	h.prev = p
}

// eachHead calls f for every record start in [from, to) until it returns false.
// from must be the start of a line.
func eachHead(r io.ReaderAt, from, to int64, ref expressway.Ref, f func(point) bool) error {
	ahead := readAhead(r, from, to-from)
	defer ahead.close()
	lines := expressway.NewLineReader(ahead, from, ref)
	var nuls int64
	for {
		line, err := lines.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read at %d: %w", from, err)
		}
		if line.NUL() {
			nuls += line.Length
		}
		if line.Head {
			if !f(point{line.Offset, line.Time, nuls}) {
				return nil
			}
			nuls = 0
		}
	}
}
