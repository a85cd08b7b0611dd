package owner

import (
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"rtmtgrab/internal/diskspace"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/fleet"
	"rtmtgrab/internal/fleet/hub"
	"rtmtgrab/internal/fleet/owner/claims"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/incident/runner"
)

// stands is what the one open incident of a rig waits for.
func stands(r *rig) string {
	if open := r.j.Open(); len(open) == 1 {
		return open[0].Fleet.Stands()
	}
	return ""
}

// undelivered begins two collectors, of which the first has sealed an alert and not delivered it.
func undelivered(t *testing.T) (a, b *rig, dir string, waits *atomic.Bool, x evidence.Alert) {
	s, js := fleetOf(t)
	a, b = pair(t, s)
	waits, dir = &atomic.Bool{}, t.TempDir()
	waits.Store(true)
	a.undelivered = func(string) bool { return waits.Load() }
	b.goneAfter = time.Hour
	a.start(dir)
	x = alert("n1")
	publish(t, js, x)
	a.take(x)
	until(t, "it is sealed", func() bool { in, _ := index(t, a.st); return in[x.ID] == 1 })
	b.start(t.TempDir())
	b.take(x)
	until(t, "the other keeps its copy", func() bool {
		return stands(b) == "standing by for the delivery: dmz-a has sealed it, and has yet to deliver it"
	})
	return a, b, dir, waits, x
}

// TestDelivery: a copy of what another collector has sealed is kept until that is delivered.
func TestDelivery(t *testing.T) {
	t.Parallel()
	a, b, _, waits, x := undelivered(t)
	if len(removals(t, b.st)) != 0 {
		t.Error("it is removed")
	}
	waits.Store(false)
	once(t, []evidence.Alert{x}, a.st, b.st)
	until(t, "the copy is dropped", func() bool { return len(removals(t, b.st)) == 1 })
	l, err := a.st.List()
	if err != nil || len(l) != 1 {
		t.Fatal(l, err)
	}
	if in, err := a.st.Load(l[0].Incident); err != nil || !in.Fleet.Delivered {
		t.Errorf("%+v, %v", in.Fleet, err)
	}
}

// TestGone: where nothing is heard any more of who has sealed and not delivered, the copy is sealed in
// its place; when that one is back it keeps its incident, and both name each other.
func TestGone(t *testing.T) {
	t.Parallel()
	a, b, dir, waits, x := undelivered(t)
	a.stop()
	bdir := b.st.Dir
	b.stop()
	b.goneAfter = 500 * time.Millisecond
	b.start(bdir)
	var own incident.Listed
	until(t, "the copy is sealed in its place", func() bool {
		l, err := b.st.List()
		if err != nil || len(l) != 1 || l[0].State != incident.Sealed {
			return false
		}
		own = l[0]
		return true
	})
	if !own.InPlace || len(own.SupplementOf) != 1 || own.SupplementOf[0].Collector != "dmz-a" || own.Bundle == "" || own.Coverage != evidence.Complete {
		t.Errorf("%+v", own)
	}
	in, err := b.st.Load(own.Incident)
	if err != nil {
		t.Fatal(err)
	}
	m, err := b.st.ManifestFile(in.Key, 1).Read()
	if err != nil || len(m.Notes) == 0 || !strings.Contains(strings.Join(m.Notes, "\n"), "in place of incident "+own.SupplementOf[0].Incident+" of dmz-a") || len(m.Alerts) != 1 {
		t.Errorf("%q, %v", m.Notes, err)
	}
	waits.Store(false)
	a.start(dir)
	once(t, []evidence.Alert{x}, a.st, b.st)
	until(t, "both name each other", func() bool {
		l, err := a.st.List()
		return err == nil && len(l) == 1 && len(l[0].Supplements) == 1 && l[0].Supplements[0] == fleet.Link{Collector: "dmz-b", Incident: own.Incident}
	})
}

// TestNotGone: who says how it is is not gone, however long a delivery takes.
func TestNotGone(t *testing.T) {
	t.Parallel()
	s, js := fleetOf(t)
	h, err := hub.Open(hub.Options{Servers: []string{s.URL}, TLS: s.ClientTLS()})
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	if err := h.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	o := New(&Owner{Hub: func() *hub.Hub { return h }, GoneAfter: time.Millisecond})
	kv, err := js.KeyValue(t.Context(), fleet.StatusBucket)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		heard bool
		gone  bool
	}{{false, false}, {true, false}, {false, false}, {false, true}, {true, false}} {
		if c.heard {
			_, err = kv.Put(t.Context(), "dmz-a", []byte("{}"))
		} else {
			err = kv.Delete(t.Context(), "dmz-a")
		}
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Millisecond)
		if gone, err := o.gone(t.Context(), "dmz-a"); err != nil || gone != c.gone {
			t.Errorf("heard %v: gone %v, %v", c.heard, gone, err)
		}
	}
}

// TestCopyBound: a copy is not kept for longer than a day, and not where its room is needed.
func TestCopyBound(t *testing.T) {
	now := time.Now()
	for name, c := range map[string]struct {
		since   time.Duration
		reserve *diskspace.Reserve
		want    claims.Act
	}{
		"young":   {time.Hour, nil, claims.Wait},
		"old":     {25 * time.Hour, nil, claims.Drop},
		"no room": {time.Hour, &diskspace.Reserve{Measure: func(string) (diskspace.Space, error) { return diskspace.Space{Free: 1 << 30, Total: 1 << 40}, nil }}, claims.Drop},
		"room":    {time.Hour, &diskspace.Reserve{Dir: t.TempDir(), Keep: func() int64 { return 1 }}, claims.Wait},
	} {
		o := New(&Owner{Runner: &runner.Runner{Keeping: runner.Keeping{Reserve: c.reserve}}, Log: slog.New(slog.DiscardHandler)})
		v := claims.Verdict{Act: claims.Wait, By: "dmz-a", Delivery: true}
		o.bound(incident.Incident{Fleet: incident.Shared{Standing: true, Since: now.Add(-c.since)}}, &v)
		if v.Act != c.want || (v.Act == claims.Drop) == v.Delivery {
			t.Errorf("%s: %+v", name, v)
		}
	}
}
