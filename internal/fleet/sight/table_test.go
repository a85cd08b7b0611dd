package sight

import (
	"testing"
	"time"
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
	tab.begin(now) // the hub is back, as it was earlier
	tab.other(9, now)
	tab.spoke(10)
	is(false)
	tab.other(11, now)
	is(true)
}
