package logset

import (
	"errors"

	"rtmtgrab/fetch/hostconn"
	"rtmtgrab/internal/expressway"
)

// edge is two points between which an end of the window lies. Where they are more
// than probeReach apart no record was found between them: a hole, or a very long record.
type edge struct {
	lo, hi point
	hole   bool
}

// edges closes in on both ends of the window at once. Every record before a point
// earlier than since-disorder is too early, every one after a point later than
// until+disorder too late.
func (s *search) edges(points []point) (start, end edge, err error) {
	other := &search{r: s.r, base: s.base, size: s.size, w: s.w, ref: s.ref}
	var err2 error
	hostconn.Each(2, 2, func(i int) {
		if i == 0 {
			start, err = s.narrow(points, s.w.Since.Add(-Disorder))
		} else {
			end, err2 = other.narrow(points, s.w.Until.Add(Disorder))
		}
	})
	s.seen, s.holes = append(s.seen, other.seen...), append(s.holes, other.holes...)
	return start, end, errors.Join(err, err2)
}

// ends reads both edges at once and returns where the window's records begin and end.
func (s *search) ends(start, end edge) (from, to int64, err error) {
	var err2 error
	hostconn.Each(2, 2, func(i int) {
		if i == 0 {
			from, err = s.start(start)
		} else {
			to, err2 = s.end(end, start.lo.off)
		}
	})
	return from, max(from, to), errors.Join(err, err2)
}

// start returns the offset of the first record of the window, or where it would
// be.
func (s *search) start(at edge) (int64, error) {
	lo, hi := at.lo, at.hi
	var err error
	found, near := int64(-1), lo.off
	look := func(p point) bool {
		// what comes after such a point is too late for the window
		late := p.off >= hi.off && !p.t.Before(s.w.Until.Add(Disorder))
		if late || s.w.Contains(p.t) {
			found = p.off
		}
		if near == lo.off && !p.t.Before(s.w.Since.Add(-Disorder)) {
			near = p.off
		}
		return found < 0
	}
	if hi.off-lo.off > ProbeReach { // a hole: read its edge only
		if err := eachHead(s.r, lo.off, lo.off+ProbeReach, s.ref, look); err != nil {
			return 0, err
		}
		lo, near = hi, hi.off
	}
	if found < 0 {
		err = eachHead(s.r, lo.off, min(s.size, lo.off+edgeMost), s.ref, look)
	}
	switch {
	case found >= 0:
	case s.size-lo.off > edgeMost:
		found = near
	default:
		found = s.size
	}
	return found, err
}

// end returns the end of the last record of the window; from if there is none.
func (s *search) end(at edge, from int64) (int64, error) {
	lo, hi := at.lo, at.hi
	if hi.off <= from {
		return from, nil
	}
	if hi.off-lo.off > ProbeReach {
		switch {
		case at.hole: // its edge only
			hi.off = lo.off + ProbeReach
		case s.w.Contains(lo.t): // a very long record
			return hi.off, nil
		default:
			hi.off = lo.off
		}
	}
	// go back from hi in growing pieces until one holds a record of the window
	next := hi.off // of the record behind the piece
	for upper, width := hi.off, int64(stretch); ; width *= 2 {
		lower := lo.off // the start of a line, and near
		if upper < hi.off || upper-lower > cell || lower < from {
			lower = s.lineStart(upper-width, from)
		}
		if hi.off-lower > edgeMost {
			return s.tooLate(lo, hi)
		}
		first, end, inside := next, int64(-1), false
		err := eachHead(s.r, lower, upper, s.ref, func(p point) bool {
			first = min(first, p.off)
			if inside {
				end = p.off
			}
			inside = s.w.Contains(p.t)
			return true
		})
		if inside {
			end = next
		}
		switch {
		case err != nil:
			return from, err
		case end >= 0:
			return end, nil
		case lower == from:
			return from, nil
		}
		upper, next = lower, first
	}
}

// tooLate is the offset of the first record from lo to hi that is over 5 s later than the
// window.
func (s *search) tooLate(lo, hi point) (int64, error) {
	at := hi.off
	err := eachHead(s.r, lo.off, hi.off, s.ref, func(p point) bool {
		if !p.t.Before(s.w.Until.Add(Disorder)) {
			at = p.off
		}
		return at == hi.off
	})
	return at, err
}

// lineStart finds the start of a line at or after off, within one MaxLine;
// failing that, from.
func (s *search) lineStart(off, from int64) int64 {
	if off <= from {
		return from
	}
	b := make([]byte, min(expressway.MaxLine, s.size-off+1))
	if err := hostconn.ReadFull(s.r, b, off-1); err != nil {
		return from
	}
	i := expressway.LineBreak(b)
	if i < 0 {
		return from
	}
	if b[i] == '\n' {
		i++
	}
	return off - 1 + int64(i)
}
