package logins

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"rtmtgrab/internal/fleet"
	"rtmtgrab/internal/fleet/hub"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/incident/incidenttest"
	"rtmtgrab/internal/sshdial"
	"rtmtgrab/internal/testserver"
)

// A collector is what of one is of logins.
type collector struct {
	t        *testing.T
	name     string
	store    *incident.Store
	password atomic.Pointer[string]
	end      func()
}

func begin(t *testing.T, name, password string) *collector {
	c := &collector{t: t, name: name, store: incidenttest.Store(t, t.TempDir())}
	c.password.Store(&password)
	return c
}

func (c *collector) ledger() *sshdial.Ledger {
	return &sshdial.Ledger{Dir: filepath.Join(c.store.Dir, "logins")}
}

func (c *collector) dial() sshdial.Config {
	return sshdial.Config{Name: "expc01", Address: "expc01.example.com:22", User: "admin", HostKey: "SHA256:" + strings.Repeat("A", 43), Ledger: c.ledger(),
		Auth: sshdial.Auth{Kind: sshdial.AuthPassword, Password: func() (string, error) { return *c.password.Load(), nil }}}
}

func (c *collector) material() []byte {
	m, err := sshdial.Material(c.t.Context(), c.dial())
	if err != nil {
		c.t.Fatal(err)
	}
	return m
}

// refused is what a login that was refused here leaves.
func (c *collector) refused() {
	if _, err := c.ledger().Refuse(c.t.Context(), c.dial(), c.material(), "", time.Now()); err != nil {
		c.t.Fatal(err)
	}
}

// succeeded is what a login that succeeded here leaves.
func (c *collector) succeeded() {
	if err := c.ledger().Forgive(c.t.Context(), c.dial(), c.material()); err != nil {
		c.t.Fatal(err)
	}
}

func (c *collector) blocked() bool {
	return sshdial.Blocked(c.t.Context(), c.dial()) != nil
}

// run shares logins until end is called.
func (c *collector) run(h *hub.Hub) {
	l := &Logins{Store: c.store, Log: slog.New(slog.DiscardHandler), Collectors: func(string) []string { return []string{"a", "b", "c"} },
		Place: func() (Place, bool) {
			return Place{Tenant: "acme", Name: c.name, Ledger: c.ledger(), Hosts: []Host{{"hq", c.dial()}, {"lab", c.dial()}}}, true
		}}
	ctx, cancel := context.WithCancel(c.t.Context())
	done := make(chan error, 1)
	go func() { done <- l.Run(ctx, h) }()
	c.end = func() {
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			c.t.Error(err)
		}
	}
}

// keyOf is that of the collector's secret in the bucket.
func keyOf(c *collector) string {
	s := &sharing{place: Place{Tenant: "acme"}, secrets: map[string][]byte{}}
	return prefix + Target("acme", c.dial()) + "." + s.print("admin", c.material())
}

func until(t *testing.T, what string, so func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !so(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain until %s", what)
		}
	}
}

// TestLogins: a refusal blocks who would use the same secret, and nobody else, until one of them
// has logged in; also when one of them was not there meanwhile; and the hub learns of no secret.
func TestLogins(t *testing.T) {
	s := testserver.StartNATS(t, testserver.NATSOptions{})
	h, err := hub.Open(hub.Options{Servers: []string{s.URL}, TLS: s.ClientTLS()})
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
	const old, new = "Xk4-old-2718281828", "Xk4-new-3141592653"
	a, b, c := begin(t, "a", old), begin(t, "b", old), begin(t, "c", new)
	a.refused()
	for _, one := range []*collector{a, b, c} {
		one.run(h)
	}
	until(t, "b is blocked", b.blocked)
	if err := sshdial.Blocked(t.Context(), b.dial()); err == nil || !strings.Contains(err.Error(), "to collector a") {
		t.Error(err)
	}

	// b is given the new secret: that was not refused. c never had the old one.
	b.end()
	second := new
	b.password.Store(&second)
	b.run(h)
	if b.blocked() || c.blocked() || !a.blocked() {
		t.Errorf("blocked: a %v, b %v, c %v", a.blocked(), b.blocked(), c.blocked())
	}
	c.refused() // and then it is refused too
	until(t, "b is blocked again", b.blocked)

	// b is restarted, not there when c logs in, and hears of it then
	b.end()
	b.run(h)
	b.end()
	c.succeeded()
	kv, err := h.Stream.KeyValue(t.Context(), fleet.LoginBucket)
	if err != nil {
		t.Fatal(err)
	}
	until(t, "the bucket has a's alone", func() bool { keys, err := kv.Keys(t.Context()); return err == nil && len(keys) == 1 })
	if !b.blocked() {
		t.Error("nobody has told b")
	}
	b.run(h)
	until(t, "b may log in", func() bool { return !b.blocked() })

	// b, to which it was not refused, logs in by a person's order, and a may then
	third := old
	b.end()
	b.password.Store(&third)
	b.run(h)
	until(t, "b is blocked with the old one", b.blocked)
	until(t, "what b knows of it is written down", func() bool {
		known, err := os.ReadFile(filepath.Join(b.store.Dir, "fleet", "logins.json"))
		return err == nil && strings.Contains(string(known), keyOf(a))
	})
	b.succeeded()
	until(t, "a may log in", func() bool { return !a.blocked() })
	if b.blocked() {
		t.Error("b is blocked")
	}

	// what somebody writes who is no collector of the site blocks nobody
	key := keyOf(a)
	for _, value := range []string{`{"by":"stranger","at":"2026-03-02T14:00:00Z"}`, "{", `{"by":"","at":"2026-03-02T14:00:00Z"}`} {
		if _, err := kv.Put(t.Context(), key, []byte(value)); err != nil {
			t.Fatal(err)
		}
	}
	time.Sleep(2 * lookEvery)
	if a.blocked() || b.blocked() {
		t.Error("a stranger blocks logins")
	}
	for _, one := range []*collector{a, b, c} {
		one.end()
	}
}

