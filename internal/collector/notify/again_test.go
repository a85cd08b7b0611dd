package notify

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"rtmtgrab/internal/collector/health/status"
	"rtmtgrab/internal/collector/notify/channel"
	"rtmtgrab/internal/config"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/proof"
)

// sealedStore has one sealed incident of an alert.
func sealedStore(t *testing.T, key string) *incident.Store {
	t.Helper()
	store, err := incident.OpenStore(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	putSealed(t, store, key)
	return store
}

func putSealed(t *testing.T, store *incident.Store, key string) {
	t.Helper()
	in := incident.Incident{Key: key, ID: key, Site: "hq", Kind: incident.KindAlert, State: incident.Sealed, Frozen: true, Revision: 1,
		Asked: evidence.NewWindow(time.Now().Add(-time.Hour), time.Now()), Revisions: []incident.Revision{{Revision: 1, Sealed: time.Now()}}}
	if err := errors.Join(store.Create(key), store.Save(in)); err != nil {
		t.Fatal(err)
	}
}

// TestNotListed: a start at which the folder of incidents cannot be read makes nothing be told again.
func TestNotListed(t *testing.T) {
	store := sealedStore(t, "a")
	tell := New(store, proof.Key{}, slog.New(slog.DiscardHandler), nil, nil)
	s := tell.newIncidentNotifier(&channel.Dispatcher{})
	s.told.Born = time.Now().Add(-time.Hour)
	s.notifyAll(t.Context(), s.sealed())
	if s.told.Told["a"].Sealed != 1 {
		t.Fatalf("%+v", s.told)
	}
	dir := filepath.Join(store.Dir, "incidents")
	if err := errors.Join(os.Rename(dir, dir+".aside"), os.WriteFile(dir, nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	s = tell.newIncidentNotifier(&channel.Dispatcher{}) // a restart
	if todo := s.sealed(); len(todo) != 0 {
		t.Fatalf("%+v", todo)
	}
	if err := errors.Join(os.Remove(dir), os.Rename(dir+".aside", dir)); err != nil {
		t.Fatal(err)
	}
	if todo := s.sealed(); len(todo) != 0 {
		t.Errorf("told again: %+v", todo)
	}
}

// TestWantedAgain: what was sealed while nobody was to be told of incidents is not told when somebody is again.
func TestWantedAgain(t *testing.T) {
	store := sealedStore(t, "before")
	tell := New(store, proof.Key{}, slog.New(slog.DiscardHandler), nil, func() []status.Problem { return nil })
	configure := func(on ...string) {
		tell.Configure(t.Context(), &config.Config{Notify: &config.Notify{On: on, Mask: config.MaskNone, After: time.Minute, Command: []string{"/bin/true"}}})
		tell.Close()
	}
	configure("problems", "incidents")
	putSealed(t, store, "wanted")
	s := tell.newIncidentNotifier(&channel.Dispatcher{})
	s.notifyAll(t.Context(), s.sealed())
	configure("problems")
	putSealed(t, store, "unwanted")
	configure("problems", "incidents")
	s = tell.newIncidentNotifier(&channel.Dispatcher{})
	if todo := s.sealed(); len(todo) != 0 {
		t.Errorf("told: %+v", todo)
	}
	putSealed(t, store, "new")
	if todo := s.sealed(); len(todo) != 1 || todo[0].Key != "new" {
		t.Errorf("told: %+v", todo)
	}
	if len(s.told.Told) != 0 {
		t.Errorf("%+v", s.told)
	}
}
