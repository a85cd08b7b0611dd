package directory

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"rtmtgrab/internal/fleet"
	"rtmtgrab/internal/fleet/hub"
	"rtmtgrab/internal/incident/incidenttest"
	"rtmtgrab/internal/testserver"
)

// TestRestored: on a hub that was brought back as it was earlier a collector says again what the hub does not know
// any more, and hears what others say from then on.
func TestRestored(t *testing.T) {
	s := testserver.StartNATS(t, testserver.NATSOptions{})
	h, err := hub.Open(hub.Options{Servers: []string{s.URL}, TLS: s.ClientTLS()})
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	if err := errors.Join(h.Wait(t.Context()), hub.Ensure(t.Context(), h.Stream, 1)); err != nil {
		t.Fatal(err)
	}
	times := h.Conn.Stats().Reconnects
	connected := func() {
		t.Helper()
		times++
		for end := time.Now().Add(time.Minute); h.Conn.Stats().Reconnects < times || h.Down() != nil; time.Sleep(5 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatal("the hub is not back")
			}
		}
	}
	data, kept := filepath.Join(s.Dir, "js"), filepath.Join(t.TempDir(), "js")
	s.Stop()
	if err := os.CopyFS(kept, os.DirFS(data)); err != nil {
		t.Fatal(err)
	}
	s.Start()
	connected()

	d, err := Open(incidenttest.Store(t, t.TempDir()), quiet)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		for ctx.Err() == nil { // as package member does
			d.Run(ctx, h, "a", []fleet.Entry{{Site: "hq", Collector: "a"}})
		}
		done <- nil
	}()
	defer func() { cancel(); <-done }()
	said := func(site string) func() bool {
		return func() bool {
			kv, err := h.Stream.KeyValue(t.Context(), fleet.DirectoryBucket)
			if err == nil {
				_, err = kv.Get(t.Context(), fleet.DirectoryKey(site, "a"))
			}
			return err == nil
		}
	}
	say := func(site string) {
		t.Helper()
		kv, err := h.Stream.KeyValue(t.Context(), fleet.DirectoryBucket)
		if err == nil {
			_, err = kv.Put(t.Context(), fleet.DirectoryKey(site, "b"), []byte(`{"site":"`+site+`","collector":"b"}`))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	until := func(what string, so func() bool) {
		t.Helper()
		for end := time.Now().Add(time.Minute); !so(); time.Sleep(5 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("waited in vain until %s: %v", what, d.Entries())
			}
		}
	}
	until("it has said what it reaches", said("hq"))
	for _, site := range []string{"a1", "a2", "a3"} {
		say(site)
		until("it has heard", func() bool { return slices.Contains(d.Collectors(site), "b") })
	}

	s.Stop()
	if err := errors.Join(os.RemoveAll(data), os.Rename(kept, data)); err != nil {
		t.Fatal(err)
	}
	s.Start()
	connected()
	until("it has said again what it reaches", said("hq"))
	say("a4")
	until("it has heard what was said since", func() bool { return slices.Contains(d.Collectors("a4"), "b") })
}
