package hubcheck

import (
	"encoding/json"
	"strings"
	"testing"

	"rtmtgrab/internal/fleet"
	"rtmtgrab/internal/fleet/hub"
)

// TestNamed: a name that two have is said: where the collector itself has found out, and where none runs.
func TestNamed(t *testing.T) {
	t.Parallel()
	s := startHub(t, nil)
	s.apply(t)
	h, err := hub.Open(s.options(t))
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	if err := h.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	is := func(idle bool, says string) {
		t.Helper()
		f, ok := named(t.Context(), h, "dmz-a", idle)
		if ok != (says != "") || !strings.Contains(f.Detail, says) || ok && (f.Hint == "" || f.Level != Warn) {
			t.Errorf("%+v, want %q", f, says)
		}
	}
	kv, err := h.Stream.KeyValue(t.Context(), fleet.StatusBucket)
	if err != nil {
		t.Fatal(err)
	}
	say := func(keys ...string) {
		b, _ := json.Marshal(fleet.Status{Collector: "dmz-a", Keys: keys})
		if _, err := kv.Put(t.Context(), fleet.Token("dmz-a"), b); err != nil {
			t.Fatal(err)
		}
	}
	is(true, "")
	say("disk")
	is(false, "")
	is(true, "grab watch is not running here")
	say("disk", fleet.NameProblem)
	is(false, "two collectors call themselves dmz-a")
	if _, err := kv.Put(t.Context(), fleet.Token("dmz-a"), []byte("{")); err != nil {
		t.Fatal(err)
	}
	is(true, "")
}
