package sshdial

import "testing"

// The last login that succeeded is remembered, with the key that was seen; a refused
// one is told, and whether it forbids the next: with another secret it does not.
func TestLastLoginAndBlocked(t *testing.T) {
	f := (&fake{Password: "right"}).start(t)
	c := f.conf(withPassword("right"))
	c.Ledger = &Ledger{Dir: t.TempDir()}
	if _, ok := c.Ledger.Last(c.Name, c.Address); ok {
		t.Error("a login that never was")
	}
	wantLogin(t, c).Close()
	last, ok := c.Ledger.Last(c.Name, c.Address)
	want(t, "known", ok, true)
	want(t, "host key", last.HostKey, c.HostKey)
	want(t, "user", last.User, c.User)
	want(t, "recent", c.Ledger.time().Sub(last.Time) < hang, true)
	if _, ok := c.Ledger.Last(c.Name, "10.0.0.1:22"); ok {
		t.Error("the login was to another address")
	}
	if err := Blocked(t.Context(), c); err != nil || c.Ledger.Attempts().Refused(c) != nil {
		t.Error(err, c.Ledger.Attempts().Refused(c))
	}

	wrong := c
	wrong.Auth = withPassword("wrong")
	wantKind(t, wrong, KindLoginRefused)
	if a := c.Ledger.Attempts().Refused(wrong); a == nil || a.Last.Before(last.Time) {
		t.Errorf("%+v", a)
	}
	conns := f.conns.Load()
	if e, ok := Blocked(t.Context(), wrong).(*Error); !ok || e.Kind != KindLoginBlocked || e.Host != c.Name || e.Address != c.Address {
		t.Errorf("%v", e)
	}
	if err := Blocked(t.Context(), c); err != nil {
		t.Errorf("the right one: %v", err)
	}
	want(t, "connections", f.conns.Load(), conns)
	if last, ok := c.Ledger.Last(c.Name, c.Address); !ok || last.HostKey != c.HostKey {
		t.Errorf("%+v", last)
	}
}

// A refusal at a hop blocks the host behind it.
func TestBlockedAtHop(t *testing.T) {
	_, _, _, c := chain(t)
	c.Ledger = &Ledger{Dir: t.TempDir()}
	c.Jump[0].Auth = withPassword("wrong")
	if _, err := Dial(t.Context(), c); err == nil {
		t.Fatal("logged in")
	}
	if e, ok := Blocked(t.Context(), c).(*Error); !ok || e.Hop != 1 {
		t.Errorf("%v", e)
	}
}
