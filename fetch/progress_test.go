package fetch

import (
	"testing"
	"time"

	"rtmtgrab/fetch/internal/conntest"
	"rtmtgrab/fetch/internal/fetchtest"
)

// A pass says how much it is about to take: all of the window the first time, and the
// second time nothing of what is here already.
func TestProgressOfEachPass(t *testing.T) {
	w := fetchtest.NewWorld(t)
	w.Put("network_log", w.Text(10*time.Minute, 0), 0)
	g := newGrab(t, w.Dir, &conntest.Hook{})
	var totals []int64
	g.Progress = func(p Progress) {
		if p.Done == 0 {
			totals = append(totals, p.Total)
		}
	}
	for range 2 {
		if _, err := g.Pass(t.Context(), w.Window(8*time.Minute, 2*time.Minute), nil); err != nil {
			t.Fatal(err)
		}
	}
	if len(totals) != 2 || totals[0] == 0 || totals[1] != 0 {
		t.Errorf("about to take %d bytes", totals)
	}
}
