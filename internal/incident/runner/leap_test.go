package runner

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/incident/incidenttest"
	"rtmtgrab/internal/leap/leaptest"
)

// TestLeapInAWindow: a clock that is set, or a machine that sleeps, between the first pass and the
// last one neither keeps the last one from the host nor puts it off.
func TestLeapInAWindow(t *testing.T) {
	for _, by := range []time.Duration{2 * time.Hour, -2 * time.Hour, -24 * time.Hour, 3 * 365 * 24 * time.Hour, -26 * 365 * 24 * time.Hour} {
		t.Run(fmt.Sprint(by), func(t *testing.T) {
			t.Parallel()
			b := newBench(t, incidenttest.FastStore(t, t.TempDir()))
			b.r.Policy = func() incident.Policy {
				p := incidenttest.Policy()
				p.Settle = 200 * time.Millisecond
				return p
			}
			var leapt atomic.Int64
			b.r.Now = func() time.Time { return leaptest.Leapt(time.Now(), time.Duration(leapt.Load())) }
			b.hosts["expc01"].script = func(ctx context.Context, n int, _ Pass) error {
				if n > 0 { // it takes a moment to reach the host
					select {
					case <-time.After(50 * time.Millisecond):
					case <-ctx.Done():
						return context.Cause(ctx)
					}
				}
				return nil
			}
			j := b.journal()
			stop := b.watch(j)
			n, at := 1, time.Now().Add(300*time.Millisecond-incidenttest.Policy().After)
			b.put(j, evidence.Alert{ID: incidenttest.AlertID(t.Name()), Name: "Partial", Cluster: "c1", Node: "n1", Count: &n, Time: at, Received: &at})
			for b.count(EventFirstPass) == 0 {
				time.Sleep(time.Millisecond)
			}
			leapt.Store(int64(by))
			for b.count(EventSealed) == 0 {
				time.Sleep(time.Millisecond)
			}
			stop()
			if _, fb := b.sealedOnly(); fb.Manifest.Coverage != evidence.Complete {
				t.Errorf("%s: %+v", fb.Manifest.Coverage, fb.Manifest.Hosts)
			}
		})
	}
}

// TestLeapKeepsWhatIsOld: while the clock is years ahead for a while nothing is removed for its age.
func TestLeapKeepsWhatIsOld(t *testing.T) {
	st := incidenttest.FastStore(t, t.TempDir())
	putSealed(t, st, "hq", "hq-a", time.Hour, 10)
	b := newBench(t, st)
	b.r.Policy = func() incident.Policy { return incident.Policy{Keep: 30 * 24 * time.Hour} }
	later, by := time.Duration(0), time.Duration(0)
	b.r.Now = func() time.Time { return leaptest.Leapt(time.Now().Add(later), by) }
	look := func() bool {
		t.Helper()
		if err := (keeper{b.r}).removeOld(t.Context(), b.r.Now().UTC().Round(0)); err != nil {
			t.Fatal(err)
		}
		return exists(st.IncidentDir("hq-a"))
	}
	for _, leap := range []time.Duration{0, 26280 * time.Hour, 0, 26280 * time.Hour} {
		if by = leap; !look() {
			t.Fatalf("with a clock that leapt by %v it is removed", by)
		}
		later += time.Minute
	}
	if later += time.Hour; look() { // the clock is right by then, as far as anybody can know
		t.Error("it stays")
	}
}
