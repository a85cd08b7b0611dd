package hubserver

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rtmtgrab/internal/fleet"
	"rtmtgrab/internal/fleet/hub"
	"rtmtgrab/internal/fleet/hubinit"
	"rtmtgrab/internal/testserver"
)

// serving runs a server of a folder, and returns how it is ended.
func serving(t *testing.T, dir string) (stop func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ready, over := make(chan struct{}), make(chan error, 1)
	go func() { over <- Run(ctx, Options{Dir: dir, Disk: 8 << 30, Ready: func() { close(ready) }}) }()
	select {
	case <-ready:
	case err := <-over:
		t.Fatal(err)
	}
	ended := false
	stop = func() error {
		cancel()
		if ended {
			return nil
		}
		ended = true
		return <-over
	}
	t.Cleanup(func() { stop() })
	return stop
}

// TestServe: a hub from one folder in this process takes an alert, and has it after it was ended
// and run again; there is one server for a folder.
func TestServe(t *testing.T) {
	dir := t.TempDir()
	s := hubinit.Server{Host: "127.0.0.1", Port: testserver.FreePort(t), Websocket: testserver.FreePort(t)}
	done, err := hubinit.Make(dir, hubinit.Wish{Servers: []hubinit.Server{s}, Tenant: "acme", Collectors: []string{"dmz-a"}})
	if err != nil {
		t.Fatal(err)
	}
	folder := filepath.Join(dir, hubinit.ServerDir(done.State.Servers[0].Name))
	stop := serving(t, folder)
	if err := hubinit.Apply(t.Context(), dir, func(string) {}); err != nil {
		t.Fatal(err)
	}
	if err := Run(t.Context(), Options{Dir: folder}); err == nil || !strings.Contains(err.Error(), "another grab hub serve") {
		t.Errorf("a second server: %v", err)
	}

	ca, err := os.ReadFile(filepath.Join(dir, hubinit.CAFile))
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(ca)
	h, err := hub.Open(hub.Options{Servers: []string{s.WebsocketURL()}, TLS: &tls.Config{RootCAs: pool}, Inbox: fleet.InboxPrefix("dmz-a"), Creds: func() (string, error) {
		b, err := os.ReadFile(filepath.Join(dir, hubinit.CredsFile("acme", "dmz-a")))
		return string(b), err
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := h.Wait(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Stream.Publish(ctx, fleet.AlertSubject("hq"), []byte("{}")); err != nil {
		t.Fatal(err)
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	serving(t, folder)
	for h.Down() != nil && ctx.Err() == nil || h.Conn.Stats().Reconnects == 0 && ctx.Err() == nil {
		time.Sleep(10 * time.Millisecond)
	}
	alerts, err := h.Stream.Stream(ctx, fleet.AlertStream)
	if err != nil || alerts.CachedInfo().State.Msgs != 1 {
		t.Errorf("after a restart: %v", err)
	}
}

// TestRefused: what would be open to strangers is not run, and what cannot be run says why.
func TestRefused(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for want, conf := range map[string]string{
		"clients on 0.0.0.0 would be without TLS":   "listen: \"0.0.0.0:0\"",
		"websocket on 0.0.0.0 would be without TLS": "listen: \"127.0.0.1:-1\"\nwebsocket { listen: \"0.0.0.0:8443\", no_tls: true }",
		"monitoring on 0.0.0.0":                     "listen: \"127.0.0.1:-1\"\nhttp: \"0.0.0.0:8222\"",
		"nats.conf":                                 "",
		"Parse error":                               "listen: {",
		"address already in use":                    "listen: \"" + l.Addr().String() + "\"",
	} {
		dir := t.TempDir()
		if conf != "" {
			if err := os.WriteFile(filepath.Join(dir, "nats.conf"), []byte(conf), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if err := Run(t.Context(), Options{Dir: dir}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}

// TestCertificate: a certificate that is made anew in the folder is in use without a restart; one that
// is half written is not, and harms nothing.
func TestCertificate(t *testing.T) {
	dir := t.TempDir()
	s := hubinit.Server{Host: "127.0.0.1", Port: testserver.FreePort(t), Websocket: testserver.FreePort(t)}
	if _, err := hubinit.Make(dir, hubinit.Wish{Servers: []hubinit.Server{s}}); err != nil {
		t.Fatal(err)
	}
	folder := filepath.Join(dir, hubinit.ServerDir("127.0.0.1"))
	serving(t, folder)
	serial := func() string {
		t.Helper()
		c, err := tls.Dial("tcp", strings.TrimPrefix(s.WebsocketURL(), "wss://"), &tls.Config{InsecureSkipVerify: true}) // it is only looked at
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		return c.ConnectionState().PeerCertificates[0].SerialNumber.String()
	}
	was := serial()
	if err := os.WriteFile(filepath.Join(folder, "cert.pem"), []byte("-----BEGIN"), 0o600); err != nil {
		t.Fatal(err)
	}
	if now := serial(); now != was {
		t.Error("half a certificate is in use")
	}
	for _, name := range []string{"cert.pem", "key.pem"} {
		if err := os.Remove(filepath.Join(folder, name)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := hubinit.Make(dir, hubinit.Wish{}); err != nil {
		t.Fatal(err)
	}
	for serial() == was && t.Context().Err() == nil {
		time.Sleep(20 * time.Millisecond)
	}
}

// TestAlways: what is promised does not depend on the folder.
func TestAlways(t *testing.T) {
	dir := t.TempDir()
	if _, err := hubinit.Make(dir, hubinit.Wish{Servers: []hubinit.Server{{Host: "127.0.0.1", Port: 4222}}}); err != nil {
		t.Fatal(err)
	}
	folder := filepath.Join(dir, hubinit.ServerDir("127.0.0.1"))
	if err := os.WriteFile(filepath.Join(folder, "own.conf"), []byte("jetstream { store_dir: \"data\", sync_interval: \"2m\", max_mem: 8GB }\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	conf, err := configured(folder, Options{Disk: 1 << 30})
	if err != nil {
		t.Fatal(err)
	}
	if !conf.SyncAlways || conf.JetStreamMaxMemory != DefaultMemory || conf.JetStreamMaxStore != 1<<30 || !conf.NoSigs {
		t.Errorf("synced %t, memory %d, disk %d", conf.SyncAlways, conf.JetStreamMaxMemory, conf.JetStreamMaxStore)
	}
}
