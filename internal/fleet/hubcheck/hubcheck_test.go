package hubcheck

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nkeys"

	"rtmtgrab/internal/fleet"
	"rtmtgrab/internal/fleet/hub"
	"rtmtgrab/internal/fleet/hubinit"
	"rtmtgrab/internal/testserver"
)

// hubOf is a hub of one real server from a folder of hubinit. change may spoil the folder before
// the server starts.
type hubOf struct {
	dir    string
	server hubinit.Server
	nats   *testserver.NATS
}

func startHub(t *testing.T, change func(folder string)) *hubOf {
	t.Helper()
	h := &hubOf{dir: t.TempDir(), server: hubinit.Server{Host: "localhost", Port: testserver.FreePort(t), Websocket: testserver.FreePort(t)}}
	if _, err := hubinit.Make(h.dir, hubinit.Wish{Servers: []hubinit.Server{h.server}, Tenant: "acme", Collectors: []string{"dmz-a"}}); err != nil {
		t.Fatal(err)
	}
	folder := filepath.Join(h.dir, hubinit.ServerDir("localhost"))
	if change != nil {
		change(folder)
	}
	h.nats = testserver.StartNATSIn(t, folder, h.server.Port, h.server.Websocket)
	return h
}

func (h *hubOf) options(t *testing.T) hub.Options {
	t.Helper()
	ca, err := os.ReadFile(filepath.Join(h.dir, hubinit.CAFile))
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(ca)
	return hub.Options{Servers: []string{h.server.URL()}, Name: "dmz-a", TLS: &tls.Config{RootCAs: pool}, Inbox: fleet.InboxPrefix("dmz-a"), Creds: file(filepath.Join(h.dir, hubinit.CredsFile("acme", "dmz-a")))}
}

func file(name string) func() (string, error) {
	return func() (string, error) {
		b, err := os.ReadFile(name)
		return string(b), err
	}
}

// expect is what is found of one thing.
func expect(t *testing.T, o hub.Options, what string, level int, detail string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	found := Examine(ctx, o, Collector{Lends: true})
	for _, f := range found {
		if f.What != what {
			continue
		}
		if f.Level != level || !strings.Contains(f.Detail, detail) {
			t.Errorf("%s is %d, want %d with %q: %s", what, f.Level, level, detail, f.Detail)
		}
		if (f.Level == OK) != (f.Hint == "") {
			t.Errorf("%s: %s: hint %q", what, f.Detail, f.Hint)
		}
		return
	}
	t.Errorf("%s is not found in %+v", what, found)
}

// apply brings the folder's accounts, streams and buckets to its server.
func (h *hubOf) apply(t *testing.T) {
	t.Helper()
	if err := hubinit.Apply(t.Context(), h.dir, func(string) {}); err != nil {
		t.Fatal(err)
	}
}

// TestGood: of a hub that is as it should be nothing is said; then what is lost of it is.
func TestGood(t *testing.T) {
	t.Parallel()
	h := startHub(t, nil)
	o := h.options(t)
	at := fmt.Sprintf("localhost:%d", h.server.Port)
	expect(t, o, "streams", Fail, "stream ALERTS is missing; stream EVENTS is missing; bucket grab-seen is missing")
	h.apply(t)
	for _, what := range []string{at, "permissions", "streams", "sync"} {
		expect(t, o, what, OK, "")
	}
	c, err := hub.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	untouched(t, c)
	gone := o
	gone.Servers = []string{o.Servers[0], fmt.Sprintf("tls://localhost:%d", testserver.FreePort(t))}
	expect(t, gone, strings.TrimPrefix(gone.Servers[1], "tls://"), Warn, "unreachable")
	expect(t, gone, "streams", OK, "")
}

// untouched reports what a check has left on a hub.
func untouched(t *testing.T, h *hub.Hub) {
	t.Helper()
	for _, want := range wanted() {
		s, err := h.Stream.Stream(t.Context(), want.Name)
		if err == nil && s.CachedInfo().State.LastSeq == 0 && s.CachedInfo().State.Consumers == 0 {
			continue
		}
		t.Errorf("the check left something in %s: %v", want.Name, err)
	}
}

