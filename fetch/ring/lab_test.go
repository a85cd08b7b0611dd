package ring_test

import (
	"crypto/sha256"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rtmtgrab/fetch/hostconn"
	"rtmtgrab/fetch/internal/grabtest"
	"rtmtgrab/fetch/ring"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/lab"
)

// An appliance that has rotated the window away when the alert comes, in each style,
// twice between two increments, over SSH and with a clock of its own: coverage is
// complete, record by record, for the ring has kept it.
func TestRingLab(t *testing.T) {
	for _, style := range []lab.Rotation{lab.Numbered, lab.Dated, lab.Gzip, lab.CopyTruncate} {
		t.Run(string(style), func(t *testing.T) {
			t.Parallel()
			const ahead = 7 * time.Second
			e, err := lab.NewExpressway(t.Context(), lab.ExpresswayConfig{Password: "secret", ClockOffset: ahead,
				Logs: lab.LogConfig{Rate: 100, RotateSize: 20 << 10, RotateKeep: 3, Style: style, Torn: true}})
			if err != nil {
				t.Fatal(err)
			}
			defer e.Close()
			e.Backfill(time.Now().Add(-2 * time.Second))
			pool := &hostconn.Pool{}
			host := hostconn.Host{Name: "expc01", Dir: e.LogDir(), Families: lab.Families(), Dial: labConn(e, pool)}
			r := &ring.Keeper{Dir: filepath.Join(t.TempDir(), "ring"), Every: time.Second, Keep: time.Hour, MaxSize: 64 << 20, Host: host}
			release, err := r.TakeUp()
			if err != nil {
				t.Fatal(err)
			}
			defer release()
			n := 0
			turn := func(rotations int) {
				for range rotations {
					for _, f := range lab.Families() {
						for range 12 {
							n++
							if err := e.Write(f, time.Now(), "INFO", fmt.Sprintf("<%d>", n), fmt.Sprintf("Detail=\"<%d> %s\"", n, strings.Repeat("x", n%500))); err != nil {
								t.Fatal(err)
							}
						}
						if err := e.Rotate(f); err != nil {
							t.Fatal(err)
						}
					}
				}
				step(t, r)
			}
			step(t, r)
			asked := evidence.NewWindow(time.Now(), time.Now())
			for i := range 8 {
				turn(i % 3)
			}
			asked.Until = time.Now()
			for range 2 {
				turn(2)
			}
			g := grabtest.New(t, e.LogDir(), nil)
			g.Host, g.Ring = host, r.Dir
			row, err := g.Pass(t.Context(), asked, nil)
			if err != nil || row.Coverage != evidence.Complete {
				t.Errorf("%v %s %+v", err, row.Coverage, row.Ring)
			}
			for i, f := range lab.Families() {
				got := map[[32]byte]int{}
				for _, rec := range lab.SplitRecords([]byte(grabtest.Slice(t, g, f))) {
					got[sha256.Sum256(rec)]++
				}
				want, missing, there := 0, 0, 0
				for _, r := range e.Truth(f) {
					if n := got[r.Sum]; asked.Contains(r.Time.Add(-ahead)) {
						if want++; n != 1 {
							missing++
						}
						if r.GoneAt.IsZero() {
							there++
						}
					}
					delete(got, r.Sum)
				}
				if missing > 0 || want < 60 || len(got) > 0 || there > want/2 {
					t.Errorf("%s: %d of %d records are not there exactly once, %d were never written, the host still has %d: %v", f, missing, want, len(got), there, row.Notes)
				}
				for _, s := range row.Files[i].Sources {
					if s.From != "ring" {
						t.Errorf("%s: %+v", f, s)
					}
				}
			}
		})
	}
}
