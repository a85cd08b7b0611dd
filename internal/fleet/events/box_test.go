package events

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

	"github.com/nats-io/nats.go/jetstream"

	"rtmtgrab/internal/fleet"
	"rtmtgrab/internal/fleet/hub"
	"rtmtgrab/internal/testserver"
)

func verdict(t *testing.T, n int) Message {
	v := fleet.Verdict{Incident: fmt.Sprintf("20260302T141407Z-hq-%06x", n), Site: "hq", Collector: "dmz a", Revision: 1}
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return Message{v.ID(), fleet.EventSubject(v.Site), b}
}

func openBox(t *testing.T, dir string) *Box {
	t.Helper()
	return OpenBox(dir, slog.New(slog.DiscardHandler))
}

// TestUntilAcknowledged: what waits outlives the process and a hub that is away, is in the stream once
// however often it is kept and sent, and is forgotten when the hub has it.
func TestUntilAcknowledged(t *testing.T) {
	t.Parallel()
	s := testserver.StartNATS(t, testserver.NATSOptions{})
	h, err := hub.Open(hub.Options{Servers: []string{s.URL}, TLS: s.ClientTLS()})
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	if err := h.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	stream := func() uint64 {
		st, err := h.Stream.Stream(t.Context(), fleet.EventStream)
		if err != nil {
			t.Fatal(err)
		}
		return st.CachedInfo().State.Msgs
	}
	run := func(b *Box, until func() bool) error {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		ended := make(chan error, 1)
		go func() { ended <- b.Run(ctx, h) }()
		for {
			select {
			case err := <-ended:
				return err
			case <-time.After(time.Millisecond):
				if until() {
					cancel()
					return <-ended
				}
			}
		}
	}

	dir := t.TempDir()
	b := openBox(t, dir)
	for n := range 20 {
		if err := b.Keep(verdict(t, n)); err != nil {
			t.Fatal(err)
		}
	}
	never := func() bool { return false }
	if err := run(b, never); err == nil || b.Waiting() != 20 { // the hub has no such stream
		t.Fatal(err, b.Waiting())
	}
	for _, c := range hub.Streams(1) {
		if _, err := h.Stream.CreateStream(t.Context(), c); err != nil {
			t.Fatal(err)
		}
	}
	s.Stop()
	for h.Down() == nil {
		time.Sleep(time.Millisecond)
	}
	if err := run(b, never); err == nil || b.Waiting() != 20 {
		t.Fatal(err, b.Waiting())
	}
	s.Start()
	if err := h.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}

	b = openBox(t, dir) // after a kill
	empty := func() bool { return b.Waiting() == 0 }
	if err := run(b, empty); err != nil || stream() != 20 {
		t.Fatal(err, stream())
	}
	if left, _ := os.ReadDir(filepath.Join(dir, "fleet", "events")); len(left) != 0 {
		t.Errorf("%v", left)
	}
	for n := range 25 { // as if nobody remembered
		if err := errors.Join(b.Keep(verdict(t, n)), b.Keep(verdict(t, n))); err != nil {
			t.Fatal(err)
		}
	}
	if err := run(b, empty); err != nil || stream() != 25 {
		t.Fatal(err, stream())
	}
}

// TestBoxBounded: no more waits than may, and what is damaged is kept aside and keeps nothing from
// being sent.
func TestBoxBounded(t *testing.T) {
	dir := t.TempDir()
	b := openBox(t, dir)
	b.most = 3
	for n := range 3 {
		if err := b.Keep(verdict(t, n)); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(b.Keep(verdict(t, 2))); err != nil {
		t.Error(err)
	}
	if err := b.Keep(verdict(t, 3)); !errors.Is(err, ErrFull) {
		t.Error(err)
	}
	if err := b.Keep(Message{"../x", "events.hq", []byte("{}")}); err == nil {
		t.Error("kept outside")
	}
	names := b.waiting()
	for i, damage := range [][]byte{nil, []byte("{"), []byte(`{"subject":"events.other","body":{}}`)} {
		if err := os.WriteFile(filepath.Join(dir, "fleet", "events", names[i]), damage, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	b = openBox(t, dir)
	for _, name := range b.waiting() {
		if err := b.send(t.Context(), &hub.Hub{Stream: jetstream.JetStream(nil)}, name); err != nil {
			t.Error(err)
		}
	}
	aside, _ := filepath.Glob(filepath.Join(dir, "fleet", "events", "*.damaged-*"))
	if b.Waiting() != 0 || len(aside) != 3 {
		t.Error(b.Waiting(), aside)
	}
	if b = openBox(t, dir); b.Waiting() != 0 {
		t.Error(b.Waiting())
	}
}
