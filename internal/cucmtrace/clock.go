package cucmtrace

import (
	"time"

	"rtmtgrab/internal/evidence"
)

// A clock turns times of day into times. It goes from record to record: a time of day is
// that of the day that brings it nearest to the one before.
type clock struct {
	given  *time.Location // of the node, as somebody said; nil: nobody did
	zone   *time.Location // that counts
	hand   time.Time      // of the newest record that fits; zero: none yet
	known  bool           // the date is known; else hand is a day of its own
	latest time.Time      // records cannot be later, but by slack; zero: not known

	day      time.Time // midnight of the day in use
	plain    bool      // the clock does not change on it, nor on those beside it
	days     int       // midnights that were passed
	walked   bool      // the date is to be found: days are counted, nothing else
	matching bool      // the zone has still to be held against the first record
	setBack  bool      // while walking: the clock went back by more than disorder does
}

const (
	// ordinary is how far apart, at most, the times of neighbouring records are taken as
	// they are. Beyond it the one after them has to agree.
	ordinary = time.Hour
	dayMS    = 24 * 60 * 60 * 1000
	// slack is by how much a file's newest record may be later than the file.
	slack = 2 * time.Minute
)

func newClock(p Place) clock {
	c := clock{given: p.Zone, zone: p.Zone}
	if c.zone == nil {
		c.zone = time.UTC
	}
	if evidence.Believable(p.Modified) && !p.Modified.IsZero() {
		c.latest = p.Modified
	}
	if !p.First.IsZero() && evidence.Believable(p.First) {
		c.hand, c.known, c.matching = p.First, true, true
	}
	return c
}

// begins takes a file's head for the date. Its offset counts where no zone is known, or
// another one.
func (c *clock) begins(h head, tod int) {
	if tod == noClock {
		return
	}
	t := h.date.Add(time.Duration(tod) * time.Millisecond)
	if !evidence.Believable(t) {
		return
	}
	if c.zone = c.given; c.zone == nil || offsetAt(t.In(c.zone)) != int(h.offset/time.Second) {
		c.zone = t.Location()
	}
	c.hand, c.known, c.walked, c.matching, c.day = t, true, false, false, time.Time{}
}

// at is the time of a record with that time of day, of which the next one has next; odd: it
// is the one before's, for its own cannot be right.
func (c *clock) at(tod, next int) (t time.Time, odd bool) {
	if tod == noClock {
		return c.out(c.hand), true
	}
	if c.matching {
		c.match(tod)
	}
	if c.hand.IsZero() {
		if c.walked = !c.known; c.walked {
			c.hand = time.Date(2000, 1, 10, 0, 0, 0, 0, time.UTC).Add(time.Duration(tod) * time.Millisecond)
		}
		return c.out(c.hand), false
	}
	near := c.nearest(tod)
	if d := near.Sub(c.hand); d < -ordinary || d > ordinary {
		if next != noClock && apart(tod, next) > ordinary || next == noClock && !c.possible(near) {
			return c.out(c.hand), true
		}
		if d < 0 { // the trace goes on, so a great step is one forward
			near = c.onDay(tod, 1, near)
		}
	}
	if c.walked {
		c.setBack = c.setBack || near.Before(c.hand.Add(-10*time.Minute))
		y, m, d := c.hand.Date()
		ny, nm, nd := near.Date()
		c.days += int(time.Date(ny, nm, nd, 0, 0, 0, 0, time.UTC).Sub(time.Date(y, m, d, 0, 0, 0, 0, time.UTC)) / (24 * time.Hour))
	}
	c.hand = near
	return c.out(near), false
}

// match holds the zone against the first record, of which the time is known: its time of day
// tells by how much the node's clocks differ from UTC.
func (c *clock) match(tod int) {
	c.matching = false
	t := c.hand.UTC()
	midnight := time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC)
	ahead := time.Duration(tod)*time.Millisecond - t.Sub(midnight)
	ahead = ahead.Round(15 * time.Minute)
	if given := time.Duration(offsetAt(t.In(c.zone))) * time.Second; (ahead-given)%(24*time.Hour) == 0 {
		return
	}
	if ahead > evidence.MaxOffset {
		ahead -= 24 * time.Hour
	} else if ahead < -12*time.Hour {
		ahead += 24 * time.Hour
	}
	c.zone, c.day = time.FixedZone("", int(ahead/time.Second)), time.Time{}
}