// TestUnreached: each reason why a collector is not let in is called by its name.
func TestUnreached(t *testing.T) {
	t.Parallel()
	h := startHub(t, nil)
	h.apply(t)
	at := fmt.Sprintf("localhost:%d", h.server.Port)
	change := func(f func(o *hub.Options)) hub.Options {
		o := h.options(t)
		f(&o)
		return o
	}
	free := fmt.Sprint(testserver.FreePort(t))
	expect(t, change(func(o *hub.Options) { o.Servers = []string{"tls://localhost:" + free} }), "localhost:"+free, Fail, "unreachable")
	expect(t, change(func(o *hub.Options) { o.Servers = []string{"tls://nothing.invalid:4222"} }), "nothing.invalid:4222", Fail, "the name nothing.invalid is not found")
	expect(t, change(func(o *hub.Options) { o.TLS = &tls.Config{} }), at, Fail, "by an authority that is not known")
	expect(t, change(func(o *hub.Options) { o.Servers = []string{fmt.Sprintf("tls://127.0.0.1:%d", h.server.Port)} }), fmt.Sprintf("127.0.0.1:%d", h.server.Port), Fail, "for another name")
	expect(t, change(func(o *hub.Options) { o.Servers = []string{fmt.Sprintf("wss://localhost:%d", h.server.Port)} }), at, Fail, "speaks no TLS")
	expect(t, change(func(o *hub.Options) { o.Creds = file("/nothing") }), at, Fail, "credentials:")
	expect(t, change(func(o *hub.Options) { o.Creds = func() (string, error) { return aUser(t, 0), nil } }), at, Fail, "refuses the credentials")
	expect(t, change(func(o *hub.Options) {
		o.Creds = func() (string, error) { return aUser(t, time.Now().Add(-time.Hour).Unix()), nil }
	}), at, Fail, "the credentials ended at ")

	s := startHub(t, func(folder string) {
		spoil(t, filepath.Join(folder, "nats.conf"), `tls { cert_file: "cert.pem", key_file: "key.pem", min_version: "1.2", timeout: 5 }`, "")
	})
	expect(t, s.options(t), fmt.Sprintf("localhost:%d", s.server.Port), Fail, "speaks no TLS")

	old := startHub(t, func(folder string) { certifyUntil(t, folder, time.Now().Add(-24*time.Hour)) })
	o := old.options(t)
	o.TLS = &tls.Config{RootCAs: x509.NewCertPool()}
	b, err := os.ReadFile(filepath.Join(old.dir, hubinit.ServerDir("localhost"), "cert.pem"))
	if err != nil {
		t.Fatal(err)
	}
	o.TLS.RootCAs.AppendCertsFromPEM(b)
	expect(t, o, fmt.Sprintf("localhost:%d", old.server.Port), Fail, "not good now")
}

