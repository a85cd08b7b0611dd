package hubinit

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"rtmtgrab/internal/fleet"
	"rtmtgrab/internal/fleet/hub"
	"rtmtgrab/internal/testserver"
)

// aHub is a hub of one real server from a folder that Make made, with two tenants.
type aHub struct {
	dir    string
	server *testserver.NATS
	state  State
}

func startHub(t *testing.T, tenants map[string][]string) *aHub {
	t.Helper()
	h := &aHub{dir: t.TempDir()}
	s := Server{Host: "127.0.0.1", Port: testserver.FreePort(t), Websocket: testserver.FreePort(t), Cluster: Cluster}
	for tenant, collectors := range tenants {
		done, err := Make(h.dir, Wish{Servers: []Server{s}, Tenant: tenant, Collectors: collectors})
		if err != nil {
			t.Fatal(err)
		}
		h.state = done.State
	}
	h.server = testserver.StartNATSIn(t, filepath.Join(h.dir, ServerDir(h.state.Servers[0].Name)), s.Port, s.Websocket)
	if err := Apply(t.Context(), h.dir, func(string) {}); err != nil {
		t.Fatal(err)
	}
	return h
}

// as is a connection with the credentials of a tenant's user.
func (a *aHub) as(t *testing.T, tenant, user string) *hub.Hub {
	t.Helper()
	h := a.opened(t, tenant, user)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if err := h.Wait(ctx); err != nil {
		t.Fatalf("%s of %s: %v", user, tenant, err)
	}
	return h
}

func (a *aHub) opened(t *testing.T, tenant, user string) *hub.Hub {
	t.Helper()
	ca, err := os.ReadFile(filepath.Join(a.dir, CAFile))
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(ca)
	h, err := hub.Open(hub.Options{Servers: []string{a.state.Servers[0].URL()}, Name: user, TLS: &tls.Config{RootCAs: pool}, Inbox: fleet.InboxPrefix(user),
		Creds: func() (string, error) {
			b, err := os.ReadFile(filepath.Join(a.dir, CredsFile(tenant, user)))
			return string(b), err
		}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.Close)
	return h
}

// contents are the files of a folder.
func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		if fi, err := d.Info(); err != nil || runtime.GOOS != "windows" && fi.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", path, fi.Mode(), err)
		}
		b, err := os.ReadFile(path)
		all[path] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestMake: what is there stays, byte for byte; a tenant and a collector are added; files are for
// nobody else; names that files cannot have are refused.
func TestMake(t *testing.T) {
	dir := t.TempDir()
	servers := []Server{{Host: "h1.example.com", Port: 4222, Websocket: 443, Cluster: 6222}, {Host: "h2.example.com", Port: 4222, Cluster: 6222}, {Host: "10.0.0.3", Port: 4222, Cluster: 6222}}
	if _, err := Make(dir, Wish{Servers: servers, Tenant: "acme", Collectors: []string{"dmz-a", "con"}}); err != nil {
		t.Fatal(err)
	}
	was := contents(t, dir)
	if _, err := Make(dir, Wish{}); err != nil {
		t.Fatal(err)
	}
	if now := contents(t, dir); len(now) != len(was) {
		t.Errorf("%d files, %d before", len(now), len(was))
	} else {
		for name, b := range now {
			if was[name] != b {
				t.Errorf("%s changed", name)
			}
		}
	}

	creds := filepath.Join(dir, CredsFile("acme", "dmz-a"))
	os.Remove(creds) // taken to the collector
	done, err := Make(dir, Wish{Tenant: "Beta Ltd.", Collectors: []string{"dmz b"}})
	if err != nil {
		t.Fatal(err)
	}
	if len(done.State.Tenants) != 2 || done.State.Replicas() != 3 {
		t.Errorf("%+v", done.State)
	}
	now := contents(t, dir)
	for name, b := range was {
		if now[name] != b && filepath.Base(name) != "hub.json" && filepath.Base(name) != "nats.conf" && name != creds {
			t.Errorf("%s changed", name)
		}
	}
	if _, there := now[creds]; there {
		t.Error("credentials that were taken away were made anew")
	}
	if now[filepath.Join(dir, CredsFile("Beta Ltd.", "dmz b"))] == "" {
		t.Error("no credentials of the new collector")
	}

	for what, w := range map[string]Wish{
		"upper and lower": {Tenant: "acme", Collectors: []string{"DMZ-A"}},
		"may be called":   {Tenant: "acme", Collectors: []string{Viewer}},
		"too long":        {Tenant: strings.Repeat("x", 200)},
		"name the tenant": {Collectors: []string{"x"}},
		"no collector":    {Tenant: "acme", Renew: []string{"nobody"}},
		"one or three":    {Servers: []Server{{Host: "h4.example.com"}}},
		"neither a host":  {Servers: []Server{{Host: "a b"}}},
	} {
		if _, err := Make(dir, w); err == nil || !strings.Contains(err.Error(), what) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if again := contents(t, dir); len(again) != len(now) {
		t.Error("a wish that was refused left something behind")
	}
}

// TestDamaged: a key that is damaged is named, and nothing is made in its place.
func TestDamaged(t *testing.T) {
	dir := t.TempDir()
	w := Wish{Servers: []Server{{Host: "127.0.0.1", Port: 4222}}, Tenant: "acme"}
	if _, err := Make(dir, w); err != nil {
		t.Fatal(err)
	}
	key := filepath.Join(dir, "keys", "operator.nk")
	for _, text := range []string{"", "SOA", "SUAMLZNWXV7BRLVWXK5BOSZC4CLZBXO6LMHNGZ7AGY3VJ2BIQ3XUO5H4QI"} {
		if err := os.WriteFile(key, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Make(dir, w); err == nil || !strings.Contains(err.Error(), "operator.nk is damaged") {
			t.Errorf("%q: %v", text, err)
		}
		if b, _ := os.ReadFile(key); string(b) != text {
			t.Error("it was overwritten")
		}
	}
}