// TestRestored: on a hub that was brought back as it was earlier, or made anew, refusals are shared as before, and a
// success lets all try again.
func TestRestored(t *testing.T) {
	s := testserver.StartNATS(t, testserver.NATSOptions{})
	h, err := hub.Open(hub.Options{Servers: []string{s.URL}, TLS: s.ClientTLS()})
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	if err := errors.Join(h.Wait(t.Context()), hub.Ensure(t.Context(), h.Stream, 1)); err != nil {
		t.Fatal(err)
	}
	times := h.Conn.Stats().Reconnects
	connected := func() {
		times++
		until(t, "the hub is back", func() bool { return h.Conn.Stats().Reconnects >= times && h.Down() == nil })
	}
	data, kept := filepath.Join(s.Dir, "js"), filepath.Join(t.TempDir(), "js")
	s.Stop()
	if err := os.CopyFS(kept, os.DirFS(data)); err != nil {
		t.Fatal(err)
	}
	s.Start()
	connected()

	a, b := begin(t, "a", "Xk4-2718281828"), begin(t, "b", "Xk4-2718281828")
	a.run(h)
	b.run(h)
	for range 2 { // the bucket gets on
		a.refused()
		until(t, "b is blocked", b.blocked)
		a.succeeded()
		until(t, "b may log in", func() bool { return !b.blocked() })
	}
	a.refused()
	until(t, "b is blocked", b.blocked)

	s.Stop()
	if err := errors.Join(os.RemoveAll(data), os.Rename(kept, data)); err != nil {
		t.Fatal(err)
	}
	s.Start()
	connected()
	kv, err := h.Stream.KeyValue(t.Context(), fleet.LoginBucket)
	if err != nil {
		t.Fatal(err)
	}
	until(t, "the hub knows of it again", func() bool { _, err := kv.Get(t.Context(), keyOf(a)); return err == nil })
	time.Sleep(2 * lookEvery) // so that both have taken it in
	a.succeeded()
	until(t, "b may log in", func() bool { return !b.blocked() })
	time.Sleep(2 * lookEvery)
	if a.blocked() || b.blocked() {
		t.Errorf("blocked again: a %v, b %v", a.blocked(), b.blocked())
	}
	b.refused()
	until(t, "a is blocked", a.blocked)
	a.end()
	b.end()
}

// TestPrint: of one secret the hub gets the same twelve bits for whatever host, and no more; of
// another tenant or user others.
func TestPrint(t *testing.T) {
	s := &sharing{place: Place{Tenant: "acme"}, secrets: map[string][]byte{}}
	secret := []byte("password\x00Xk4-1618033988")
	one := s.print("admin", secret)
	if len(one) != 3 || one != s.print("admin", secret) {
		t.Error(one)
	}
	differ := 0
	for _, other := range []string{
		(&sharing{place: Place{Tenant: "other"}, secrets: map[string][]byte{}}).print("admin", secret), s.print("grab", secret), s.print("admin", []byte("password\x00Xk4-1618033989")),
	} {
		if other != one {
			differ++
		}
	}
	if differ < 2 { // one may be the same by chance
		t.Error(differ)
	}
	c := sshdial.Config{Address: "expc01.example.com:22", User: "admin"}
	again := c
	again.Address = "EXPC01.example.com:22"
	far := c
	far.Jump = []sshdial.Config{{Address: "jump:22"}}
	if Target("acme", c) != Target("acme", again) || Target("acme", c) == Target("acme", far) || Target("acme", c) == Target("other", c) {
		t.Error("targets")
	}
}