// out is a time as it is told: none where the date is not known.
func (c *clock) out(t time.Time) time.Time {
	if !c.known {
		return time.Time{}
	}
	return t.UTC()
}

// possible reports whether the last record may have that time.
func (c *clock) possible(t time.Time) bool {
	return c.walked || c.latest.IsZero() || !t.After(c.latest.Add(slack))
}

// apart is how far apart two times of day are, around midnight too.
func apart(a, b int) time.Duration {
	d := (b - a + dayMS) % dayMS
	return time.Duration(min(d, dayMS-d)) * time.Millisecond
}

// nearest is the time with that time of day that is nearest to the hand.
func (c *clock) nearest(tod int) time.Time {
	c.useDay()
	if c.plain {
		t := c.day.Add(time.Duration(tod) * time.Millisecond)
		switch d := t.Sub(c.hand); {
		case d > 12*time.Hour:
			t = t.Add(-24 * time.Hour)
		case d <= -12*time.Hour:
			t = t.Add(24 * time.Hour)
		}
		return t
	}
	var best time.Time
	for day := -1; day <= 1; day++ {
		for _, t := range c.readings(tod, day) {
			if best.IsZero() || c.far(t) < c.far(best) {
				best = t
			}
		}
	}
	return best
}

// far is how far a time is from the hand. Of two in the hour that comes twice the later is
// nearer, unless the earlier is disorder.
func (c *clock) far(t time.Time) time.Duration {
	d := t.Sub(c.hand)
	if d < -time.Minute {
		return -d + 2*time.Hour
	}
	return d.Abs()
}

// onDay is the time with that time of day so many days after the day of t.
func (c *clock) onDay(tod, days int, t time.Time) time.Time {
	y, m, d := t.In(c.where()).Date()
	return time.Date(y, m, d+days, 0, 0, 0, tod*1e6, c.where())
}

// where is the zone that counts: of a date that is not known, none.
func (c *clock) where() *time.Location {
	if c.walked {
		return time.UTC
	}
	return c.zone
}

// useDay makes the hand's day the one in use.
func (c *clock) useDay() {
	if d := c.hand.Sub(c.day); !c.day.IsZero() && d >= 0 && d < 24*time.Hour && c.plain {
		return
	}
	y, m, d := c.hand.In(c.where()).Date()
	c.day = time.Date(y, m, d, 0, 0, 0, 0, c.where())
	before, after := c.day.AddDate(0, 0, -1), c.day.AddDate(0, 0, 2)
	c.plain = after.Sub(before) == 72*time.Hour && offsetAt(before) == offsetAt(after)
}

func offsetAt(t time.Time) int { _, o := t.Zone(); return o }

// readings are the times that may be meant by a time of day on a day near the hand's.
func (c *clock) readings(tod, days int) []time.Time {
	y, m, d := c.hand.In(c.where()).Date()
	return readings(time.Date(y, m, d+days, 0, 0, 0, 0, time.UTC).Add(time.Duration(tod)*time.Millisecond), c.where())
}

// readings are the times at which the clocks of a zone show what t shows in UTC: two where the
// hour comes twice, and the two nearest where it does not come.
func readings(t time.Time, zone *time.Location) []time.Time {
	var all, right []time.Time
	for _, around := range []time.Time{t.Add(-26 * time.Hour), t.Add(26 * time.Hour)} {
		at := t.Add(-time.Duration(offsetAt(around.In(zone))) * time.Second)
		if len(all) == 1 && at.Equal(all[0]) {
			break
		}
		all = append(all, at.In(zone))
		if offsetAt(at.In(zone)) == offsetAt(around.In(zone)) {
			right = append(right, at.In(zone))
		}
	}
	if len(right) == 0 {
		return all
	}
	return right
}
