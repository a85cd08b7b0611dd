package runner

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"rtmtgrab/internal/atomicfile"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/incident/incidenttest"
	"rtmtgrab/internal/incident/manifest"
)

func request() Request {
	now := time.Now()
	return Request{Site: incidenttest.Sites[0], Asked: evidence.Window{Since: now.Add(-15 * time.Minute), Until: now}, Reason: "by hand", Case: "42", Phones: []string{"SEP1"}}
}

func TestOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, incidenttest.FastStore(t, t.TempDir()))
		q := request()
		q.Out = t.TempDir()
		start := time.Now()
		in, err := b.r.Once(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		if d := time.Since(start); d != 2*time.Second {
			t.Errorf("it took %s, want the settle time", d)
		}
		if !regexp.MustCompile(`^20000101T000000Z-hq-[0-9a-f]{6}$`).MatchString(in.ID) || in.Bundle != filepath.Join(q.Out, in.ID+".zip") || in.Coverage != evidence.Complete {
			t.Errorf("%+v", in)
		}
		m, err := manifest.Of(b.st, in)
		if err != nil || m.Reason != "by hand" || m.Case != "42" || len(m.PhonesNamed) != 1 || m.Timing.Claimed.IsZero() || !m.Timing.Alert.IsZero() {
			t.Errorf("%+v, %v", m, err)
		}
		if _, err := b.r.Retry(t.Context(), in.ID, RetryRequest{}); !errors.Is(err, ErrComplete) {
			t.Errorf("retry of a complete one: %v", err)
		}
	})
}

func TestOncePatience(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, incidenttest.FastStore(t, t.TempDir()))
		b.hosts["expe01"].script = func(context.Context, int, Pass) error { return errPassing }
		start := time.Now()
		in, err := b.r.Once(t.Context(), request())
		if d := time.Since(start); err != nil || d > 10*time.Second || d < 4*time.Second || in.Coverage != evidence.Partial {
			t.Errorf("after %s: %+v, %v", d, in, err)
		}
	})
}

func TestOnceStopSealsWhatThereIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, incidenttest.FastStore(t, t.TempDir()))
		b.hosts["expe01"].script = func(ctx context.Context, _ int, p Pass) error {
			p.Held(time.Now())
			<-ctx.Done()
			return ctx.Err()
		}
		stop := make(chan struct{})
		time.AfterFunc(time.Minute, func() { close(stop) })
		q := request()
		q.Stop, q.Asked.Until = stop, time.Now().Add(time.Hour)
		start := time.Now()
		in, err := b.r.Once(t.Context(), q)
		if err != nil || time.Since(start) != time.Minute || in.State != incident.Sealed || in.Coverage != evidence.Partial {
			t.Fatalf("after %s: %+v, %v", time.Since(start), in, err)
		}
		fb, err := readBundle(in.Bundle)
		if err != nil || !strings.Contains(fb.Manifest.Hosts[1].Error, "stopped by hand") || fb.Manifest.Hosts[0].Files[0].Bytes == 0 {
			t.Errorf("%+v, %v", fb.Manifest.Hosts, err)
		}
		if h := fb.Manifest.Hosts[1]; h.Error != "stopped by hand" || h.Files[0].Missing[0].Reason != evidence.ReasonToCome {
			t.Errorf("of a host that was let go: %q, %+v", h.Error, h.Files[0].Missing)
		}
	})
}

func TestOnceCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, incidenttest.FastStore(t, t.TempDir()))
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Minute, cancel)
		q := request()
		q.Asked.Until = time.Now().Add(time.Hour)
		in, err := b.r.Once(ctx, q)
		if !errors.Is(err, context.Canceled) || in.State != incident.Running {
			t.Errorf("%+v, %v", in, err)
		}
		time.Sleep(time.Hour)
		in, err = b.r.Retry(t.Context(), in.ID, RetryRequest{}) // goes on with it
		if err != nil || in.State != incident.Sealed || in.Revision != 1 || in.Coverage != evidence.Complete {
			t.Errorf("%+v, %v", in, err)
		}
	})
}

func TestOnceOnAFullDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := incidenttest.FastStore(t, t.TempDir())
		b := newBench(t, st)
		var disk full
		st.Fault = disk.fault
		b.hosts["expe01"].script = func(context.Context, int, Pass) error {
			time.Sleep(100 * time.Millisecond) // the other host has given what it has
			return syscall.ENOSPC
		}
		start := time.Now()
		in, err := b.r.Once(t.Context(), request()) // what fits is sealed
		if err != nil || time.Since(start) > DefaultNowPatience || in.Coverage != evidence.Partial || b.count(EventFull) != 1 {
			t.Errorf("after %s: %+v, %v", time.Since(start), in, err)
		}
		if fb, err := readBundle(in.Bundle); err != nil || fb.Manifest.Hosts[0].Files[0].Bytes == 0 || !strings.Contains(fb.Manifest.Hosts[1].Error, "no space") {
			t.Errorf("%+v, %v", fb.Manifest.Hosts, err)
		}
		b.hosts["expe01"].script = nil // there is room again
		in, err = b.r.Retry(t.Context(), in.ID, RetryRequest{})
		if err != nil || in.Coverage != evidence.Complete || in.Revision != 2 {
			t.Errorf("%+v, %v", in, err)
		}
		for _, h := range b.hosts {
			h.script = func(context.Context, int, Pass) error { return syscall.ENOSPC }
		}
		if in, err = b.r.Once(t.Context(), request()); !atomicfile.Full(err) || in.State != incident.Failed {
			t.Errorf("nothing fits: %+v, %v", in, err)
		}
		disk.is.Store(true)
		if _, err := b.r.Once(t.Context(), request()); !atomicfile.Full(err) {
			t.Errorf("nothing can be written: %v", err)
		}
	})
}

