package cucmtrace

import (
	"errors"
	"io"
	"time"

	"rtmtgrab/internal/evidence"
)

// Anchor finds the date of a trace that tells times of day alone: from its head where it
// has one; else it reads the file once, counts the midnights, and walks back over them from
// the time when the file was modified. false: neither is there. The error is that of
// reading; what could be read counts.
func Anchor(open func() (io.ReadCloser, error), p Place) (Place, bool, error) {
	if !p.First.IsZero() {
		return p, true, nil
	}
	f, err := open()
	if err != nil {
		return p, false, err
	}
	defer f.Close()
	r := NewReader(f, p)
	first := noClock
	for {
		rec, err := r.Next()
		if r.Heads > 0 && r.clock.known {
			p = p.beganWith(r, first)
			return p, true, nil
		}
		if err != nil {
			if errors.Is(err, io.EOF) {
				err = nil
			}
			ok := first != noClock && !r.clock.latest.IsZero()
			if ok {
				p.First = r.clock.walkBack(first)
			}
			return p, ok, err
		}
		if rec.Head && first == noClock {
			first = clockOf(rec.Text)
		}
	}
}

// beganWith is the place of a file of which a later record is a head: it was joined of two.
func (p Place) beganWith(r *Reader, first int) Place {
	if first == noClock {
		return p // the head comes first
	}
	c := &r.clock
	y, m, d := c.hand.In(c.where()).Date()
	p.First = time.Date(y, m, d-c.days, 0, 0, 0, first*1e6, c.where())
	if p.First.After(c.hand) {
		p.First = time.Date(y, m, d-c.days-1, 0, 0, 0, first*1e6, c.where())
	}
	return p
}

// walkBack is the time of the first record: the last one is the latest that is not after
// the file, and between them are as many midnights as were passed.
func (c *clock) walkBack(first int) time.Time {
	y, m, d := c.latest.In(c.zone).Date()
	for back := -1; ; back++ {
		shown := time.Date(y, m, d-back, c.hand.Hour(), c.hand.Minute(), c.hand.Second(), c.hand.Nanosecond(), time.UTC) // the hand is on a day of its own
		all := readings(shown, c.zone)
		for i := len(all) - 1; i >= 0; i-- {
			if !all[i].After(c.latest.Add(slack)) {
				return evidence.Clamp(c.firstOf(readings(time.Date(y, m, d-back-c.days, 0, 0, 0, first*1e6, time.UTC), c.zone), all[i]))
			}
		}
	}
}

// firstOf picks the first record's time where the clock shows it twice: if it was set back
// since, the first, else the one that is nearest to the last record.
func (c *clock) firstOf(readings []time.Time, last time.Time) time.Time {
	best := readings[0]
	for _, t := range readings[1:] {
		if !c.setBack && !t.After(last) {
			best = t
		}
	}
	return best
}
