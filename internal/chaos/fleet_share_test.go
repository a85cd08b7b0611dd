//go:build linux

package chaos

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nkeys"

	"rtmtgrab/bundle"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/fleet"
	"rtmtgrab/internal/fleet/hub"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/lab/rtmt"
)

// TestFleetShare: of two collectors one does not reach the Expressway-E. The other is killed with kill -9 in
// the middle of the window: the bundle of the one that is left has what was copied of the E until then,
// and says whose it is.
func TestFleetShare(t *testing.T) {
	t.Parallel()
	r := newFleetRig(t, fleetPlan{servers: 1}, "dmz-a", "dmz-b")
	a, b := r.all[0], r.all[1]
	a.after, b.after, b.blind = "8s", "8s", r.peers[1].Name()
	for _, m := range r.all {
		m.configure()
		m.start()
	}
	until(t, "each knows by what the other lends", func() bool {
		for _, m := range r.all {
			text, err := os.ReadFile(filepath.Join(m.dir, "store", "fleet", "directory.json"))
			if err != nil || strings.Count(string(text), "age1") != 2 {
				return false
			}
		}
		return true
	})
	raw := rtmt.Mail(rtmt.MailOptions{Time: time.Now(), Node: "cucm01", Count: 1, MessageID: "share.1@cucm.example.com"})
	for _, m := range r.all {
		r.mail.Deliver(m.folder, raw)
	}
	key, err := nkeys.FromSeed(r.seed)
	r.check(err)
	public, err := key.PublicKey()
	r.check(err)
	h, err := hub.Open(hub.Options{Servers: []string{r.hubs[0].URL}, TLS: r.hubs[0].ClientTLS(), Login: login(key, public)})
	r.check(err)
	defer h.Close()
	r.check(h.Wait(t.Context()))
	kv, err := h.Stream.KeyValue(t.Context(), fleet.ShareBucket)
	r.check(err)
	until(t, "what was copied of the E is lent", func() bool {
		list, err := kv.ListKeysFiltered(t.Context(), "dmz-a.hq.lent.*."+fleet.Token(b.blind))
		if err != nil {
			return false
		}
		n := 0
		for range list.Keys() {
			n++
		}
		return n == 1
	})
	a.kill()
	var in incident.Listed
	until(t, "the other has sealed", func() bool {
		l, err := b.store().List()
		if err != nil || len(l) != 1 || l[0].State != incident.Sealed {
			return false
		}
		in = l[0]
		return true
	})
	m, err := bundle.ReadManifest(in.Bundle)
	r.check(err)
	for _, host := range m.Hosts {
		for _, f := range host.Files {
			if host.Host != b.blind {
				continue
			}
			for _, s := range f.Sources {
				if s.Collector != "dmz-a" {
					t.Errorf("%s of %s was read by %q", f.Family, host.Host, s.Collector)
				}
			}
			if len(f.Missing) > 1 || f.Coverage == evidence.Lost || len(f.Missing) == 1 && !f.Missing[0].Until.Equal(m.Asked.Until) {
				t.Errorf("%s of %s: %s, missing %+v of %+v", f.Family, host.Host, f.Coverage, f.Missing, m.Asked)
			}
		}
		if host.Host == b.blind && !strings.Contains(strings.Join(host.Notes, "\n"), "were read by collector dmz-a") {
			t.Errorf("%q", host.Notes)
		}
	}
	b.stop()
}

// until waits for a condition.
func until(t testing.TB, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(3 * time.Minute); !is(); time.Sleep(100 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("it did not come to pass: %s", what)
		}
	}
}
