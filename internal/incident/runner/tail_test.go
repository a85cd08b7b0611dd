package runner

import (
	"testing"
	"testing/synctest"
	"time"

	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/incident/incidenttest"
)

// A host whose logs wrap before the window's end is looked at again and again until
// then, one whose logs reach far back is not.
func TestTailOfAHostThatWraps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, incidenttest.FastStore(t, t.TempDir()))
		depth := func(seconds int64) func(*evidence.Host) {
			return func(row *evidence.Host) {
				gone := time.Now()
				for i := range row.Files {
					row.Files[i].DepthS, row.Files[i].Overwritten = seconds, &gone
				}
			}
		}
		b.hosts["expc01"].after, b.hosts["expe01"].after = depth(30), depth(3600)
		j := b.journal()
		stop := b.watch(j)
		b.alertNow(j, "n1", 1)
		time.Sleep(10 * time.Minute)
		stop()
		_, fb := b.sealedOnly()
		calls := b.hosts["expc01"].seen()
		for i := range calls[1:] {
			if d := calls[i+1].at.Sub(calls[i].at); d > 15*time.Second {
				t.Errorf("%v between two looks at 30 s of logs", d)
			}
		}
		if n := len(b.hosts["expe01"].seen()); n != 2 || len(calls) < 4 || fb.Manifest.Coverage != evidence.Complete {
			t.Errorf("%d and %d passes, %s", len(calls), n, fb.Manifest.Coverage)
		}
	})
}
