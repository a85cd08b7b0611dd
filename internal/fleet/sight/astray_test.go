package sight

import (
	"testing"
	"time"

	"rtmtgrab/internal/collector/health/status"
)

// TestAstray: a clock is wrong when both the hosts and the hub say so.
func TestAstray(t *testing.T) {
	now := time.Date(2026, 3, 2, 14, 0, 0, 0, time.UTC)
	wrong := status.Report{Problems: []status.Problem{{Key: "site/hq/clock"}, {Key: "clock", Blocks: true}}}
	for name, c := range map[string]struct {
		r    status.Report
		said time.Duration
		want bool
	}{
		"nobody":            {status.Report{}, time.Second, false},
		"the hosts alone":   {wrong, -2 * time.Second, false},
		"the hub alone":     {status.Report{}, 5 * time.Minute, false},
		"both, ahead":       {wrong, 5 * time.Minute, true},
		"both, behind":      {wrong, -5 * time.Minute, true},
		"wrong by a little": {status.Report{Problems: []status.Problem{{Key: "clock"}}}, 5 * time.Minute, false},
	} {
		var s Sight
		s.clock.report(c.r)
		s.clock.heard(now.Add(c.said), now)
		if got := s.Astray(); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