func TestOnceBadHostName(t *testing.T) {
	b := newBench(t, incidenttest.FastStore(t, t.TempDir()))
	q := request()
	q.Site.Hosts = []incident.HostRef{{Name: "../x"}}
	if in, err := b.r.Once(t.Context(), q); err == nil || in.State == incident.Sealed {
		t.Errorf("%+v, %v", in, err)
	}
	q.Site.Name = "../x"
	if _, err := b.r.Once(t.Context(), q); err == nil {
		t.Error("a site that leaves the store was taken")
	}
}

// now works beside a running watch, on the same store.
func TestOnceBesideWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, incidenttest.FastStore(t, t.TempDir()))
		stop := b.watch(b.journal())
		other := newBench(t, incidenttest.FastStore(t, b.st.Dir))
		in, err := other.r.Once(t.Context(), request())
		if err != nil || in.State != incident.Sealed {
			t.Errorf("%+v, %v", in, err)
		}
		stop()
	})
}

func TestRetryMakesALaterRevision(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, incidenttest.FastStore(t, t.TempDir()))
		b.hosts["expe01"].script = func(context.Context, int, Pass) error { return errPassing }
		in, err := b.r.Once(t.Context(), request())
		if err != nil || in.Coverage != evidence.Partial {
			t.Fatalf("%+v, %v", in, err)
		}
		first := in.Bundle
		b.hosts["expc01"].script, b.hosts["expe01"].script = b.hosts["expe01"].script, nil // now the other is away
		in, err = b.r.Retry(t.Context(), in.ID, RetryRequest{})
		if err != nil || in.Revision != 2 || in.Bundle != filepath.Join(b.st.Bundles(), in.ID+"-r2.zip") {
			t.Fatalf("%+v, %v", in, err)
		}
		if len(b.bundles()) != 2 || len(in.Revisions) != 2 || in.Revisions[0].Bundle != first {
			t.Errorf("bundles %v, revisions %+v", b.bundles(), in.Revisions)
		}
		m, err := manifest.Of(b.st, in)
		if err != nil || !hasNote(m.Notes, "revision 1, sealed") {
			t.Errorf("notes %v, %v", m.Notes, err)
		}
	})
}

// A retry that would hold less is given up; the earlier revision stays what counts.
func TestRetryNeverHoldsLess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, incidenttest.FastStore(t, t.TempDir()))
		b.hosts["expe01"].script = func(context.Context, int, Pass) error { return errPassing }
		in, err := b.r.Once(t.Context(), request())
		if err != nil {
			t.Fatal(err)
		}
		if err := os.RemoveAll(b.st.ResultsDir(in.Key)); err != nil { // somebody cleared up
			t.Fatal(err)
		}
		if err := os.Mkdir(b.st.ResultsDir(in.Key), 0o700); err != nil {
			t.Fatal(err)
		}
		b.hosts["expc01"].after = func(h *evidence.Host) { h.Files[0].Bytes = 1 }
		got, err := b.r.Retry(t.Context(), in.ID, RetryRequest{})
		if !errors.Is(err, manifest.ErrLess) || got.State != incident.Sealed || got.Revision != 1 || got.Bundle != in.Bundle || len(b.bundles()) != 1 {
			t.Errorf("%+v, %v", got, err)
		}
	})
}

func TestRetryOfWhatIsInUse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, incidenttest.FastStore(t, t.TempDir()))
		j := b.journal()
		stop := b.watch(j)
		b.alertNow(j, "n1", 1)
		time.Sleep(time.Minute)
		id := b.list()[0].Incident
		if _, err := b.r.Retry(t.Context(), id, RetryRequest{}); !errors.Is(err, incident.ErrBusy) {
			t.Errorf("while it runs: %v", err)
		}
		stop()
		if _, err := b.r.Retry(t.Context(), id, RetryRequest{}); !errors.Is(err, ErrOpen) {
			t.Errorf("while watch is down: %v", err)
		}
		if _, err := b.r.Retry(t.Context(), "no", RetryRequest{}); !errors.Is(err, incident.ErrNotFound) {
			t.Errorf("%v", err)
		}
	})
}
