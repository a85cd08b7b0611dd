package fetch

import (
	"crypto/sha256"
	"slices"
	"testing"
	"time"

	"rtmtgrab/fetch/hostconn"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/lab"
)

// Over SSH, while all logs are rotated away ten times a second, with no more
// siblings than the window needs: every record of the window that was on disk while
// the files were held is in the slice, once. What copy-and-truncate took from under
// the hand may be said to be missing instead.
func TestLabRotation(t *testing.T) {
	t.Parallel()
	for _, style := range []lab.Rotation{lab.Numbered, lab.Dated, lab.Gzip, lab.CopyTruncate} {
		t.Run(string(style), func(t *testing.T) {
			e, err := lab.NewExpressway(t.Context(), lab.ExpresswayConfig{Password: "secret", Logs: lab.LogConfig{Rate: 100, RotateSize: -1, RotateKeep: 45, Style: style, Odd: -1}})
			if err != nil {
				t.Fatal(err)
			}
			defer e.Close()
			e.Backfill(time.Now().Add(-10 * time.Second))
			e.Start()
			stop, done := make(chan struct{}), make(chan struct{})
			go func() {
				defer close(done)
				for tick := time.NewTicker(100 * time.Millisecond); ; {
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
			time.Sleep(2 * time.Second)
			g := newGrab(t, e.LogDir(), nil)
			g.Host.Families, g.Host.Dial = lab.Families(), labConn(t, e, &hostconn.Pool{}, true)
			asked := evidence.NewWindow(time.Now().Add(-3*time.Second), time.Now())
			began := time.Now()
			var held time.Time
			row, err := g.Pass(t.Context(), asked, func(time.Time) { held = time.Now() })
			close(stop)
			<-done
			if err != nil {
				t.Fatal(err)
			}
			for i, f := range lab.Families() {
				said := func(at time.Time) bool {
					return style == lab.CopyTruncate && slices.ContainsFunc(row.Files[i].Missing, func(m evidence.Span) bool {
						return !at.Before(m.Since) && at.Before(m.Until)
					})
				}
				got := map[[32]byte]int{}
				for _, rec := range lab.SplitRecords([]byte(slice(t, g, f))) {
					got[sha256.Sum256(rec)]++
				}
				want, missing := 0, 0
				for _, r := range e.Truth(f) {
					if asked.Contains(r.Time) && r.Existed(began, held) {
						if want++; got[r.Sum] != 1 && !(got[r.Sum] == 0 && said(r.Time)) {
							missing++
						}
					}
				}
				if missing > 0 || want < 20 {
					t.Errorf("%s: %d of %d records are not there exactly once", f, missing, want)
				}
			}
		})
	}
}
