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
		wrong := 56 * 365 * 24 * time.Hour
		time.AfterFunc(30*time.Second, func() { wrong = 0 })
		g := &Gatherer{Now: func() time.Time { return time.Now().Add(-wrong) }}
		if !g.sleepUntil(t.Context(), began.Add(20*time.Second)) {
			t.Error("it ended with its context")
		}
		if slept := time.Since(began); slept > 2*time.Minute {
			t.Errorf("it slept for %v", slept)
		}
		began = time.Now()
		if g.sleepUntil(t.Context(), began.Add(5*time.Minute)); time.Since(began) != 5*time.Minute {
			t.Errorf("it slept for %v", time.Since(began))
		}
	})
}
