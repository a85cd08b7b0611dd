package fetch

import (
	"io"
	"slices"
	"sync"
	"time"

	"rtmtgrab/fetch/logset"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/expressway"
)

const (
	// DefaultLimit is Share.Limit when it is zero, and limitWindows is how often what the
	// logs write in such a window has to fit in, whichever is more: in a storm of logging
	// they write a multiple. How much they write the host itself says: beyond DefaultLimit it has
	// limitRoom of what the disk has for all of them at most.
	DefaultLimit  = 4 << 30
	limitWindows  = 8
	limitRoom     = 2
	siblingsShare = 2 // what a compressed file may become is the limit by this
)

// limit is how many bytes of the host may be on this disk.
func limit(s Share, families map[string]*family, asked evidence.Window) int64 {
	if s.Limit > 0 {
		return s.Limit
	}
	var expected float64
	var have int64
	for _, f := range families {
		for _, e := range f.Pieces {
			have += e.Length
		}
		if f.Retention != nil {
			expected += float64(f.Retention.PerMin) * asked.Until.Sub(asked.Since).Minutes()
		}
	}
	most := int64(limitWindows * min(expected, 1<<50))
	if left, known := s.Reserve.Left(); known {
		most = min(most, max(have, (have+left)/int64(limitRoom*max(s.Among, 1)))) // what is on disk stays
	}
	return max(DefaultLimit, most)
}

// nearTo is the time around which bytes are kept when not all can be.
func nearTo(alert time.Time, asked evidence.Window) time.Time {
	switch {
	case alert.IsZero() || alert.After(asked.Until):
		return asked.Until
	case alert.Before(asked.Since):
		return asked.Since
	}
	return alert
}

// keepToLimit leaves out of the plans what is farthest from the alert, if there is more
// than may be copied, and lets compressed files have what is left.
func keepToLimit(a *aim, copiers []*copier) error {
	var all int64
	wanted := make([]int64, len(copiers))
	for i, c := range copiers {
		wanted[i] = c.wanted()
		all += wanted[i]
	}
	a.room = &room{left: max(a.most-all, 0)}
	if all <= a.most {
		return nil
	}
	for i, c := range copiers {
		c.store.note("more was logged than %d MiB, to which a host is limited (limits.per_host): what is farthest from the alert was left", a.most>>20)
		if err := c.keep(int64(float64(a.most) / float64(all) * float64(wanted[i]))); err != nil {
			return err
		}
	}
	return nil
}

// shares divides most bytes between what stands before the alert and what after it.
// While more is to come half of it is kept for that, so that what is kept once stays.
func shares(most, before, after int64, more bool) (keepBefore, keepAfter int64) {
	half := most / 2
	if more {
		return min(before, half), min(after, half)
	}
	keepBefore = min(before, max(half, most-after))
	return keepBefore, min(after, most-keepBefore)
}

// room is how many bytes compressed files may still become. It is safe for concurrent use.
type room struct {
	mu   sync.Mutex
	left int64
}

// take takes n bytes, or as many as there are.
func (r *room) take(n int64) int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	n = min(n, r.left)
	r.left -= n
	return n
}

// has reports whether there is room for n bytes.
func (r *room) has(n int64) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return n <= r.left
}

// kept is which time is kept of a family, or of a file, when not all is, in the host's
// time; a zero end was not moved.
type kept struct{ since, until time.Time }

// left is what of a window is not kept, as too large.
func (k kept) left(w evidence.Window) (spans []evidence.Span) {
	if !k.since.IsZero() {
		spans = append(spans, evidence.Span{Since: w.Since, Until: evidence.Earlier(k.since, w.Until), Reason: evidence.ReasonTooLarge})
	}
	if !k.until.IsZero() {
		spans = append(spans, evidence.Span{Since: evidence.Later(k.until, w.Since), Until: w.Until, Reason: evidence.ReasonTooLarge})
	}
	return spans
}

// A stretch is what is wanted of a file, and what it is read from.
type stretch struct {
	io.ReaderAt
	*logset.Extent
	ref expressway.Ref
}

func (s stretch) bytes() int64 { return s.To - s.From }

// trim leaves what is farthest from a time out of a family's stretches, which are in the
// order of time, so that at most most bytes are left of them.
func trim(all []stretch, near time.Time, most int64, more bool) (k kept, err error) {
	var before, after int64
	for _, s := range all {
		b, a, err := s.Split(s, near, s.ref)
		if err != nil {
			return k, err
		}
		before, after = before+b, after+a
	}
	keepBefore, keepAfter := shares(most, before, after, more)
	if k.since, err = trimFront(all, near, before-keepBefore); err != nil {
		return k, err
	}
	k.until, err = trimBack(all, near, after-keepAfter)
	return k, err
}

// trimFront leaves n bytes out, the oldest first, and returns from when on all is kept.
func trimFront(all []stretch, near time.Time, n int64) (since time.Time, err error) {
	for i, s := range all {
		out := min(n, s.bytes())
		if out <= 0 {
			continue
		}
		n -= out
		if since, err = s.TrimFront(s, out, s.ref); err != nil {
			return since, err
		}
		if since.IsZero() {
			since = near
			if i+1 < len(all) {
				since = all[i+1].First
			}
		}
	}
	return since, nil
}

// trimBack leaves n bytes out, the newest first, and returns until when all is kept.
func trimBack(all []stretch, near time.Time, n int64) (until time.Time, err error) {
	for _, s := range slices.Backward(all) {
		out := min(n, s.bytes())
		if out <= 0 {
			continue
		}
		n -= out
		if until, err = s.TrimBack(s, out, s.ref); err != nil {
			return until, err
		}
		if until.IsZero() {
			until = s.First.Add(-logset.Disorder)
		}
	}
	return until, nil
}
