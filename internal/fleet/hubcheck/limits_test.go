package hubcheck

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"rtmtgrab/internal/fleet"
	"rtmtgrab/internal/fleet/hub"
	"rtmtgrab/internal/testserver"
)

// TestLimits: of a hub that others made, limits are said by which alerts or claims would be dropped, or refused soon.
func TestLimits(t *testing.T) {
	t.Parallel()
	s := testserver.StartNATS(t, testserver.NATSOptions{Config: "max_payload: 65536"})
	o := hub.Options{Servers: []string{s.URL}, Name: "dmz-a", TLS: s.ClientTLS()}
	h, err := hub.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	if err := errors.Join(h.Wait(t.Context()), hub.Ensure(t.Context(), h.Stream, 1)); err != nil {
		t.Fatal(err)
	}
	expect(t, o, strings.TrimPrefix(s.URL, "tls://"), Warn, "it takes messages of at most 64.0 KiB")
	expect(t, o, "streams", OK, "")
	alerts := hub.Streams(1)[0]
	change := func(what func(*jetstream.StreamConfig)) {
		t.Helper()
		c := alerts
		what(&c)
		if _, err := h.Stream.UpdateStream(t.Context(), c); err != nil {
			t.Fatal(err)
		}
	}
	change(func(c *jetstream.StreamConfig) { c.MaxMsgsPerSubject = 1 })
	expect(t, o, "streams", Fail, "stream ALERTS is of the wrong kind: of each subject it keeps the last 1 and drops the rest")
	change(func(c *jetstream.StreamConfig) { c.MaxMsgsPerSubject, c.MaxMsgSize = -1, 1000 })
	expect(t, o, "streams", Fail, "it takes messages of at most 1000 bytes, not of 512.0 KiB")
	change(func(c *jetstream.StreamConfig) { c.Discard, c.MaxMsgs = jetstream.DiscardOld, 10 })
	expect(t, o, "streams", Fail, "when it is full it drops the oldest")
	change(func(c *jetstream.StreamConfig) { c.MaxMsgs = 10 })
	for range 10 {
		if _, err := h.Stream.Publish(t.Context(), fleet.AlertSubject("hq"), []byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	expect(t, o, "streams", Warn, "stream ALERTS is full, or nearly: 10 of 10 messages")
	change(func(*jetstream.StreamConfig) {})

	claims, err := h.Stream.Stream(t.Context(), "KV_"+fleet.ClaimBucket)
	if err != nil {
		t.Fatal(err)
	}
	c := claims.CachedInfo().Config
	c.Discard, c.MaxBytes, c.MaxAge = jetstream.DiscardOld, 1<<20, 30*24*time.Hour
	if _, err := h.Stream.UpdateStream(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	expect(t, o, "streams", Fail, "bucket grab-claims is of the wrong kind: when it is full it drops the oldest")
}
