package incident

import (
	"slices"
	"time"
)

// A Quiet is a span of hours of the week, by a site's clocks, in which its alerts
// are recorded and trigger nothing.
type Quiet struct {
	Days   []time.Weekday // on which it begins; empty: every day
	From   time.Duration  // since midnight by the clock, whole minutes, less than 24 h
	To     time.Duration  // the same, at most 24 h; not after From: on the next day
	Reason string
}

// Span is the span in which t lies. Where clocks are set it is by what they show: a
// night in which they are set forward is an hour shorter.
func (q Quiet) Span(t time.Time, zone *time.Location) (from, until time.Time, in bool) {
	y, m, d := t.In(zone).Date()
	for _, day := range []int{d - 1, d} {
		if len(q.Days) > 0 && !slices.Contains(q.Days, time.Date(y, m, day, 12, 0, 0, 0, zone).Weekday()) {
			continue
		}
		end := day
		if q.To <= q.From {
			end++
		}
		from, until := clock(y, m, day, q.From, zone), clock(y, m, end, q.To, zone)
		if !t.Before(from) && t.Before(until) {
			return from.UTC(), until.UTC(), true
		}
	}
	return time.Time{}, time.Time{}, false
}

func clock(y int, m time.Month, d int, at time.Duration, zone *time.Location) time.Time {
	return time.Date(y, m, d, int(at/time.Hour), int(at%time.Hour/time.Minute), 0, 0, zone)
}
