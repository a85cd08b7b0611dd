package wiring

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"

	"rtmtgrab/internal/config"
	"rtmtgrab/internal/config/fleetconf"
	"rtmtgrab/internal/config/secret"
	"rtmtgrab/internal/fleet/hub"
	"rtmtgrab/internal/testserver"
)

// aKey is the seed of a new user and its public key.
func aKey(t *testing.T) (seed, public string) {
	t.Helper()
	k, err := nkeys.CreateUser()
	if err != nil {
		t.Fatal(err)
	}
	b, err := k.Seed()
	if err != nil {
		t.Fatal(err)
	}
	public, err = k.PublicKey()
	if err != nil {
		t.Fatal(err)
	}
	return string(b), public
}

func writeFile(t *testing.T, name, text string) string {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// opened is a hub as a configuration says it.
func opened(t *testing.T, f *fleetconf.Fleet) *hub.Hub {
	t.Helper()
	f.Tenant, f.Name = "acme", "dmz-a"
	o, err := FleetHub(&config.Config{Fleet: f}, nil)
	if err != nil {
		t.Fatal(err)
	}
	h, err := hub.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.Close)
	return h
}

// upWhen waits until the hub is up, or is down because of what want says.
func upWhen(t *testing.T, h *hub.Hub, want func(error) bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for !want(h.Down()) {
		select {
		case <-ctx.Done():
			t.Fatalf("it is %v", h.Down())
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func up(err error) bool { return err == nil }

// TestFleetHub: an nkey, by TLS and through a proxy; a login that is refused is said, and tried
// again; what the file says by then is what counts.
func TestFleetHub(t *testing.T) {
	seed, public := aKey(t)
	s := testserver.StartNATS(t, testserver.NATSOptions{Config: `authorization { users = [ { nkey: ` + public + `, permissions: { publish: ">", subscribe: "_INBOX.dmz-a.>" } } ] }`})
	ca := filepath.Join(s.Dir, "cert.pem")
	creds := writeFile(t, filepath.Join(t.TempDir(), "hub.creds"), seed)
	proxy := testserver.StartConnect(t, "zq8-pat", "zq8-word")
	login := strings.Replace(proxy.URL, "://", "://zq8-pat:zq8-word@", 1)

	for url, by := range map[string]secret.Secret{s.URL: {}, s.Websocket: secret.New(login)} {
		h := opened(t, &fleetconf.Fleet{Servers: []string{url}, Creds: secret.File(creds), CAFile: ca, Proxy: secret.Proxy{Secret: by}})
		upWhen(t, h, up)
		if _, err := h.Stream.AccountInfo(t.Context()); err != nil { // the answer comes to its inbox
			t.Errorf("%s: %v", url, err)
		}
		h.Close()
	}
	if proxy.Passed() == 0 {
		t.Error("not by the proxy")
	}

	wrong := opened(t, &fleetconf.Fleet{Servers: []string{s.Websocket}, Creds: secret.File(creds), CAFile: ca, Proxy: secret.Proxy{Secret: secret.New(proxy.URL)}})
	upWhen(t, wrong, func(err error) bool { return err != nil && strings.Contains(err.Error(), "wants a login") })
	unknown := opened(t, &fleetconf.Fleet{Servers: []string{s.URL}, Creds: secret.File(creds), Proxy: secret.Proxy{Secret: secret.Text("none")}})
	upWhen(t, unknown, func(err error) bool { return err != nil && strings.Contains(err.Error(), "unknown authority") })

	other, _ := aKey(t)
	refused := opened(t, &fleetconf.Fleet{Servers: []string{s.URL}, Creds: secret.File(writeFile(t, filepath.Join(t.TempDir(), "x.creds"), other)), CAFile: ca})
	upWhen(t, refused, func(err error) bool { return errors.Is(err, nats.ErrAuthorization) })
	if !hub.Refused(refused.Down()) {
		t.Error(refused.Down())
	}
}

// TestFleetHubCertificate: a client certificate, read anew when the server is back.
func TestFleetHubCertificate(t *testing.T) {
	s := testserver.StartNATS(t, testserver.NATSOptions{TLS: `verify: true, ca_file: "${DIR}/cert.pem"`})
	dir := t.TempDir()
	testserver.KeyPair(t, dir) // by an authority that the server does not know
	f := &fleetconf.Fleet{Servers: []string{s.URL}, CAFile: filepath.Join(s.Dir, "cert.pem"), Cert: fleetconf.Certificate{CertFile: filepath.Join(dir, "cert.pem"), KeyFile: filepath.Join(dir, "key.pem")}}
	h := opened(t, f)
	upWhen(t, h, func(err error) bool { return err != nil && strings.Contains(err.Error(), "certificate") })

	for _, name := range []string{"cert.pem", "key.pem"} {
		b, err := os.ReadFile(filepath.Join(s.Dir, name))
		if err != nil {
			t.Fatal(err)
		}
		writeFile(t, filepath.Join(dir, name), string(b))
	}
	upWhen(t, h, up)
}
