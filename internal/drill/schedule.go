package drill

import (
	"hash/fnv"
	"time"
)

const (
	// Grace is how long after its time a drill may still begin: others of the same night
	// come first. One that was missed for longer is made at that time of the next day.
	Grace = 4 * time.Hour

	// Spread is the span after the time of day over which the drills of many sites begin.
	Spread = time.Hour

	early = 12 * time.Hour // before a whole Every is over: the drill before may have begun late
)

// A Schedule says when the drills of a site are due.
type Schedule struct {
	Every time.Duration
	At    time.Duration // since midnight in Zone
	Zone  *time.Location
	Delay time.Duration // after At, see Delay
}

// Delay is a site's place in Spread: the same at every start.
func Delay(site string) time.Duration {
	h := fnv.New32a()
	h.Write([]byte(site))
	return time.Duration(h.Sum32()%uint32(Spread/time.Second)) * time.Second
}

// Next is when the next drill is due: it is now if that is not after now. last is when the
// last scheduled one began; zero: there was none, and the schedule holds since.
func (s Schedule) Next(last, since, now time.Time) time.Time {
	first := since
	if !last.IsZero() && last.Sub(now) <= early { // else the clock has been set back since
		first = last.Add(s.Every - early)
	}
	if late := now.Add(-Grace); late.After(first) { // however many were missed, one is made
		first = late
	}
	y, m, d := first.In(s.Zone).Date()
	for day := d - 1; ; day++ {
		minutes := int(s.At / time.Minute)
		at := time.Date(y, m, day, minutes/60, minutes%60, 0, 0, s.Zone).Add(s.Delay)
		if at.After(first) {
			return at
		}
	}
}
