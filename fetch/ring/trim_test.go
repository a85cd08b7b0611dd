package ring_test

import (
	"testing"
	"time"

	"rtmtgrab/fetch/internal/conntest"
	"rtmtgrab/fetch/internal/fetchtest"
)

// A live file that is rotated long after its last record keeps its name where it is
// held, for it is known by size and time. It is let go of like any other sibling.
func TestRingTrimsQuietLive(t *testing.T) {
	w := fetchtest.NewWorld(t)
	r := newRing(t, w.Dir, &conntest.Local{})
	now := w.Now.Add(-10 * time.Minute)
	r.SetNow(func() time.Time { return now })
	w.Put("network_log", w.Text(11*time.Minute, 10*time.Minute), 10*time.Minute)
	step(t, r)
	for i := range 5 {
		age := time.Duration(9-i) * time.Minute
		now = w.Now.Add(-age)
		w.Move("network_log", "network_log."+string(rune('9'-i)))
		w.Put("network_log", w.Text(age+30*time.Second, age), age)
		step(t, r)
		step(t, r)
	}
	if n := r.Held(); n != 1 {
		t.Errorf("%d files are held", n)
	}
}
