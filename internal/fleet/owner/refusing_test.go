package owner

import (
	"testing"

	"github.com/nats-io/nats.go/jetstream"

	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/fleet"
	"rtmtgrab/internal/fleet/hub"
	"rtmtgrab/internal/incident"
)

// TestRefusing: a hub that answers and does not take what is claimed is as good as none: incidents are sealed all
// the same, and put together when it takes that again.
func TestRefusing(t *testing.T) {
	t.Parallel()
	for name, refuse := range map[string]func(t *testing.T, js jetstream.JetStream) error{
		"no bucket": func(t *testing.T, js jetstream.JetStream) error {
			return js.DeleteKeyValue(t.Context(), fleet.ClaimBucket)
		},
		"no room": func(t *testing.T, js jetstream.JetStream) error {
			_, err := js.UpdateKeyValue(t.Context(), jetstream.KeyValueConfig{Bucket: fleet.ClaimBucket, History: 1, MaxBytes: 1, Storage: jetstream.FileStorage, Replicas: 1})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, js := fleetOf(t)
			a, b := pair(t, s)
			a.start(t.TempDir())
			b.start(t.TempDir())
			if err := refuse(t, js); err != nil {
				t.Fatal(err)
			}
			x := alert("n1")
			publish(t, js, x)
			a.take(x)
			b.take(x)
			until(t, "it is sealed unclaimed", func() bool { return unclaimed(a.st) || unclaimed(b.st) })
			if err := hub.Ensure(t.Context(), js, 1); err != nil {
				t.Fatal(err)
			}
			once(t, []evidence.Alert{x}, a.st, b.st)
		})
	}
}

func unclaimed(st *incident.Store) bool {
	l, err := st.List()
	return err == nil && len(l) == 1 && l[0].State == incident.Sealed && l[0].Unclaimed
}
