package fetch

import (
	"crypto/sha256"
	"testing"
	"time"

	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/lab"
)

// Over SSH, while all logs are renamed away five times a second: every record of
// the window that was on disk when the files were held is in the slice, once.
func TestLabRotation(t *testing.T) {
	for _, style := range []lab.Rotation{lab.Numbered, lab.Dated} {
		t.Run(string(style), func(t *testing.T) {
			e, err := lab.NewExpressway(t.Context(), lab.ExpresswayConfig{Password: "secret", Logs: lab.LogConfig{Rate: 300, RotateSize: -1, RotateKeep: 200, Style: style, Odd: -1}})
			if err != nil {
				t.Fatal(err)
			}
			defer e.Close()
			e.Backfill(time.Now().Add(-10 * time.Second))
			e.Start()
			stop, done := make(chan struct{}), make(chan struct{})
			go func() {
				defer close(done)
				for tick := time.NewTicker(200 * time.Millisecond); ; {
					select {
					case <-stop:
						tick.Stop()
						return
					case <-tick.C:
						for _, f := range lab.Families() {
							if err := e.Rotate(f); err != nil {
								t.Error(err)
							}
						}
					}
				}
			}()
			time.Sleep(time.Second)
			g := newGrab(t, e.Dir(), nil)
			g.Host.Families, g.Host.Dial = lab.Families(), labConn(t, e, &Pool{}, true)
			asked := evidence.NewWindow(time.Now().Add(-5*time.Second), time.Now())
			began := time.Now()
			var held time.Time
			_, err = g.Pass(t.Context(), asked, func() { held = time.Now() })
			close(stop)
			<-done
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range lab.Families() {
				got := map[[32]byte]int{}
				for _, rec := range lab.SplitRecords([]byte(slice(t, g, f))) {
					got[sha256.Sum256(rec)]++
				}
				want, missing := 0, 0
				for _, r := range e.Truth(f) {
					if asked.Contains(r.Time) && r.Existed(began, held) {
						if want++; got[r.Sum] != 1 {
							missing++
						}
					}
				}
				if missing > 0 || want < 500 {
					t.Errorf("%s: %d of %d records are not there exactly once", f, missing, want)
				}
			}
		})
	}
}
