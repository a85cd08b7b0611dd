package runner

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/incident/incidenttest"
	"rtmtgrab/internal/incident/manifest"
)

// A nudge wakes an incident that failed and is to be tried again later.
func TestNudgeFailed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, incidenttest.FastStore(t, t.TempDir()))
		b.seal = func(n int) error {
			if n < 4 {
				return errors.New("no")
			}
			return nil
		}
		j := b.journal()
		stop := b.watch(j)
		b.alertNow(j, "n1", 1)
		time.Sleep(5*time.Minute + 3*time.Second + 15*time.Second + 30*time.Second + time.Minute + time.Second)
		synctest.Wait()
		if l := b.list(); l[0].State != incident.Failed || b.seals != 4 {
			t.Fatalf("%+v after %d", l, b.seals)
		}
		key := b.list()[0].Incident
		if !b.r.WorksOn(key) || b.r.WorksOn("other") || b.r.Nudge("other") || !b.r.Nudge(key) {
			t.Error("it does not know what it works at")
		}
		synctest.Wait()
		b.sealedOnly()
		if b.r.Nudge(key) || len(b.r.working.naps.some) != 0 || len(b.r.working.naps.working) != 0 {
			t.Errorf("%v %v", b.r.working.naps.some, b.r.working.naps.working)
		}
		stop()
	})
}

// And a host that is waited for.
func TestNudgeHost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, incidenttest.FastStore(t, t.TempDir()))
		b.hosts["expe01"].script = func(context.Context, int, Pass) error { return errPassing }
		j := b.journal()
		stop := b.watch(j)
		b.alertNow(j, "n1", 1)
		time.Sleep(time.Minute)
		synctest.Wait()
		before, key := len(b.hosts["expe01"].seen()), b.list()[0].Incident
		b.r.Nudge(key)
		synctest.Wait()
		if n := len(b.hosts["expe01"].seen()); n != before+1 {
			t.Errorf("%d passes, %d before", n, before)
		}
		stop()
	})
}

func TestBy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, incidenttest.FastStore(t, t.TempDir()))
		q := request()
		q.By = "alice (uid 1000)"
		in, err := b.r.Once(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		m, err := manifest.Of(b.st, in)
		if err != nil || m.Reason != "by hand" || !strings.Contains(strings.Join(m.Notes, "\n"), "requested by alice (uid 1000)") {
			t.Errorf("%+v %v", m, err)
		}
	})
}
