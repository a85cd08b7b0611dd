package ring_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"rtmtgrab/fetch/internal/conntest"
	"rtmtgrab/fetch/internal/fetchtest"
	"rtmtgrab/internal/leap/leaptest"
)

// TestRingOutlivesALeap: a clock that is years ahead for a while costs the ring nothing of what it has.
func TestRingOutlivesALeap(t *testing.T) {
	w := fetchtest.NewWorld(t)
	w.Put("network_log", w.Text(10*time.Minute, 0), 0)
	first := newRing(t, w.Dir, &conntest.Local{})
	step(t, first)
	if err := first.EndSegment(); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "ring")
	if err := os.CopyFS(dir, os.DirFS(first.Dir)); err != nil {
		t.Fatal(err)
	}
	r := again(first, dir) // of another start
	release, err := r.TakeUp()
	if err != nil {
		t.Fatal(err)
	}
	defer release()
	step(t, r)
	for _, by := range []time.Duration{26280 * time.Hour, 0, 2 * time.Hour, 0} {
		r.SetNow(func() time.Time { return leaptest.Leapt(time.Now(), by) })
		step(t, r)
		step(t, r)
	}
	const segment = "network_log/000001.zst"
	had, err := os.Stat(filepath.Join(first.Dir, segment))
	if err != nil {
		t.Fatal(err)
	}
	if has, err := os.Stat(filepath.Join(dir, segment)); err != nil || has.Size() != had.Size() {
		t.Errorf("of %d bytes: %v, %v", had.Size(), has, err)
	}
}
