//go:build linux

package bench

import (
	"fmt"
	"testing"
	"time"

	"rtmtgrab/internal/lab"
)

// BenchmarkWindow: a quarter of an hour out of ten, of three families, from two
// hosts. The rivals know no time: they copy the folder. Goal: at 30 ms a tenth of
// the time of the best rival.
//
// The rivals copy from both hosts in full at 30 ms. At the other round trips they
// copy a quarter of each log, and their row says so: four times that is what the
// whole takes.
func BenchmarkWindow(b *testing.B) {
	r := newRig(b, 2)
	end := time.Now().Truncate(time.Second)
	logs, quarter := r.fresh(), r.fresh()
	for _, f := range lab.Families() {
		writeFamily(b, logs, f, size, siblings, end.Add(-time.Minute))
	}
	linkQuarter(b, logs, quarter)
	rivals := []rival{{"scp -r", scp("-r")}, {"rsync -az", rsync}, {"lftp mirror", lftp}}
	t := newTable(fmt.Sprintf("1. 15 min out of 10 h, three families of %s, two hosts", sizeText(size)), "with bundle")
	for _, trip := range trips {
		r.setRoundTrip(trip)
		m, o := r.now(logs, lab.Families(), end.Add(-time.Hour), 15*time.Minute)
		if least := 2 * 3 * size / 60; o.got() < least {
			b.Fatalf("%d bytes were taken, less than %d", o.got(), least)
		}
		t.add(trip, m, seconds(m.seal))
		for _, v := range rivals {
			from, times := logs, 1
			if trip != 30*time.Millisecond {
				from, times = quarter, 4
			}
			m := v.run(r, from)
			if times > 1 {
				m.what += " (4 × a quarter)"
				m.time, m.bytes, m.cpu = m.time*4, m.bytes*4, m.cpu*4
			}
			t.add(trip, m, "")
		}
	}
	t.print()
}
