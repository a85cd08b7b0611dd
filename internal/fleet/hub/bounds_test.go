package hub

import (
	"errors"
	"testing"

	"github.com/nats-io/nats.go/jetstream"

	"rtmtgrab/internal/fleet"
	"rtmtgrab/internal/testserver"
)

// TestBoundsOfValues: what no collector takes the hub does not take either, for all would hear of it; also of a hub of an
// earlier version that was made again.
func TestBoundsOfValues(t *testing.T) {
	s := testserver.StartNATS(t, testserver.NATSOptions{Config: "max_payload: 4194304"})
	h, err := Open(Options{Servers: []string{s.URL}, TLS: s.ClientTLS()})
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	if err := h.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Stream.CreateKeyValue(t.Context(), jetstream.KeyValueConfig{Bucket: fleet.PresenceBucket, Storage: jetstream.FileStorage, History: 1}); err != nil {
		t.Fatal(err)
	}
	if err := Ensure(t.Context(), h.Stream, 1); err != nil {
		t.Fatal(err)
	}
	large := make([]byte, 1<<20)
	for _, name := range []string{fleet.PresenceBucket, fleet.StatusBucket, fleet.DirectoryBucket, fleet.EpochBucket, fleet.LoginBucket, fleet.SeenBucket} {
		kv, err := h.Stream.KeyValue(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := kv.Put(t.Context(), "x", large); err == nil {
			t.Errorf("%s takes %d bytes", name, len(large))
		}
		if _, err := kv.Put(t.Context(), "x", large[:4<<10]); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err = h.Stream.Publish(t.Context(), fleet.AlertSubject("hq"), make([]byte, 3<<20))
	if api, ok := errors.AsType[*jetstream.APIError](err); !ok || api.ErrorCode != jetstream.JSErrCodeStreamMessageExceedsMaximum {
		t.Error(err) // by which the outbox knows that less of the mail is to go
	}
}
