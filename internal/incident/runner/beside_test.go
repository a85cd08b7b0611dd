package runner

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/incident/incidenttest"
)

// TestBesideDelaysNothing: whatever is got beside an incident may hang: its hosts are held
// and copied at the same moments as without it, and the bundle comes when Await returns.
func TestBesideDelaysNothing(t *testing.T) {
	const hangs = 10 * time.Second
	run := func(t *testing.T, beside Beside) (steps []string, sealed time.Duration) {
		synctest.Test(t, func(t *testing.T) {
			b := newBench(t, incidenttest.FastStore(t, t.TempDir()))
			b.r.Beside = beside
			began := time.Now()
			at := map[string]time.Duration{}
			tell := b.r.Events
			b.r.Events = func(e Event) {
				tell(e)
				b.mu.Lock()
				defer b.mu.Unlock()
				step := fmt.Sprintf("%s %s at %s", e.What, e.Host, time.Since(began))
				switch e.What {
				case EventHeld, EventFirstPass, EventPass:
					steps = append(steps, step)
				case EventSealed:
					at[e.What] = time.Since(began)
				}
			}
			j := b.journal()
			stop := b.watch(j)
			b.alertNow(j, "n1", 1)
			time.Sleep(20 * time.Minute)
			stop()
			b.sealedOnly()
			sealed = at[EventSealed]
		})
		slices.Sort(steps)
		return steps, sealed
	}
	plain, sealed := run(t, Beside{})
	var begun, awaited int
	with, later := run(t, Beside{
		Begin: func(in incident.Incident) { begun++ },
		Await: func(ctx context.Context, job SealJob) {
			awaited++
			if len(job.Manifest.Hosts) == 0 || job.Open == nil || job.Incident.Key == "" {
				t.Errorf("what is awaited knows nothing: %+v", job)
			}
			select {
			case <-time.After(hangs):
			case <-ctx.Done():
			}
		},
	})
	if len(plain) == 0 || !slices.Equal(plain, with) {
		t.Errorf("without:\n%q\nwith something that hangs:\n%q", plain, with)
	}
	if later-sealed != hangs || begun != 1 || awaited != 1 {
		t.Errorf("sealed after %s and %s; begun %d times, awaited %d times", sealed, later, begun, awaited)
	}
}
