package main

import (
	"strings"
	"testing"

	"rtmtgrab/internal/app/checkup"
	"rtmtgrab/internal/lab"
)

// A ring that is too short for a window is said by check, which asks no host for it.
func TestShortRing(t *testing.T) {
	t.Parallel()
	c := newLab(t, lab.ExpresswayConfig{})
	for _, s := range []struct {
		keep string
		said bool
	}{{"5m", true}, {"16m", true}, {"17m", false}} {
		c.Window, c.Extra = "{before: 15m, after: 5m, max: 1h}", "ring: {enabled: true, keep: "+s.keep+"}"
		c.Write()
		rep, r := c.check("--offline")
		f := findingOf(rep, "expc01", "ring")
		if r.code != 0 || (f.Status == checkup.StatusWarn) != s.said || s.said && (!strings.Contains(f.Detail, "15 min (window.before)") || !strings.Contains(f.Hint, "17 min")) {
			t.Errorf("keep %s: %+v %s", s.keep, f, r)
		}
	}
}
