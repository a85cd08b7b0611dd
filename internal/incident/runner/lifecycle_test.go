package runner

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/incident/incidenttest"
)

func TestStopKeepsAndStartGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, incidenttest.FastStore(t, t.TempDir()))
		b.hosts["expe01"].script = func(ctx context.Context, n int, _ Pass) error {
			if n == 0 {
				<-ctx.Done()
				return ctx.Err()
			}
			return nil
		}
		j := b.journal()
		stop := b.watch(j)
		b.alertNow(j, "n1", 1)
		time.Sleep(time.Minute)
		was := time.Now()
		stop()
		if d := time.Since(was); d > 5*time.Second {
			t.Errorf("stopping took %s", d)
		}
		if l := b.list(); len(l) != 1 || l[0].State != incident.Running {
			t.Errorf("kept as %+v", l)
		}
		time.Sleep(time.Hour) // a late start: patience counts from it
		j = b.journal()
		stop = b.watch(j)
		time.Sleep(time.Second)
		in, fb := b.sealedOnly()
		if fb.Manifest.Coverage != evidence.Complete || in.Starts != 2 || !hasNote(fb.Manifest.Notes, "interrupted and resumed 1 times") {
			t.Errorf("%+v, starts %d", fb.Manifest, in.Starts)
		}
		stop()
	})
}

// Two sites, many alerts, many incidents at once, for the race detector.
func TestManyAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, incidenttest.FastStore(t, t.TempDir()))
		b.hosts["expe01"].script = func(_ context.Context, n int, _ Pass) error {
			if n%3 == 0 {
				return errPassing
			}
			return nil
		}
		j := b.journal()
		stop := b.watch(j)
		for i := range 40 {
			b.alertNow(j, fmt.Sprint("n", i%7), i/9)
			time.Sleep(90 * time.Second)
			b.list()
		}
		time.Sleep(2 * time.Hour)
		for _, l := range b.list() {
			if l.State != incident.Sealed {
				t.Errorf("%+v", l)
			}
		}
		if got, want := len(b.bundles()), len(b.list()); got != want || want < 2 {
			t.Errorf("%d bundles of %d incidents", got, want)
		}
		stop()
	})
}

func TestSealFailsThenWorks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, incidenttest.FastStore(t, t.TempDir()))
		b.seal = func(n int) error {
			if n < 2 {
				return errors.New("input/output error")
			}
			return nil
		}
		j := b.journal()
		stop := b.watch(j)
		b.alertNow(j, "n1", 1)
		time.Sleep(5*time.Minute + 5*time.Second)
		if l := b.list(); l[0].State != incident.Failed || l[0].Coverage == "" {
			t.Errorf("%+v", l)
		}
		time.Sleep(time.Hour)
		if in, _ := b.sealedOnly(); in.Error != "" || len(b.bundles()) != 1 {
			t.Errorf("%+v, %v", in, b.bundles())
		}
		if n := len(b.hosts["expc01"].seen()); n != 2 {
			t.Errorf("sealing again asked the host again: %d passes", n)
		}
		stop()
	})
}

// A kill after the bundle was renamed and before the journal says so: it is adopted,
// and no host is asked again.
func TestAdoptsAFinishedBundle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := incidenttest.FastStore(t, t.TempDir())
		b := newBench(t, st)
		dead := make(chan struct{})
		var gone atomic.Bool
		st.Fault = func(op, name string) error {
			if op == "rename done" {
				gone.Store(true)
				close(dead)
			}
			if gone.Load() {
				return errCrash
			}
			return nil
		}
		j := b.journal()
		stop := b.watch(j)
		b.alertNow(j, "n1", 1)
		<-dead
		stop()
		if l := b.list(); l[0].State != incident.Sealing || l[0].Bundle != "" {
			t.Fatalf("%+v", l)
		}
		b = newBench(t, incidenttest.FastStore(t, st.Dir))
		stop = b.watch(b.journal())
		time.Sleep(time.Minute)
		b.sealedOnly()
		if b.seals != 0 || len(b.hosts["expc01"].seen()) != 0 || len(b.bundles()) != 1 {
			t.Errorf("sealed %d times, %v", b.seals, b.bundles())
		}
		stop()
	})
}

