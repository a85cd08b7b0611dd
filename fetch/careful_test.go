package fetch

import (
	"testing"
	"time"

	"rtmtgrab/fetch/hostconn"
	"rtmtgrab/fetch/logset"
)

// What comes later is read carefully, unless the log grows faster than that.
func TestCarefulPace(t *testing.T) {
	g := &Grab{}
	now := time.Now()
	part := func(n int64) []*copier {
		return []*copier{{f: &family{}, plan: &logset.Plan{Files: []*logset.File{{Info: logset.Info{Name: "network_log"}, Found: &logset.Extent{To: n}}}}}}
	}
	if p := g.careful(part(1<<30), now); p != nil {
		t.Errorf("the first pass goes at %d bytes a second", p.Rate)
	}
	g.took = now.Add(-100 * time.Second)
	if p := g.careful(part(1<<20), now); p.Rate != hostconn.CarefulRate {
		t.Errorf("a later one goes at %d", p.Rate)
	}
	if p, want := g.careful(part(1<<30), now), int64(4*(1<<30)/100); p.Rate < want-1000 || p.Rate > want+1000 {
		t.Errorf("one that has much to take goes at %d, not %d", p.Rate, want)
	}
}
