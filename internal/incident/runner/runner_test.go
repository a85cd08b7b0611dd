package runner

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/incident/incidenttest"
	"rtmtgrab/internal/incident/manifest"
)

func TestTwoPasses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, incidenttest.FastStore(t, t.TempDir()))
		j := b.journal()
		stop := b.watch(j)
		start := time.Now()
		a := b.alertNow(j, "n1", 1)
		time.Sleep(time.Minute)
		if l := b.list(); len(l) != 1 || l[0].State != incident.Running || l[0].Coverage != evidence.Partial || l[0].Bundle != "" {
			t.Errorf("after the first pass list says %+v", l)
		}
		open, err := b.st.Load(b.list()[0].Incident)
		if err != nil {
			t.Fatal(err)
		}
		if m, err := manifest.Of(b.st, open); err != nil || len(m.Hosts) != 2 || m.Hosts[0].Files[0].Bytes == 0 {
			t.Errorf("after the first pass show has %+v, %v", m, err)
		}
		time.Sleep(5 * time.Minute)
		in, fb := b.sealedOnly()
		for name, h := range b.hosts {
			c := h.seen()
			if len(c) != 2 || !c[0].at.Equal(start) || !c[1].at.Equal(start.Add(5*time.Minute+2*time.Second)) {
				t.Errorf("%s was asked %+v", name, c)
			}
		}
		m := fb.Manifest
		if m.Coverage != evidence.Complete || m.Incident != in.ID || m.Revision != 1 || len(m.Alerts) != 1 || fb.Mails[m.Alerts[0].File] != "mail "+a.ID {
			t.Errorf("manifest %+v", m)
		}
		if len(fb.Slices) != 4 || m.Site != "hq" || m.TimeZone != "America/New_York" || !strings.Contains(m.Reason, "n1") {
			t.Errorf("bundle has %v of %+v", fb.Slices, m)
		}
		tm := m.Timing
		for what, at := range map[string]time.Time{"alert": tm.Alert, "mail": tm.Mail, "seen": tm.Seen, "claimed": tm.Claimed, "held": tm.Held, "copied": tm.Copied} {
			if !at.Equal(start) {
				t.Errorf("timing.%s is %s, want %s", what, at, start)
			}
		}
		if !tm.Sealed.Equal(start.Add(5*time.Minute + 2*time.Second)) {
			t.Errorf("sealed at %s", tm.Sealed)
		}
		if _, err := os.Stat(b.st.SlicesDir(in.Key)); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("slices of a complete incident stay: %v", err)
		}
		stop()
	})
}

func TestRetryWithBackoffUntilPatience(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, incidenttest.FastStore(t, t.TempDir()))
		b.hosts["expe01"].script = func(context.Context, int, Pass) error { return errPassing }
		j := b.journal()
		stop := b.watch(j)
		start := time.Now()
		b.alertNow(j, "n1", 1)
		time.Sleep(10 * time.Minute)
		in, fb := b.sealedOnly()
		c := b.hosts["expe01"].seen()
		last := c[len(c)-1].at.Sub(start)
		if last > 7*time.Minute || last < 7*time.Minute-20*time.Second {
			t.Errorf("tried last after %s, want just below the window's end + patience", last)
		}
		for i := 1; i < len(c); i++ {
			if gap := c[i].at.Sub(c[i-1].at); gap < 500*time.Millisecond || gap > 20*time.Second || (i > 6 && gap < 8*time.Second) {
				t.Errorf("gap %d is %s", i, gap)
			}
		}
		row := fb.Manifest.Hosts[1]
		if fb.Manifest.Coverage != evidence.Partial || row.Host != "expe01" || row.Coverage != evidence.Lost || !strings.Contains(row.Error, "refused") || row.Role != "E" || row.Address != "10.0.0.2:22" {
			t.Errorf("row %+v", row)
		}
		if fb.Manifest.Timing.Held.IsZero() || !hasNote(fb.Manifest.Notes, "expe01: ") {
			t.Errorf("timing %+v, notes %v", fb.Manifest.Timing, fb.Manifest.Notes)
		}
		if got := b.hosts["expc01"].seen(); len(got) != 2 {
			t.Errorf("the other host was asked %d times", len(got))
		}
		if _, err := os.Stat(b.st.SlicesDir(in.Key)); err != nil {
			t.Errorf("slices of a partial incident are gone: %v", err)
		}
		rows, err := b.st.HostStates(in)
		if err != nil || len(rows["expe01"].Attempts) != len(c) {
			t.Errorf("%d attempts are kept of %d, %v", len(rows["expe01"].Attempts), len(c), err)
		}
		stop()
	})
}

func TestHostComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, incidenttest.FastStore(t, t.TempDir()))
		b.hosts["expe01"].script = func(_ context.Context, n int, p Pass) error {
			if time.Now().Before(p.Asked.Until.Add(time.Minute)) {
				return errPassing
			}
			return nil
		}
		j := b.journal()
		stop := b.watch(j)
		b.alertNow(j, "n1", 1)
		time.Sleep(10 * time.Minute)
		if _, fb := b.sealedOnly(); fb.Manifest.Coverage != evidence.Complete {
			t.Errorf("%+v", fb.Manifest)
		}
		stop()
	})
}

func TestPermanentErrorIsNotTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, incidenttest.FastStore(t, t.TempDir()))
		b.hosts["expe01"].script = func(context.Context, int, Pass) error {
			return fmt.Errorf("login: %w", permanentError{errors.New("login refused")})
		}
		j := b.journal()
		stop := b.watch(j)
		b.alertNow(j, "n1", 1)
		time.Sleep(3 * time.Minute)
		b.alertNow(j, "n2", 1) // the window grows: no login again
		time.Sleep(10 * time.Minute)
		_, fb := b.sealedOnly()
		if c := b.hosts["expe01"].seen(); len(c) != 1 {
			t.Errorf("it was tried %d times", len(c))
		}
		row := fb.Manifest.Hosts[1]
		miss := row.Files[0].Missing
		if row.Coverage != evidence.Lost || !strings.Contains(row.Error, "login refused") || len(miss) != 1 || !miss[0].Until.Equal(fb.Manifest.Asked.Until) {
			t.Errorf("row %+v", row)
		}
		stop()
	})
}

func TestWindowGrowsWhileRunning(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, incidenttest.FastStore(t, t.TempDir()))
		time.Sleep(time.Hour)
		j := b.journal()
		stop := b.watch(j)
		first := b.alertNow(j, "n1", 1)
		time.Sleep(time.Minute)
		early := first
		early.Time = first.Time.Add(-4 * time.Minute) // came late
		early.ID, early.Node = incidenttest.AlertID("early"), "n0"
		b.put(j, early)
		synctest.Wait()
		c := b.hosts["expc01"].seen()
		if len(c) != 2 || !c[1].at.Equal(time.Now()) || !c[1].asked.Since.Equal(early.Time.Add(-15*time.Minute)) {
			t.Fatalf("it grew backwards, and the host was asked %+v", c)
		}
		time.Sleep(time.Minute)
		b.alertNow(j, "n1", 2) // forwards
		time.Sleep(20 * time.Minute)
		in, fb := b.sealedOnly()
		want := evidence.NewWindow(early.Time.Add(-15*time.Minute), first.Time.Add(2*time.Minute+5*time.Minute))
		if !incident.SameWindow(fb.Manifest.Asked, want) || len(fb.Manifest.Alerts) != 3 || fb.Manifest.Coverage != evidence.Complete {
			t.Errorf("asked %v, want %v; %+v", fb.Manifest.Asked, want, fb.Manifest)
		}
		if !strings.HasSuffix(in.ID, early.ID[:6]) || !hasNote(fb.Manifest.Notes, "widened") || !hasNote(fb.Manifest.Notes, "2 more alerts") {
			t.Errorf("ID %s, notes %v", in.ID, fb.Manifest.Notes)
		}
		if b.count(EventGrown) != 2 {
			t.Errorf("told of %d growths", b.count(EventGrown))
		}
		stop()
	})
}

