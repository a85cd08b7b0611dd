package fetch

import (
	"crypto/sha256"
	"math"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"rtmtgrab/fetch/hostconn"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/lab"
)

// Over SSH, while all logs are rotated away ten times a second, with no more
// siblings than the window needs: every record of the window that was on disk while
// the files were held is in the slice, once. What copy-and-truncate took from under
// the hand may be said to be missing instead, and what a folder had that did not rest.
func TestLabRotation(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes long")
	}
	t.Parallel()
	for _, style := range []lab.Rotation{lab.Numbered, lab.Dated, lab.Gzip, lab.CopyTruncate} {
		t.Run(string(style), func(t *testing.T) {
			e, err := lab.NewExpressway(t.Context(), lab.ExpresswayConfig{Password: "secret", Logs: lab.LogConfig{Rate: 100, RotateSize: -1, RotateKeep: 45, Style: style, Odd: -1}})
			if err != nil {
				t.Fatal(err)
			}
			defer e.Close()
			e.Backfill(time.Now().Add(-10 * time.Second))
			from := time.Now()
			e.Start()
			limit, rotated := new(atomic.Int32), new(atomic.Int32) // what is to be got is never rotated out of the folder
			limit.Store(25)
			stop, done := make(chan struct{}), make(chan struct{})
			go func() {
				defer close(done)
				for tick := time.NewTicker(100 * time.Millisecond); ; {
					select {
					case <-stop:
						tick.Stop()
						return
					case <-tick.C:
						if rotated.Load() >= limit.Load() {
							continue
						}
						for _, f := range lab.Families() {
							if err := e.Rotate(f); err != nil {
								t.Error(err)
							}
						}
						rotated.Add(1)
					}
				}
			}()
			waitFor(t, func() bool { return rotated.Load() >= 20 && logged(e, from) >= 25 })
			g := newGrab(t, e.LogDir(), nil)
			g.Host.Families, g.Host.Dial = lab.Families(), labConn(t, e, &hostconn.Pool{}, true)
			asked := evidence.NewWindow(from, time.Now())
			limit.Store(40)
			began := time.Now()
			var held time.Time
			row, err := g.Pass(t.Context(), asked, func(time.Time) { held = time.Now() })
			close(stop)
			<-done
			if err != nil {
				t.Fatal(err)
			}
			for i, f := range lab.Families() {
				// a busy machine lists so slowly that the folder never rests
				restless := slices.ContainsFunc(row.Notes, func(n string) bool { return strings.Contains(n, "the folder changed during each") })
				said := func(at time.Time) bool {
					return (style == lab.CopyTruncate || restless) && slices.ContainsFunc(row.Files[i].Missing, func(m evidence.Span) bool {
						return !at.Before(m.Since) && at.Before(m.Until)
					})
				}
				got := map[[32]byte]int{}
				for _, rec := range lab.SplitRecords([]byte(slice(t, g, f))) {
					got[sha256.Sum256(rec)]++
				}
				want, missing, twice := 0, 0, 0
				for _, r := range e.Truth(f) {
					if asked.Contains(r.Time) && r.Existed(began, held) {
						if want++; got[r.Sum] != 1 && !(got[r.Sum] == 0 && said(r.Time)) {
							missing++
						}
						if got[r.Sum] > 1 {
							twice++
						}
					}
				}
				if missing > 0 || want < 20 {
					t.Errorf("%s: %d of %d records are not there exactly once, %d of them twice; missing: %v, notes %q", f, missing, want, twice, row.Files[i].Missing, row.Notes)
				}
			}
		})
	}
}

// logged is how many records every family has since then, at least.
func logged(e *lab.Expressway, since time.Time) int {
	least := math.MaxInt
	for _, f := range lab.Families() {
		n := 0
		for _, r := range e.Truth(f) {
			if !r.Time.Before(since) {
				n++
			}
		}
		least = min(least, n)
	}
	return least
}

// waitFor waits until it is so.
func waitFor(t *testing.T, so func() bool) {
	t.Helper()
	for !so() {
		select {
		case <-t.Context().Done():
			t.Fatal("the test ended before it was so")
		case <-time.After(10 * time.Millisecond):
		}
	}
}
