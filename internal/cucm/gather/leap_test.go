package gather

import (
	"testing"
	"testing/synctest"
	"time"
)

// TestSleepUntilTheClockIsRight: a wait that begins before the clock was set for the first time since
// the machine started does not last until then.
func TestSleepUntilTheClockIsRight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		g := &Gatherer{Now: func() time.Time {
			if now := time.Now(); now.Sub(began) >= 30*time.Second {
				return now
			}
			return time.Now().Add(-56 * 365 * 24 * time.Hour)
		}}
		if !g.sleepUntil(t.Context(), began.Add(20*time.Second)) {
			t.Error("it ended with its context")
		}
		if slept := time.Since(began); slept > 2*time.Minute {
			t.Errorf("it slept for %v", slept)
		}
		again := time.Now()
		if g.sleepUntil(t.Context(), again.Add(5*time.Minute)); time.Since(again) != 5*time.Minute {
			t.Errorf("it slept for %v", time.Since(again))
		}
	})
}
