package handover

import (
	"testing"
	"testing/synctest"

	"rtmtgrab/internal/handover/sink"
)

// What waits in a store that was moved is delivered from where its bundles are now.
func TestMovedBundle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.begin(destination("share", &fake{fail: func(int, sink.Artifact) error { return gone(sink.Unreachable) }}))
		b.add(b.bundle(1, 1), "share")
		synctest.Wait()
		b.end()
		st := b.Engine.Store
		st.Placed = func(path string) string { return "/now" + path }
		if jobs, err := st.Waiting(); err != nil || len(jobs) != 1 || jobs[0].Bundle != "/now"+b.dir+"/20260302T141401Z-hq-3fa2c1.zip" {
			t.Error(err, jobs)
		}
	})
}
