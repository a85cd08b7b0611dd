//go:build linux

package bench

import (
	"fmt"
	"testing"
	"time"

	"rtmtgrab/internal/lab"
)

// BenchmarkMemory: two units of size from four hosts at once. Goal: at most 100 MiB
// at the peak, with the registration report and the bundle.
func BenchmarkMemory(b *testing.B) {
	const hosts = 4
	r := newRig(b, hosts)
	logs, end := r.fresh(), time.Now().Truncate(time.Second)
	writeFamily(b, logs, lab.NetworkLog, 2*size/hosts, 1, end.Add(-time.Minute))
	t := newTable(fmt.Sprintf("5. %s from four hosts: memory and CPU", sizeText(2*size)), "memory until copied", "CPU per GB", "with bundle")
	for _, trip := range trips {
		r.setRoundTrip(trip)
		m, o := r.now(logs, []string{lab.NetworkLog}, end, span+time.Minute)
		t.add(trip, m, sizeText(m.rssAt(o.Timing.Copied)), seconds(time.Duration(float64(m.cpu)/float64(o.got())*1e9)), seconds(m.seal))
		if m.rss > 100<<20 {
			b.Errorf("%v: %s of memory until copied, %s in all", trip, sizeText(m.rssAt(o.Timing.Copied)), sizeText(m.rss))
		}
	}
	t.print()
}
