package ring_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"rtmtgrab/fetch/hostconn"
	"rtmtgrab/fetch/internal/conntest"
	"rtmtgrab/fetch/internal/fetchtest"
	"rtmtgrab/fetch/internal/grabtest"
	"rtmtgrab/internal/evidence"
)

// Files that begin alike are several in a ring too, through rotations, and known again on the host.
func TestRingBeginAlike(t *testing.T) {
	for _, alike := range []int{0, 10, 20, 100} {
		w := fetchtest.NewWorld(t)
		rest := strings.Repeat("a=rtpmap:the same in every call\n", alike)
		r := newRing(t, w.Dir, &conntest.Local{})
		r.SetNow(func() time.Time { return w.Now })
		w.Put("network_log", rest+w.Text(15*time.Minute, 10*time.Minute), 10*time.Minute)
		step(t, r)
		w.Move("network_log", "network_log.1")
		w.Put("network_log", rest+w.Text(10*time.Minute, 5*time.Minute), 5*time.Minute)
		step(t, r)
		w.Move("network_log.1", "network_log.2")
		w.Move("network_log", "network_log.1")
		w.Put("network_log", rest[:len(rest)/2], 0) // it has been begun
		step(t, r)
		w.Grow("network_log", rest[len(rest)/2:]+w.Text(5*time.Minute, 0), 0)
		step(t, r)
		g := grabtest.New(t, w.Dir, nil)
		g.Ring = r.Dir
		g.Host.Dial = func(context.Context) (hostconn.Conn, error) { return nil, conntest.ErrCut }
		asked := w.Window(14*time.Minute, 0)
		for _, reached := range []bool{false, true} {
			if reached {
				g.Host.Dial = func(context.Context) (hostconn.Conn, error) { return &conntest.Local{}, nil }
			}
			row, err := g.Pass(t.Context(), asked, nil)
			if reached != (err == nil) || reached && row.Coverage != evidence.Complete {
				t.Errorf("%d lines alike, reached %v: %s, %v, missing %v", alike, reached, row.Coverage, err, row.Files[0].Missing)
			}
			want := 14 * 60
			if !reached {
				want-- // the last one may be under way
			}
			if got := len(fetchtest.Marker.FindAllString(grabtest.Slice(t, g, "network_log"), -1)); got != want {
				t.Errorf("%d lines alike, reached %v: %d records, want %d", alike, reached, got, want)
			}
		}
	}
}
