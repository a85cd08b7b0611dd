//go:build linux

package bench

import (
	"fmt"
	"testing"
	"time"

	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/lab"
)

// BenchmarkHeld: from the start of `grab now`, which has to dial and log in, until
// every file of two hosts is held.
func BenchmarkHeld(b *testing.B) {
	r := newRig(b, 2)
	logs, end := r.fresh(), time.Now().Truncate(time.Second)
	for _, f := range lab.Families() {
		writeFamily(b, logs, f, min(size, 64<<20), siblings, end.Add(-time.Minute))
	}
	t := newTable("3. From the start until 48 files of each of two hosts are held, cold", "held", "round trips")
	for _, trip := range trips {
		r.setRoundTrip(trip)
		for range 3 {
			m, o := r.now(logs, lab.Families(), end, 15*time.Minute)
			if o.Coverage != evidence.Complete {
				b.Fatal(o.Coverage)
			}
			n := "-"
			if trip > 0 {
				n = fmt.Sprintf("%.1f", float64(m.held)/float64(trip))
			}
			t.add(trip, m, m.held.Round(time.Millisecond).String(), n)
		}
	}
	t.print()
}
