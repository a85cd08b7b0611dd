package notify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"rtmtgrab/internal/collector/notify/channel"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/incident/runner"
	"rtmtgrab/internal/proof"
)

// TestNotifierStore: what is sealed and not told is found in the store; what is being
// retried, was sealed before anybody wanted to know, or is a person's own is not told.
func TestNotifierStore(t *testing.T) {
	store, err := incident.OpenStore(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	at, before := time.Now(), time.Now().Add(-time.Hour)
	put := func(key string, kind incident.Kind, state incident.State, revision int, sealed ...time.Time) {
		t.Helper()
		in := incident.Incident{Key: key, ID: key, Site: "hq", Kind: kind, State: state, Frozen: true, Created: before, Revision: revision, Asked: evidence.NewWindow(before, at)}
		for i, s := range sealed {
			in.Revisions = append(in.Revisions, incident.Revision{Revision: i + 1, Sealed: s})
		}
		if err := os.MkdirAll(filepath.Join(store.Dir, "incidents", key), 0o700); err != nil {
			t.Fatal(err)
		}
		b, err := json.Marshal(in)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(store.Dir, "incidents", key, "incident.json"), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	tell := New(store, proof.Key{}, slog.New(slog.DiscardHandler), nil, nil)
	s := tell.newIncidentNotifier(&channel.Dispatcher{})
	s.told.Born = before.Add(time.Minute)
	s.told.Told["gone"] = toldIncident{Sealed: 1}
	put("sealed", incident.KindAlert, incident.Sealed, 1, at)
	put("old", incident.KindAlert, incident.Sealed, 1, before)
	put("retried", incident.KindAlert, incident.Sealed, 2, before, at)
	put("busy", incident.KindAlert, incident.Running, 2, at)
	put("now", incident.KindNow, incident.Sealed, 1, at)
	todo := append(s.sealed(), incidentEvent{Event: runner.Event{What: runner.EventSealed, Key: "busy"}}, incidentEvent{Event: runner.Event{What: runner.EventSealed, Key: "gone"}})
	if left := s.notifyAll(t.Context(), todo); len(left) != 0 {
		t.Errorf("%+v", left)
	}
	if got, want := fmt.Sprint(s.told.Told), "map[retried:{true 2} sealed:{true 1}]"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	put("busy", incident.KindAlert, incident.Sealed, 2, at, at)
	s.notifyAll(t.Context(), s.sealed())
	if got := s.told.Told["busy"].Sealed; got != 2 {
		t.Errorf("revision %d of the retry was told", got)
	}
	if kept, err := s.file.Read(); err != nil || fmt.Sprint(kept.Told) != fmt.Sprint(s.told.Told) {
		t.Errorf("%+v, %v", kept, err)
	}
}

// TestNotifierOthers: what another collector tells is not told, and waits as long as that may change;
// what becomes this collector's is told once.
func TestNotifierOthers(t *testing.T) {
	store, err := incident.OpenStore(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	in := incident.Incident{Key: "a", ID: "a", Site: "hq", Kind: incident.KindAlert, State: incident.Running, Revision: 1, Asked: evidence.NewWindow(time.Now().Add(-time.Hour), time.Now())}
	in.Fleet.Standing = true
	if err := errors.Join(store.Create("a"), store.Save(in)); err != nil {
		t.Fatal(err)
	}
	tell := New(store, proof.Key{}, slog.New(slog.DiscardHandler), nil, nil)
	mine := false
	tell.News.MayTell = func(incident.Incident) bool { return mine }
	s := tell.newIncidentNotifier(&channel.Dispatcher{})
	s.told.Born = time.Now().Add(-time.Hour)
	todo := []incidentEvent{{Event: runner.Event{What: runner.EventFirstPass, Key: "a"}}}
	if todo = s.notifyAll(t.Context(), todo); len(todo) != 1 || len(s.told.Told) != 0 || len(s.looks) != 0 {
		t.Fatalf("%+v, %+v", todo, s.told)
	}
	mine = true
	in.State, in.Frozen, in.Fleet = incident.Sealed, true, incident.Shared{Claimed: true}
	in.Revisions = []incident.Revision{{Revision: 1, Sealed: time.Now()}}
	if err := store.Save(in); err != nil {
		t.Fatal(err)
	}
	if todo = s.notifyAll(t.Context(), append(todo, s.sealed()...)); len(todo) != 0 || s.told.Told["a"] != (toldIncident{true, 1}) || len(s.looks) != 0 {
		t.Errorf("%+v, %+v", todo, s.told)
	}
}

// TestSealedAlike: collectors that sealed the same before they knew of each other tell it under one ID, whatever
// their incidents were called when they began.
func TestSealedAlike(t *testing.T) {
	ids := map[string]bool{}
	for _, key := range []string{"20260302T141407Z-hq-3fa2c1", "20260302T141409Z-hq-b00c5e"} {
		store, err := incident.OpenStore(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		in := incident.Incident{Key: key, ID: "20260302T141407Z-hq-3fa2c1", Site: "hq", Kind: incident.KindAlert, State: incident.Sealed, Revision: 1, Asked: evidence.NewWindow(time.Now().Add(-time.Hour), time.Now())}
		if err := errors.Join(store.Create(key), store.Save(in)); err != nil {
			t.Fatal(err)
		}
		about, err := New(store, proof.Key{}, slog.New(slog.DiscardHandler), nil, nil).about(t.Context(), in, incidentEvent{Event: runner.Event{What: runner.EventSealed, Key: key}})
		if err != nil {
			t.Fatal(err)
		}
		ids[channel.Told(time.Now(), channel.KindSealed, about).ID] = true
	}
	if len(ids) != 1 {
		t.Error(ids)
	}
}

// TestLooked: a look that is over is told with what it found, whether or not its
// goroutine has come to its end, one whose time is over without, and others wait.
func TestLooked(t *testing.T) {
	s := &incidentNotifier{looks: map[string]*firstLook{}}
	begin := func(key string) *firstLook {
		f := &firstLook{event: incidentEvent{Event: runner.Event{Key: key}}}
		ctx, cancel := context.WithCancelCause(t.Context())
		f.ctx, f.cancel = ctx, func() { cancel(errNothing) }
		s.looks[key] = f
		return f
	}
	begin("waits")
	begin("late").cancel()
	begin("done").found.Store(&channel.Registration{Verdict: "partial"})
	got := map[string]channel.Registration{}
	for _, e := range s.finishedLooks(t.Context()) {
		got[e.Key] = *e.found
	}
	if len(got) != 2 || got["done"].Verdict != "partial" || got["late"].Why != errNothing.Error() || len(s.looks) != 1 {
		t.Errorf("%+v, %d wait", got, len(s.looks))
	}
}