// A host that never answers is cut off by the patience, one that copies is not.
func TestPatienceBoundsReachingNotCopying(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, incidenttest.FastStore(t, t.TempDir()))
		b.hosts["expe01"].script = func(ctx context.Context, _ int, _ Pass) error {
			<-ctx.Done()
			return ctx.Err()
		}
		b.hosts["expc01"].script = func(ctx context.Context, n int, p Pass) error {
			if n == 0 {
				p.Held(time.Now())
				return errors.Join(context.Cause(waitFor(ctx, 30*time.Minute)))
			}
			return nil
		}
		j := b.journal()
		stop := b.watch(j)
		b.alertNow(j, "n1", 1)
		time.Sleep(20 * time.Minute)
		if l := b.list(); l[0].State != incident.Running {
			t.Errorf("sealed while a host was being copied: %+v", l)
		}
		time.Sleep(20 * time.Minute)
		_, fb := b.sealedOnly()
		if h := fb.Manifest.Hosts; h[0].Coverage != evidence.Complete || h[1].Coverage != evidence.Lost || !strings.Contains(h[1].Error, "not reached in time") {
			t.Errorf("%+v", h)
		}
		stop()
	})
}

// waitFor returns ctx after d, or before if it ends.
func waitFor(ctx context.Context, d time.Duration) context.Context {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
	return ctx
}

func TestPanicIsOneHostsError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, incidenttest.FastStore(t, t.TempDir()))
		b.hosts["expe01"].script = func(context.Context, int, Pass) error { panic("index out of range") }
		j := b.journal()
		stop := b.watch(j)
		b.alertNow(j, "n1", 1)
		time.Sleep(10 * time.Minute)
		if _, fb := b.sealedOnly(); fb.Manifest.Hosts[0].Coverage != evidence.Complete || !strings.Contains(fb.Manifest.Hosts[1].Error, "index out of range") {
			t.Errorf("%+v", fb.Manifest.Hosts)
		}
		stop()
	})
}

// A batch: the hosts of all are asked at once, however slowly they answer and however few
// bundles are made at once.
func TestAllAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, incidenttest.FastStore(t, t.TempDir()))
		b.r.Parallel = 1
		time.Sleep(24 * time.Hour)
		slow := func(ctx context.Context, n int, p Pass) error { waitFor(ctx, 10*time.Second); return nil }
		b.hosts["expc01"].script, b.hosts["expe01"].script = slow, slow
		j := b.journal()
		now := time.Now()
		for i := range 4 {
			a := evidence.Alert{ID: incidenttest.AlertID(fmt.Sprint(i)), Name: "Partial", Cluster: "c1", Node: "n1", Time: now.Add(-time.Duration(i) * time.Hour)}
			if _, err := j.Add(context.Background(), a, nil, false, now); err != nil {
				t.Fatal(err)
			}
		}
		stop := b.watch(j)
		time.Sleep(10 * time.Minute)
		c := b.hosts["expc01"].seen()
		var asked []string
		for _, c := range c {
			asked = append(asked, fmt.Sprintf("%s@%s", now.Add(-15*time.Minute).Sub(c.asked.Since), c.at.Sub(now)))
		}
		slices.Sort(asked)
		if got, want := strings.Join(asked, " "), "0s@0s 0s@5m2s 1h0m0s@0s 2h0m0s@0s 3h0m0s@0s"; got != want {
			t.Errorf("asked at %s, want %s", got, want)
		}
		if n := len(b.bundles()); n != 4 {
			t.Errorf("%d bundles", n)
		}
		stop()
	})
}
