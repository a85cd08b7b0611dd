package logset_test

import (
	"strings"
	"testing"
	"time"

	"rtmtgrab/fetch/internal/conntest"
	"rtmtgrab/fetch/internal/fetchtest"
	"rtmtgrab/fetch/internal/grabtest"
	"rtmtgrab/fetch/logset"
	"rtmtgrab/internal/evidence"
)

// A stretch without records inside the window is missing, in a large file as in
// a small one.
func TestBreakHoleInsideWindow(t *testing.T) {
	for _, linear := range []int64{0, 1 << 30} {
		defer logset.SetLinearBelow(linear)()
		w := fetchtest.NewWorld(t)
		a, b := w.Text(4*time.Hour, 2*time.Hour), w.Text(time.Hour, 0)
		w.Put("network_log", a+strings.Repeat("\x00", 1<<20)+b, 0)
		g := grabtest.New(t, w.Dir, &conntest.Hook{})
		row, err := g.Pass(t.Context(), w.Window(3*time.Hour+30*time.Minute, 10*time.Minute), nil)
		if err != nil {
			t.Fatal(err)
		}
		if m := row.Files[0].Missing; len(m) != 1 || m[0].Reason != evidence.ReasonRead {
			t.Errorf("linear %d: coverage %s, missing %v", linear, row.Coverage, m)
		}
	}
}
