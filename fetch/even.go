package fetch

import (
	"context"
	"time"

	"rtmtgrab/fetch/hostconn"
	"rtmtgrab/fetch/logset"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/leap"
)

// An evenClock is the collector's clock as one grab goes by it: that by which the alert was taken
// and the host's clock compared. When this machine's clock is set meanwhile, the grab's is not: the
// same window is in the same bytes of the host.
type evenClock struct {
	now  func() time.Time // this machine's clock; nil is time.Now
	skew time.Duration    // by how much that is ahead of the grab's, for it was set since
	at   time.Time        // a reading up to which skew is right; zero: none yet
	from time.Time        // where the window begins
}

func (c *evenClock) read() time.Time {
	if c.now != nil {
		return c.now()
	}
	return time.Now()
}

// of is a reading of this machine's clock in the grab's time.
func (c *evenClock) of(t time.Time) time.Time {
	if c.skew == 0 {
		return t
	}
	return t.Round(0).Add(-c.skew)
}

func (c *evenClock) clock() time.Time { return c.of(c.read()) }

// leapt is by how much this machine's clock leapt since skew was right; zero: not, or so little
// that it does not matter. Forward it leaps too when the machine slept.
func (c *evenClock) leapt(now time.Time) time.Duration {
	if by := leap.By(c.at, now); !c.at.IsZero() && by.Abs() > leastLeap {
		return by
	}
	return 0
}

// follow is a host's clock in the grab's time, of which is was measured just now by this machine's;
// was is what it was before in the grab's. Where the host's clock seems to have leapt just as this
// machine's did, the other way, this one was set; where it has not, this machine slept.
func (c *evenClock) follow(was, is logset.Clock) logset.Clock {
	now := c.read()
	by := c.leapt(now)
	if is.Known {
		is.Offset += c.skew
	}
	apart := func(ahead time.Duration) bool {
		return (is.Offset + ahead - was.Offset).Abs() > leastLeap+was.Doubt+is.Doubt
	}
	if c.behind(now, by) {
		c.at = now
		return is
	}
	if by < 0 || was.Known && is.Known && by > 0 && apart(0) && !apart(by) {
		c.skew += by
		if is.Known {
			is.Offset += by
		}
	}
	c.at = now
	return is
}

// behind reports whether the grab's clock was behind until a leap, for the window was still to come by
// it, as before the clock is set for the first time: then the grab goes by the new time.
func (c *evenClock) behind(now time.Time, by time.Duration) bool {
	return by > evidence.MostAhead && c.from.After(c.of(now).Round(0).Add(evidence.MostAhead-by))
}

// lookAtClock finds out what a leap of this machine's clock was since the pass before. Where the
// host does not tell the time, one back was no sleep, and of one forward nobody knows.
func lookAtClock(ctx context.Context, conn hostconn.Conn, g *Grab) {
	was, is := g.store.state.clock(), logset.Clock{}
	if by := g.leapt(g.read()); by == 0 || by > 0 && !was.Known { // of a fresh connection the clock is measured anyway
		return
	}
	if c, ok := conn.(clockReader); ok && was.Known {
		if offset, doubt, err := c.MeasureClock(ctx); err == nil {
			is = logset.Clock{Offset: offset, Doubt: doubt, Known: true}
		}
	}
	anew := g.behind(g.read(), g.leapt(g.read()))
	switch is = g.follow(was, is); {
	case is.Known && anew:
		g.store.state.Clock = nil
		g.store.state.setClock(is, g.clock())
	case is.Known:
		g.store.state.compareClock(was, is, g.clock())
	}
}
