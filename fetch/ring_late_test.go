package fetch

import (
	"context"
	"errors"
	"testing"
	"time"

	"rtmtgrab/fetch/hostconn"
	"rtmtgrab/fetch/internal/conntest"
	"rtmtgrab/fetch/internal/fetchtest"
	"rtmtgrab/internal/evidence"
)

// A compressed sibling was still being written when the live file was copied, and
// comes into the ring after it. When the oldest segment goes, with the live file's
// part in it, the ring covers only what is left: not the time from the sibling on.
func TestRingLateGzip(t *testing.T) {
	w := fetchtest.NewWorld(t)
	late := zipped(w.Text(30*time.Minute, 20*time.Minute))
	w.Put("network_log.1.gz", string(late[:len(late)/2]), 0)
	w.Put("network_log", w.Text(20*time.Minute, 10*time.Minute), 0)
	r := newRing(t, w.Dir, &conntest.Local{})
	f := r.families[0]
	step(t, r) // takes the live file alone
	if err := f.roll(time.Now(), 0, 0); err != nil {
		t.Fatal(err)
	}
	w.Put("network_log.1.gz", string(late), 20*time.Minute)
	w.Grow("network_log", w.Text(10*time.Minute, 5*time.Minute), 0)
	step(t, r)
	if len(f.segs) != 2 {
		t.Fatalf("%d segments", len(f.segs))
	}
	asked := w.Window(30*time.Minute, 6*time.Minute)
	pass := func() evidence.Host {
		g := newGrab(t, w.Dir, nil)
		g.Ring = r.Dir
		g.Host.Dial = func(context.Context) (hostconn.Conn, error) { return nil, errors.New("down") }
		row, _ := g.Pass(t.Context(), asked, nil)
		honestIn(w, g, row, asked)
		return row
	}
	if row := pass(); row.Coverage != evidence.Complete {
		t.Errorf("before: %s %+v", row.Coverage, row.Files[0].Missing)
	}
	if err := f.drop(); err != nil {
		t.Fatal(err)
	}
	row := pass()
	if m := row.Files[0].Missing; len(m) != 1 || m[0].Until.Before(w.Now.Add(-10*time.Minute)) || m[0].Until.After(w.Now.Add(-9*time.Minute)) {
		t.Errorf("after: %+v", m)
	}
}

// A sibling that comes into the ring late is no successor of the live file, whose
// last record may go on.
func TestRingLateIsNoSuccessor(t *testing.T) {
	at := time.Now()
	l := &ringLog{files: map[int64]*ringFile{1: {ID: 1, First: at}, 2: {ID: 2, First: at.Add(-time.Hour)}, 3: {ID: 3, First: at.Add(time.Hour)}}}
	add := func(e entry) {
		e.N = int64(len(l.entries) + 1)
		l.entries = append(l.entries, ringEntry{entry: e})
	}
	add(entry{Frame: &ringFrame{File: 1, NL: true}})
	add(entry{Seen: &ringSeen{}})
	for _, c := range []struct {
		file int64
		want bool
	}{{2, false}, {3, true}} {
		add(entry{Frame: &ringFrame{File: c.file}})
		if got := l.settled(&l.entries[0]); got != c.want {
			t.Errorf("after a frame of file %d it is settled: %v", c.file, got)
		}
	}
}
