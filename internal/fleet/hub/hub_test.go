package hub

import (
	"errors"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"rtmtgrab/internal/fleet"
	"rtmtgrab/internal/testserver"
)

// TestReal: a real server by TLS and by websocket; while it is away that is said, and the
// connection comes back by itself with what was there.
func TestReal(t *testing.T) {
	s := testserver.StartNATS(t, testserver.NATSOptions{})
	for _, url := range []string{s.URL, s.Websocket} {
		h, err := Open(Options{Servers: []string{url}, Name: "dmz-a", TLS: s.ClientTLS()})
		if err != nil {
			t.Fatal(err)
		}
		defer h.Close()
		if err := h.Wait(t.Context()); err != nil {
			t.Fatalf("%s: %v", url, err)
		}
		kv, err := h.Stream.CreateOrUpdateKeyValue(t.Context(), jetstream.KeyValueConfig{Bucket: "test"})
		if err != nil {
			t.Fatalf("%s: %v", url, err)
		}
		if _, err := kv.Create(t.Context(), "of", []byte(url)); url == s.URL && err != nil || url == s.Websocket && !errors.Is(err, jetstream.ErrKeyExists) {
			t.Errorf("%s: %v", url, err)
		}
	}

	h, err := Open(Options{Servers: []string{s.URL}, TLS: s.ClientTLS()})
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	if err := h.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.Stop()
	for h.Down() == nil && t.Context().Err() == nil {
		time.Sleep(10 * time.Millisecond)
	}
	if err := h.Down(); !errors.Is(err, ErrDown) {
		t.Fatal(err)
	}
	s.Start()
	if err := h.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	if kv, err := h.Stream.KeyValue(t.Context(), "test"); err != nil {
		t.Error(err)
	} else if _, err := kv.Get(t.Context(), "of"); err != nil {
		t.Error(err)
	}
}

// TestEnsure: streams and buckets are made, and made again without harm to what is in them.
func TestEnsure(t *testing.T) {
	s := testserver.StartNATS(t, testserver.NATSOptions{})
	h, err := Open(Options{Servers: []string{s.URL}, TLS: s.ClientTLS()})
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	if err := h.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := Ensure(t.Context(), h.Stream, 1); err != nil {
			t.Fatal(err)
		}
		if _, err := h.Stream.Publish(t.Context(), fleet.AlertSubject("hq 1"), []byte("x"), jetstream.WithMsgID("one")); err != nil {
			t.Fatal(err)
		}
	}
	alerts, err := h.Stream.Stream(t.Context(), fleet.AlertStream)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := alerts.Info(t.Context()); err != nil || info.State.Msgs != 1 {
		t.Errorf("%+v, %v", info, err)
	}
	if kv, err := h.Stream.KeyValue(t.Context(), fleet.ClaimBucket); err != nil {
		t.Error(err)
	} else if _, err := kv.Create(t.Context(), fleet.ClaimKey("hq 1", "0a1b"), []byte("{}")); err != nil {
		t.Error(err)
	}
}
