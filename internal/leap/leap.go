// Package leap knows when the clock of this machine was set, or the machine slept: then the
// time of day goes on by more or less than time does.
//
// It compares readings of time.Now, whose monotonic part goes evenly. A reading without one,
// as a time from a file, tells of no leap.
package leap

import (
	"sync"
	"time"
)

const (
	great   = 24 * time.Hour
	believe = time.Hour
)

// By is by how much the time of day went further than time did between two readings, the
// earlier one first; below zero: the clock was set back.
func By(from, to time.Time) time.Duration {
	return to.Round(0).Sub(from.Round(0)) - to.Sub(from)
}

// Even is the time of day of a reading as it would be had the clock gone on evenly since an earlier one.
func Even(from, to time.Time) time.Time { return to.Round(0).Add(-By(from, to)) }

// Until is the reading at which a time of day comes if the clock goes on evenly from now on: what
// is compared with it has a monotonic part, and is not touched by a leap.
func Until(now, at time.Time) time.Time { return now.Add(at.Round(0).Sub(now.Round(0))) }

// A Watch tells whether ages may be believed by which something is to be thrown away: not in the
// hour after the clock leapt by a day or more, for whoever set it wrong sets it right again, and
// what was thrown away meanwhile does not come back. The zero value is ready; it is safe for
// concurrent use.
type Watch struct {
	Least time.Duration // a leap by less is none; zero: a day

	mu    sync.Mutex
	seen  time.Time // the last reading
	leapt time.Time // when a leap was noticed last; zero: never
}

// Believable takes a reading, and reports whether the clock has gone evenly for so long.
func (w *Watch) Believable(now time.Time) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	least := w.Least
	if least <= 0 {
		least = great
	}
	if !w.seen.IsZero() && By(w.seen, now).Abs() >= least {
		w.leapt = now
	}
	w.seen = now
	return w.leapt.IsZero() || now.Sub(w.leapt) >= believe
}