// aUser is a credentials file of a hub that is another one.
func aUser(t *testing.T, expires int64) string {
	t.Helper()
	account, err := nkeys.CreateAccount()
	if err != nil {
		t.Fatal(err)
	}
	user, err := nkeys.CreateUser()
	if err != nil {
		t.Fatal(err)
	}
	public, _ := user.PublicKey()
	seed, _ := user.Seed()
	c := jwt.NewUserClaims(public)
	c.Expires = expires
	token, err := c.Encode(account)
	if err != nil {
		t.Fatal(err)
	}
	text, err := jwt.FormatUserConfig(token, seed)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func spoil(t *testing.T, name, old, by string) {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil || !strings.Contains(string(b), old) {
		t.Fatalf("%s: %v", name, err)
	}
	if err := os.WriteFile(name, []byte(strings.Replace(string(b), old, by, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestExpires: a certificate that ends soon is said, whichever way the server is reached.
func TestExpires(t *testing.T) {
	t.Parallel()
	h := startHub(t, func(folder string) { certifyUntil(t, folder, time.Now().Add(10*24*time.Hour+time.Minute)) })
	o := h.options(t)
	o.TLS = &tls.Config{RootCAs: x509.NewCertPool()}
	b, err := os.ReadFile(filepath.Join(h.dir, hubinit.ServerDir("localhost"), "cert.pem"))
	if err != nil {
		t.Fatal(err)
	}
	o.TLS.RootCAs.AppendCertsFromPEM(b)
	for url, at := range map[string]string{h.server.URL(): fmt.Sprintf("localhost:%d", h.server.Port), h.server.WebsocketURL(): fmt.Sprintf("localhost:%d", h.server.Websocket)} {
		o.Servers = []string{url}
		expect(t, o, at, Warn, "its certificate expires in 10 days")
	}
}

// certifyUntil puts a certificate into a server's folder that is good until then.
func certifyUntil(t *testing.T, folder string, until time.Time) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-48 * time.Hour), NotAfter: until, DNSNames: []string{"localhost"}, IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	k, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string]*pem.Block{"cert.pem": {Type: "CERTIFICATE", Bytes: der}, "key.pem": {Type: "PRIVATE KEY", Bytes: k}} {
		if err := os.WriteFile(filepath.Join(folder, name), pem.EncodeToMemory(b), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// TestForeign: a hub that others run: who may not do what he has to, streams of the wrong kind,
// no JetStream, and that nobody can tell whether it syncs.
func TestForeign(t *testing.T) {
	t.Parallel()
	user, err := nkeys.CreateUser()
	if err != nil {
		t.Fatal(err)
	}
	public, _ := user.PublicKey()
	seed, _ := user.Seed()
	as := func(n *testserver.NATS) hub.Options {
		return hub.Options{Servers: []string{n.URL}, Name: "dmz-a", TLS: n.ClientTLS(), Inbox: fleet.InboxPrefix("dmz-a"), Creds: func() (string, error) { return string(seed), nil }}
	}

	n := testserver.StartNATS(t, testserver.NATSOptions{Config: `authorization { users = [ { nkey: ` + public + `, permissions: { publish: { allow: ">", deny: ["alerts.*", "$KV.grab-claims.>"] }, subscribe: { allow: ">", deny: "ask.>" } } }, { user: all, password: zq8-word } ] }`})
	o := as(n)
	expect(t, o, "permissions", Fail, `not publish to alerts.grab-check`)
	expect(t, o, "permissions", Fail, `$KV.grab-claims.grab-check`)
	expect(t, o, "permissions", Fail, `not subscribe to ask.grab-check.grab-check`)
	expect(t, o, "sync", Warn, "sync not verifiable")
	h, err := hub.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	if err := h.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := hub.Ensure(t.Context(), h.Stream, 1); err != nil {
		t.Fatal(err)
	}
	expect(t, o, "streams", OK, "")
	for _, name := range []string{fleet.AlertStream, "KV_" + fleet.StatusBucket} {
		if err := h.Stream.DeleteStream(t.Context(), name); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []jetstream.StreamConfig{{Name: fleet.AlertStream, Subjects: []string{"alerts.*"}, Retention: jetstream.WorkQueuePolicy, Storage: jetstream.MemoryStorage, Discard: jetstream.DiscardNew, MaxAge: time.Hour},
		{Name: "KV_" + fleet.StatusBucket, Subjects: []string{"$KV." + fleet.StatusBucket + ".>"}, MaxMsgsPerSubject: 1, AllowDirect: true}} {
		if _, err := h.Stream.CreateStream(t.Context(), c); err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range []string{"stream ALERTS is of the wrong kind: retention WorkQueue, not Limits, storage Memory, not File", "it keeps messages for 1h0m0s, not 168h0m0s", "bucket grab-status is of the wrong kind"} {
		expect(t, o, "streams", Fail, want)
	}

	off := testserver.StartNATS(t, testserver.NATSOptions{Config: "jetstream: disabled\nauthorization { users = [ { nkey: " + public + " } ] }"})
	expect(t, as(off), "streams", Fail, "JetStream off")
	none := testserver.StartNATS(t, testserver.NATSOptions{Config: "accounts { A { users = [ { nkey: " + public + " } ] }, B { jetstream: enabled, users = [] } }"})
	expect(t, as(none), "streams", Fail, "this tenant's account has not")
}

// TestCluster: of three servers each that is away is named, and what has no copies.
func TestCluster(t *testing.T) {
	t.Parallel()
	all := testserver.StartNATSCluster(t, testserver.NATSOptions{})
	o := hub.Options{Servers: testserver.URLs(all), Name: "dmz-a", TLS: testserver.Trust(all), Inbox: fleet.InboxPrefix("dmz-a")}
	h, err := hub.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	if err := h.Wait(ctx); err != nil {
		t.Fatal(err)
	}
	for {
		once, done := context.WithTimeout(ctx, 10*time.Second)
		err := hub.Ensure(once, h.Stream, 1)
		done()
		if err == nil {
			break
		}
		if ctx.Err() != nil {
			t.Fatal(err)
		}
	}
	expect(t, o, "streams", Warn, "the servers keep 1 of 3 copies")
	expect(t, o, "permissions", OK, "")
	untouched(t, h)
}

// TestTooOld: a server of another version says so in its first line; there is none of that here.
func TestTooOld(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() { // ends with the listener
		for c, err := l.Accept(); err == nil; c, err = l.Accept() {
			go func() { // ends when the client goes
				defer c.Close()
				io.WriteString(c, `INFO {"server_id":"X","version":"2.10.29","proto":1,"headers":true,"max_payload":1048576}`+"\r\n")
				for r := bufio.NewScanner(c); r.Scan(); {
					if strings.HasPrefix(r.Text(), "PING") {
						io.WriteString(c, "PONG\r\n")
					}
				}
			}()
		}
	}()
	expect(t, hub.Options{Servers: []string{"nats://" + l.Addr().String()}, Name: "dmz-a"}, l.Addr().String(), Fail, "NATS 2.10.29, which is older than 2.11")
	for version, want := range map[string]bool{"2.10.29": true, "2.11.0": false, "2.12.0-RC.1": false, "3.0.0": false, "1.4.1": true, "": true} {
		if tooOld(version) != want {
			t.Errorf("%q: %v", version, !want)
		}
	}
}

// TestLends: what only those need who lend is looked at for those, also whether there is room.
func TestLends(t *testing.T) {
	t.Parallel()
	s := testserver.StartNATS(t, testserver.NATSOptions{})
	o := hub.Options{Servers: []string{s.URL}, Name: "dmz-a", TLS: s.ClientTLS()}
	h, err := hub.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	if err := errors.Join(h.Wait(t.Context()), hub.Ensure(t.Context(), h.Stream, 1)); err != nil {
		t.Fatal(err)
	}
	c := jetstream.KeyValueConfig{Bucket: fleet.ShareBucket, MaxBytes: 2 << 20, Storage: jetstream.FileStorage, History: 1, TTL: 24 * time.Hour}
	kv, err := h.Stream.UpdateKeyValue(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	expect(t, o, "streams", OK, "")
	if _, err := kv.Put(t.Context(), "dmz-a.x", make([]byte, 1<<20)); err != nil {
		t.Fatal(err)
	}
	if _, err := kv.Put(t.Context(), "dmz-b.x", make([]byte, 1000<<10)); err != nil {
		t.Fatal(err)
	}
	expect(t, o, "streams", Warn, "bucket grab-share is full, or nearly: 1 of 2 MiB")
	if err := h.Stream.DeleteKeyValue(t.Context(), fleet.ShareBucket); err != nil {
		t.Fatal(err)
	}
	expect(t, o, "streams", Fail, "bucket grab-share is missing")
	for _, f := range Examine(t.Context(), o, Collector{}) {
		if f.What == "streams" && f.Level != OK {
			t.Errorf("who does not lend is told: %+v", f)
		}
	}
}
