package bundle

import (
	"strings"
	"testing"
	"time"
)

// TestClockAstray: a bundle of other minutes than the alert's, for the collector's clock was wrong, says
// so at its beginning.
func TestClockAstray(t *testing.T) {
	const hour = 3_600_000
	for name, c := range map[string]struct {
		first, second *int64
		want          string
	}{
		"right":            {ptr(int64(12)), ptr(int64(-1800)), ""},
		"behind":           {ptr(int64(-2*hour - 900)), ptr(int64(-2 * hour)), "2 h behind the collector's"},
		"ahead":            {ptr(int64(26 * hour)), ptr(int64(26 * hour)), "26 h ahead of the collector's"},
		"one is right":     {ptr(int64(-2 * hour)), ptr(int64(0)), ""},
		"not alike":        {ptr(int64(-2 * hour)), ptr(int64(-3 * hour)), ""},
		"one not measured": {ptr(int64(-2 * hour)), nil, ""},
		"a minute":         {ptr(int64(60_000)), ptr(int64(60_000)), ""},
	} {
		m := newSample(t, 1000).Manifest
		m.Hosts[0].ClockOffsetMS, m.Hosts[1].ClockOffsetMS = c.first, c.second
		v := newView(m, time.UTC)
		got := v.ClockAstray()
		if c.want == "" && got != "" || !strings.Contains(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}
