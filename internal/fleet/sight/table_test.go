package sight

import (
	"testing"
	"time"

	"rtmtgrab/internal/fleet"
)

// TestDoubled: somebody else who has our name is seen, also on a hub that was brought back as it was earlier and
// counts from there; what an earlier run of ours left is nobody.
func TestDoubled(t *testing.T) {
	var tab table
	now := time.Now()
	is := func(want bool) {
		t.Helper()
		if got := !tab.doubled(now, time.Minute).IsZero(); got != want {
			t.Errorf("doubled: %v", got)
		}
	}
	tab.begin(now)
	tab.other(800, now)
	tab.spoke(900)
	tab.other(899, now)
	is(false)
	tab.resume(now, now, 0) // the hub is back, as it was earlier
	tab.other(9, now)
	tab.spoke(10)
	is(false)
	tab.other(11, now)
	is(true)
}

// TestBelied: that another of our name has said goodbye is seen, so that we say soon that we are there.
func TestBelied(t *testing.T) {
	var tab table
	tab.begin(time.Now())
	for state, want := range map[string]bool{"": false, fleet.Here: false, fleet.Left: true, fleet.Silent: true, fleet.Gone: true} {
		tab.present(fleet.Presence{Collector: "dmz-a", State: state}, 1)
		if got := tab.belied("dmz-a"); got != want {
			t.Errorf("%q: %v", state, got)
		}
	}
	if tab.belied("dmz-b") {
		t.Error("nothing is said of it")
	}
}

// TestCutTimeAndAgain: who fell silent is missed also where the line to the hub is cut each minute, and who
// speaks is not; what could not be heard is nobody's silence, however long it was.
func TestCutTimeAndAgain(t *testing.T) {
	const silence, every, backoff = 2 * time.Minute, 30 * time.Second, 15 * time.Second
	var tab table
	now := time.Now()
	tab.begin(now)
	tab.hear("lost", now)
	missed := time.Duration(0)
	for minute := range 10 {
		for range 2 {
			now = now.Add(every)
			tab.hear("there", now)
		}
		if missed == 0 && tab.quiet("lost", now) >= silence {
			missed = time.Duration(minute+1) * time.Minute
		}
		last := now
		now = now.Add(time.Second)
		tab.resume(last, now.Add(backoff), silence-every)
		if q := tab.quiet("there", now); q > 0 {
			t.Fatalf("%s of one who spoke", q)
		}
	}
	if missed == 0 || missed > 5*time.Minute {
		t.Errorf("missed after %s", missed)
	}

	tab.begin(now)
	tab.hear("there", now)
	last := now.Add(silence - time.Second) // it hung, and nobody knew
	now = last.Add(time.Hour)
	tab.resume(last, now.Add(backoff), silence-every)
	if q := tab.quiet("there", now.Add(backoff+every-time.Second)); q >= silence {
		t.Errorf("missed after %s, before it could say that it is there", q)
	}
}
