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

// TestClockSetRightAfterTheStart: an incident that is taken up while the clock is not set yet, as after the
// start of a machine without one of its own, waits for its window's end once that is set, and not for the
// year of its alert.
func TestClockSetRightAfterTheStart(t *testing.T) {
	now := time.Now()
	w := evidence.NewWindow(now.Add(-15*time.Minute), now.Add(5*time.Minute))
	h := &hostRun{run: &run{inc: incident.Incident{Kind: incident.KindAlert}, terms: terms{settle: 2 * time.Second}}}
	const wrong = -56 * 365 * 24 * time.Hour
	due := h.due(leaptest.Leapt(now, wrong), w)
	if wait := h.untilNext(due.Sub(leaptest.Leapt(now, wrong)), w); wait > time.Minute {
		t.Errorf("it looks at its clock in %v", wait)
	}
	later := now.Add(time.Minute)
	due = h.sooner(due, leaptest.Leapt(later, wrong), w)
	if left := due.Sub(later); left > 2*time.Hour || left < time.Hour {
		t.Errorf("while the clock is wrong %v are left", left)
	}
	due = h.sooner(due, later, w)
	if left := due.Sub(later); left != 4*time.Minute+2*time.Second {
		t.Errorf("once it is right %v are left", left)
	}
	if due = h.sooner(due, leaptest.Leapt(later.Add(time.Minute), wrong), w); due.Sub(later) != 4*time.Minute+2*time.Second {
		t.Errorf("when it is wrong again %v are left", due.Sub(later))
	}
}
