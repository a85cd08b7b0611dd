package status

import (
	"strings"
	"testing"
	"time"
)

// What keeps bundles from being handed over is said, what passes by itself is not.
func TestJudgeHandover(t *testing.T) {
	now := time.Date(2026, 3, 2, 14, 14, 7, 0, time.UTC)
	ago := func(d time.Duration) time.Time { return now.Add(-d) }
	for name, c := range map[string]struct {
		d    Destination
		says string // empty: nothing
	}{
		"idle":       {Destination{Configured: true, Failing: ago(time.Hour), Cause: "busy"}, ""},
		"sending":    {Destination{Configured: true, Waiting: 1, Sending: true, Oldest: ago(time.Hour)}, ""},
		"just now":   {Destination{Configured: true, Waiting: 1, Failing: ago(time.Minute), Cause: "busy"}, ""},
		"away":       {Destination{Configured: true, Waiting: 2, Failing: ago(time.Hour), Cause: "unreachable", Error: "no route"}, "2 bundles not handed over to vendor: unreachable: no route"},
		"refused":    {Destination{Configured: true, Waiting: 1, Closed: true, Failed: 1, Cause: "refused", Error: "401"}, "nothing is handed over to vendor, and 1 bundle waits: refused: 401"},
		"dead":       {Destination{Configured: true, Waiting: 3, Failed: 1, FirstDead: "x: no case"}, "1 bundle of 3 waiting ones cannot be handed over to vendor; x: no case"},
		"hangs":      {Destination{Configured: true, Waiting: 1, Hangs: true}, "hangs"},
		"late":       {Destination{Configured: true, Waiting: 1, Oldest: ago(time.Hour), Cause: "mismatch", Error: "y"}, "mismatch: y"},
		"taken out":  {Destination{Waiting: 1}, "1 bundle waits for vendor, which is not configured any more"},
		"taken out2": {Destination{}, ""},
	} {
		c.d.Name, c.d.Hint = "vendor", "the next move"
		r := Report{Now: now, Handover: []Destination{c.d}}
		JudgeHandover(&r)
		switch {
		case c.says == "" && len(r.Problems) == 0:
		case len(r.Problems) != 1 || r.Problems[0].Key != "handover/vendor" || r.Problems[0].Blocks || r.Problems[0].Hint == "" || c.says == "" || !strings.Contains(r.Problems[0].What, c.says):
			t.Errorf("%s: %+v", name, r.Problems)
		}
	}
}
