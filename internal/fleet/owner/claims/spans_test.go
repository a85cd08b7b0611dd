package claims

import (
	"testing"
	"time"

	"rtmtgrab/internal/evidence"
)

// TestClocks: a collector whose clock is minutes ahead has cut other records out of the same logs for the
// same window: neither covers the other. What is off by less than Slack is the same.
func TestClocks(t *testing.T) {
	w := evidence.Window{Since: time.Date(2026, 3, 2, 14, 0, 0, 0, time.UTC), Until: time.Date(2026, 3, 2, 14, 12, 0, 0, time.UTC)}
	of := func(offset time.Duration) []evidence.Host {
		ms := offset.Milliseconds()
		return []evidence.Host{{Host: "expc01", ClockOffsetMS: &ms, Files: []evidence.File{{Family: "network_log", Coverage: evidence.Complete}}}}
	}
	right, ahead, near := HasOf(w, of(300*time.Millisecond)), HasOf(w, of(-5*time.Minute)), HasOf(w, of(-time.Second))
	if Covers(ahead, right) || Covers(right, ahead) {
		t.Errorf("what was cut by clocks five minutes apart is taken for the same: %v, %v", right, ahead)
	}
	if !Covers(near, right) || !Covers(right, near) {
		t.Errorf("what was cut by clocks a second apart is not taken for the same: %v, %v", right, near)
	}
	if !Covers(right, HasOf(w, []evidence.Host{{Host: "expc01", Files: []evidence.File{{Family: "network_log", Coverage: evidence.Complete}}}})) {
		t.Error("a clock that is not known is not taken for right")
	}
}
