package ring_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"rtmtgrab/fetch/hostconn"
	"rtmtgrab/fetch/internal/conntest"
	"rtmtgrab/fetch/internal/fetchtest"
	"rtmtgrab/fetch/internal/grabtest"
	"rtmtgrab/internal/evidence"
)

// A compressed sibling was still being written when the live file was copied, and
// comes into the ring after it. When the oldest segment goes, with the live file's
// part in it, the ring covers only what is left: not the time from the sibling on.
func TestRingLateGzip(t *testing.T) {
	w := fetchtest.NewWorld(t)
	late := fetchtest.Zipped(w.Text(30*time.Minute, 20*time.Minute))
	w.Put("network_log.1.gz", string(late[:len(late)/2]), 0)
	w.Put("network_log", w.Text(20*time.Minute, 10*time.Minute), 0)
	r := newRing(t, w.Dir, &conntest.Local{})
	step(t, r) // takes the live file alone
	if err := r.EndSegment(); err != nil {
		t.Fatal(err)
	}
	w.Put("network_log.1.gz", string(late), 20*time.Minute)
	w.Grow("network_log", w.Text(10*time.Minute, 5*time.Minute), 0)
	step(t, r)
	if r.Segments() != 2 {
		t.Fatalf("%d segments", r.Segments())
	}
	asked := w.Window(30*time.Minute, 6*time.Minute)
	pass := func() evidence.Host {
		g := grabtest.New(t, w.Dir, nil)
		g.Ring = r.Dir
		g.Host.Dial = func(context.Context) (hostconn.Conn, error) { return nil, errors.New("down") }
		row, _ := g.Pass(t.Context(), asked, nil)
		honestIn(w, g, row, asked)
		return row
	}
	if row := pass(); row.Coverage != evidence.Complete {
		t.Errorf("before: %s %+v", row.Coverage, row.Files[0].Missing)
	}
	if err := r.DropSegment(); err != nil {
		t.Fatal(err)
	}
	row := pass()
	if m := row.Files[0].Missing; len(m) != 1 || m[0].Until.Before(w.Now.Add(-10*time.Minute)) || m[0].Until.After(w.Now.Add(-9*time.Minute)) {
		t.Errorf("after: %+v", m)
	}
}
