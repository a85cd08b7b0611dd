package hub

import (
	"errors"
	"testing"
	"time"

	"rtmtgrab/internal/fleet"
	"rtmtgrab/internal/testserver"
)

// TestWatched: a watch is over when the connection was lost, and when its bucket is another one; not before.
func TestWatched(t *testing.T) {
	s := testserver.StartNATS(t, testserver.NATSOptions{})
	h, err := Open(Options{Servers: []string{s.URL}, TLS: s.ClientTLS()})
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	if err := errors.Join(h.Wait(t.Context()), Ensure(t.Context(), h.Stream, 1)); err != nil {
		t.Fatal(err)
	}
	begin := func() *Watched {
		t.Helper()
		kv, err := h.Stream.KeyValue(t.Context(), fleet.DirectoryBucket)
		if err != nil {
			t.Fatal(err)
		}
		w := h.Watching(t.Context(), kv)
		w.every = 0
		if w.Over(t.Context()) {
			t.Error("it is over as soon as it begins")
		}
		return w
	}
	w := begin()
	if err := h.Stream.DeleteKeyValue(t.Context(), fleet.DirectoryBucket); err != nil {
		t.Fatal(err)
	}
	if w.Over(t.Context()) {
		t.Error("it begins anew where there is no bucket")
	}
	if err := Ensure(t.Context(), h.Stream, 1); err != nil {
		t.Fatal(err)
	}
	if !w.Over(t.Context()) {
		t.Error("of a bucket that was made anew it goes on")
	}

	w = begin()
	lost := h.Conn.Stats().Reconnects
	s.Stop()
	s.Start()
	for end := time.Now().Add(time.Minute); h.Conn.Stats().Reconnects == lost || h.Down() != nil; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the hub is not back")
		}
	}
	if !w.Over(t.Context()) {
		t.Error("after the connection was lost it goes on")
	}
}