// A connection that is lost while a host is being copied, long after the patience,
// is taken up again as long as that brings something.
func TestLostWhileCopying(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, incidenttest.FastStore(t, t.TempDir()))
		b.hosts["expe01"].script = func(ctx context.Context, n int, p Pass) error {
			p.Held(time.Now())
			waitFor(ctx, 10*time.Minute)
			return nil
		}
		b.hosts["expe01"].lose = func(n int) error {
			if n < 3 {
				return errPassing
			}
			return nil
		}
		j := b.journal()
		stop := b.watch(j)
		b.alertNow(j, "n1", 1)
		time.Sleep(2 * time.Hour)
		if _, fb := b.sealedOnly(); fb.Manifest.Hosts[1].Coverage != evidence.Complete || fb.Manifest.Hosts[1].Error != "" {
			t.Errorf("%+v", fb.Manifest.Hosts[1])
		}
		if n := len(b.hosts["expe01"].seen()); n != 4 {
			t.Errorf("%d passes, want 4", n)
		}
		stop()
	})
}

// Done that was said before the window grew is not taken for the new window's.
func TestDoneOfAnEarlierWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := &run{r: &Runner{}, hosts: []*hostRun{{}}, target: newTarget(evidence.Window{}, 1)}
		u.target.finish(0)
		u.grow(incidenttest.Policy().Window(time.Now()))
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := u.freezeWhenDone(ctx); !errors.Is(err, context.DeadlineExceeded) { // freezing would panic: there is no journal
			t.Error(err)
		}
	})
}

func TestUnknownPeersAndWidening(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, incidenttest.FastStore(t, t.TempDir()))
		b.hosts["expc01"].after = func(h *evidence.Host) {
			h.OwnAddresses, h.PeersNamed = []string{"192.168.1.1"}, []string{"10.0.0.2", "192.168.1.2", "10.0.0.9", "[::ffff:10.0.0.9]:5061"}
			h.WidenedMS = 4000
			h.Notes = []string{"a note"}
		}
		b.hosts["expe01"].after = func(h *evidence.Host) {
			h.OwnAddresses, h.PeersNamed, h.WidenedMS = []string{"192.168.1.2"}, []string{"192.168.1.1", "10.0.0.9"}, 1000
		}
		j := b.journal()
		stop := b.watch(j)
		b.alertNow(j, "n1", 1)
		time.Sleep(10 * time.Minute)
		_, fb := b.sealedOnly()
		m := fb.Manifest
		if got := strings.Join(m.Notes, "\n"); got != "expc01: a note\npeer 10.0.0.9 appears in the logs of expc01, expe01 but is not configured: its logs are not in this bundle" {
			t.Errorf("notes:\n%s", got)
		}
		if !incident.SameWindow(m.Window, m.Asked.Widen(4*time.Second)) {
			t.Errorf("window %v of asked %v", m.Window, m.Asked)
		}
		stop()
	})
}

func TestKeepAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, incidenttest.FastStore(t, t.TempDir()))
		var age atomic.Int64
		b.r.Policy = func() incident.Policy {
			p := incidenttest.Policy()
			p.Keep = time.Duration(age.Load())
			return p
		}
		j := b.journal()
		stop := b.watch(j)
		b.alertNow(j, "n1", 1)
		time.Sleep(time.Hour)
		in, _ := b.sealedOnly()
		b.alertNow(j, "n1", 1) // another incident, younger
		age.Store(int64(90 * time.Minute))
		time.Sleep(20 * time.Minute)
		if len(b.list()) != 2 {
			t.Fatalf("%+v", b.list())
		}
		time.Sleep(time.Hour)
		if l := b.list(); len(l) != 1 || l[0].Incident == in.ID {
			t.Errorf("%+v", l)
		}
		if _, err := os.Stat(in.Bundle); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("bundle: %v", err)
		}
		text, err := os.ReadFile(filepath.Join(b.st.Dir, "removed.jsonl"))
		if err != nil || strings.Count(string(text), "\n") != 1 || !strings.Contains(string(text), in.ID) {
			t.Errorf("removed.jsonl: %s, %v", text, err)
		}
		stop()
	})
}
