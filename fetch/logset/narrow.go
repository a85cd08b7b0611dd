package logset

import (
	"bytes"
	"slices"
	"time"

	"rtmtgrab/fetch/hostconn"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/expressway"
)

// narrow closes in on the first record at or after limit: lo is a record before
// limit, or the first of all; hi is one at or after it, or the end of the file.
// Between them lie at most `cell` bytes, or a hole. Some places are looked at at once: for
// each turn costs a round trip.
func (s *search) narrow(points []point, limit time.Time) (e edge, err error) {
	lo, hi := between(points, point{off: s.size}, limit)
	parted := false // lo and hi are as near as can be to a stretch without records
	for hi.off-lo.off > cell {
		offs, reach := places(lo, hi, limit), int64(cell) // at each of them a void costs
		if parted {
			offs, reach = offs[1:2], ProbeReach
		}
		found, voids, err := s.probes(offs, reach)
		if err != nil {
			return e, err
		}
		found = slices.DeleteFunc(found, func(p point) bool { return p.off <= lo.off || p.off >= hi.off })
		if len(found) > 0 {
			lo, hi = between(append([]point{lo}, found...), hi, limit)
		}
		voids = slices.DeleteFunc(voids, func(off int64) bool { return off <= lo.off || off >= hi.off })
		if len(found) > 0 && len(voids) == 0 {
			continue
		}
		if !parted {
			parted = true
			if lo, hi, err = s.part(lo, hi, append(voids, lo.off+(hi.off-lo.off)/2)[0], limit); err != nil {
				return edge{lo, hi, false}, err
			}
			continue
		}
		near, far, err := s.creep(lo, hi, lo.off, lo.off+ProbeReach, limit)
		if err != nil || near == lo && far == hi {
			return edge{lo, hi, err == nil && s.hole(lo, hi)}, err
		}
		lo, hi = near, far
	}
	return edge{lo: lo, hi: hi}, nil
}

// between is the last of points before the first one at or after limit, and that one, else
// end. The first point counts as one before limit.
func between(points []point, end point, limit time.Time) (lo, hi point) {
	lo = points[0]
	for _, p := range points {
		if !p.t.Before(limit) {
			return lo, p
		}
		lo = p
	}
	return lo, end
}

// places is where to look between lo and hi: on both sides of where limit is by
// interpolation, and in the middle, which halves what is left where times go by leaps.
func places(lo, hi point, limit time.Time) []int64 {
	width, mid := hi.off-lo.off, lo.off+(hi.off-lo.off)/2
	if width <= 4*cell {
		return []int64{lo.off + width/4, mid, lo.off + width/4*3}
	}
	near := max(cell/8*3, width/40)
	guess := interpolate(lo, hi, limit)
	all := []int64{guess - near, guess + near, mid}
	slices.Sort(all)
	return all
}

// interpolate guesses the offset of a time and keeps off the two ends, so that
// every step takes something away.
func interpolate(lo, hi point, limit time.Time) int64 {
	span, width := hi.t.Sub(lo.t), hi.off-lo.off
	if hi.t.IsZero() || span <= 0 {
		return lo.off + width/2
	}
	part := float64(limit.Sub(lo.t)) / float64(span)
	guess := lo.off + int64(part*float64(width))
	return min(max(guess, lo.off+width/16), hi.off-width/16)
}

// strictlyBetween probes at off for a record between lo and hi.
func (s *search) strictlyBetween(lo, hi point, off int64) (point, bool, error) {
	p, ok, err := s.probe(off)
	return p, err == nil && ok && p.off > lo.off && p.off < hi.off, err
}

// part closes in on the two ends of a stretch around mid in which no probe finds a
// record, by halving: a hole of gigabytes costs a few reads. It stops where limit turns
// out to lie on one side of it.
func (s *search) part(lo, hi point, mid int64, limit time.Time) (point, point, error) {
	for right := mid; right-lo.off > cell; {
		m := lo.off + (right-lo.off)/2
		p, ok, err := s.strictlyBetween(lo, hi, m)
		switch {
		case err != nil:
			return lo, hi, err
		case !ok || p.off >= right:
			right = m
		case p.t.Before(limit):
			lo = p
		default:
			return lo, p, nil
		}
	}
	left := mid
	for right := hi.off; right-left > cell; {
		m := left + (right-left)/2
		p, ok, err := s.strictlyBetween(lo, hi, m)
		switch {
		case err != nil:
			return lo, hi, err
		case !ok:
			left = m
		case p.t.Before(limit):
			return p, hi, nil
		default:
			hi, right = p, m
		}
	}
	// the last bit is read: it may begin with NULs, and hold records before limit
	from := s.lineStart(left, lo.off)
	return s.creep(lo, hi, from, from+ProbeReach+cell, limit)
}

// creep reads [from, to), as far as it lies between lo and hi, and returns the last
// record before limit and the first one after it, of those there and lo and hi.
func (s *search) creep(lo, hi point, from, to int64, limit time.Time) (point, point, error) {
	if s.spent++; s.spent > maxProbes {
		return lo, hi, errContradict
	}
	err := eachHead(s.r, from, min(to, hi.off), s.ref, func(p point) bool {
		switch {
		case p.off <= lo.off:
		case p.t.Before(limit):
			lo = p
		default:
			hi = p
			return false
		}
		return true
	})
	return lo, hi, err
}

// hole writes down a stretch between two records in which no probe finds one, if
// it is a run of NULs after a crash, a sparse part: what was there is missing. A
// long record is none, which false means; but where it is not copied nobody can tell
// what else is in it, and it is written down too.
func (s *search) hole(lo, hi point) bool {
	if hi.off-lo.off <= ProbeReach {
		return false
	}
	b := make([]byte, min(4<<10, hi.off-lo.off))
	err := hostconn.ReadFull(s.r, b, lo.off+(hi.off-lo.off-int64(len(b)))/2)
	nuls := err == nil && bytes.IndexByte(b, 0) >= 0
	if nuls || !s.w.Contains(lo.t) {
		s.holes = append(s.holes, evidence.Span{Since: lo.t, Until: hi.t, Reason: evidence.ReasonRead})
	}
	return nuls
}

// firstHead finds the first record start in b, which begins at offset from of
// its file. Unless from is 0 the bytes up to the first line end are passed over.
// A line that is cut off at the end of b counts only if the file ends there or
// its time is whole.
func firstHead(b []byte, from int64, last bool, ref expressway.Ref) (point, bool) {
	off := from
	if from > 0 {
		i := expressway.LineBreak(b)
		if i < 0 {
			return point{}, false
		}
		if b[i] == '\n' {
			i++
		}
		b, off = b[i:], off+int64(i)
	}
	lines := expressway.LinesOf(b, off, ref)
	for {
		line, err := lines.Next()
		if err != nil {
			return point{}, false
		}
		whole := last || line.Offset+line.Length < off+int64(len(b))
		if line.Head && (whole || line.Length >= expressway.MaxLine) {
			return point{off: line.Offset, t: line.Time}, true
		}
	}
}

// FirstHead is the offset of the first record start in b, as firstHead finds it.
func FirstHead(b []byte, from int64, last bool, ref expressway.Ref) (off int64, ok bool) {
	p, ok := firstHead(b, from, last, ref)
	return p.off, ok
}
