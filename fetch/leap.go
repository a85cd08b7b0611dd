package fetch

import (
	"context"
	"time"

	"rtmtgrab/fetch/hostconn"
	"rtmtgrab/fetch/logset"
	"rtmtgrab/internal/evidence"
)

const (
	leastLeap = 2 * time.Second // by which a clock leaps; what is less is none
	leapGap   = time.Hour       // between two measurements: what is longer tells of no leap
	clockAge  = 3 * time.Minute // how old a measurement may be that a connection knows from before
)

// A clockReader is a hostconn.Conn that measures the host's clock anew, whatever is known.
type clockReader interface {
	MeasureClock(ctx context.Context) (offset, doubt time.Duration, err error)
}

// noteLeap measures the host's clock once more when the window is over: it was cut by one
// offset, and what was logged under another stands elsewhere.
func noteLeap(ctx context.Context, conn hostconn.Conn, g *Grab, over bool) {
	c, ok := conn.(clockReader)
	s := g.store.state
	if !ok || !over || !s.clock().Known {
		return
	}
	if offset, doubt, err := c.MeasureClock(ctx); err == nil {
		is := g.follow(s.clock(), logset.Clock{Offset: offset, Doubt: doubt, Known: true})
		s.compareClock(s.clock(), is, g.clock())
	}
}

// compareClock notes a leap of the clock between what it was when it was measured for this
// grab and what it is now.
func (s *state) compareClock(was, is logset.Clock, now time.Time) {
	if !was.Known || !is.Known || now.Sub(s.ClockAt) > leapGap || (is.Offset-was.Offset).Abs() <= leastLeap+was.Doubt+is.Doubt {
		return
	}
	leap := evidence.ClockStep{Since: s.ClockAt.Add(-clockAge).UTC(), Until: now.UTC().Round(0), BeforeMS: was.Offset.Milliseconds(), AfterMS: is.Offset.Milliseconds()}
	s.Leaps = []evidence.ClockStep{leap}
}
