package progress

import (
	"fmt"
	"math"
	"time"

	"rtmtgrab/fetch"
	"rtmtgrab/internal/human"
)

const (
	sampleEvery = 250 * time.Millisecond
	smoothing   = 3 * time.Second  // over which a speed is averaged, about
	stalled     = 10 * time.Second // nothing came for so long: there is no speed
	longestLeft = 99 * time.Hour   // more is not shown
)

// A count is how much of a host is copied, over all of its passes: each has a total of
// its own, which comes on top of what was copied before it.
type count struct {
	before, total, done int64 // bytes; before is that of the earlier passes
	rate                float64
	at                  time.Time // of the last sample that made the rate; zero: nothing is copied now
	sampled             int64     // done at that time
}

// update takes in what a pass says: at its start it has done nothing.
func (c *count) update(f fetch.Progress, now time.Time) {
	if f.Done == 0 || c.at.IsZero() {
		c.before, c.rate, c.at = c.done, 0, now
		if f.Done > 0 { // it went on after a stop
			c.before = max(c.done-f.Done, 0)
		}
		c.sampled = c.before
	}
	c.total = max(c.before+f.Total, c.before+f.Done)
	c.done = c.before + f.Done
	since := now.Sub(c.at)
	if since < sampleEvery {
		return
	}
	fresh := float64(c.done-c.sampled) / since.Seconds()
	if c.rate == 0 {
		c.rate = fresh
	} else {
		c.rate += (fresh - c.rate) * (1 - math.Exp(-since.Seconds()/smoothing.Seconds()))
	}
	c.at, c.sampled = now, c.done
}

// stop says that the pass ended: there is no speed until the next one.
func (c *count) stop() { c.rate, c.at = 0, time.Time{} }

// add makes it a sum.
func (c *count) add(o count) {
	c.total, c.done, c.rate = c.total+o.total, c.done+o.done, c.rate+o.rate
	if o.at.After(c.at) {
		c.at = o.at
	}
}

func (c count) percent() string {
	if c.total == 0 {
		return "  0 %"
	}
	return fmt.Sprintf("%3d %%", c.done*100/c.total)
}

// flow is the speed and the time that is left, as far as they are known.
func (c count) flow(now time.Time) string {
	if c.rate < 1 || c.done >= c.total || now.Sub(c.at) > stalled {
		return ""
	}
	text := human.Size(int64(c.rate)) + "/s"
	if left := time.Duration(float64(c.total-c.done) / c.rate * float64(time.Second)).Round(time.Second); left >= 0 && left < longestLeft {
		text += fmt.Sprintf("  ETA %d:%02d", int(left.Minutes()), int(left.Seconds())%60)
	}
	return text
}
