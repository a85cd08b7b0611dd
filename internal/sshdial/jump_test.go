package sshdial

import (
	"context"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"rtmtgrab/internal/testserver"
)

// chain is a host behind two hops, each with a password of its own.
func chain(t *testing.T) (a, b, host *fake, c Config) {
	t.Helper()
	a = (&fake{Password: "a", Forward: forwarding}).start(t)
	b = (&fake{Password: "b", Forward: forwarding}).start(t)
	host = (&fake{Password: "right"}).start(t)
	c = host.conf(withPassword("right"))
	c.Jump = []Config{a.conf(withPassword("a")), b.conf(withPassword("b"))}
	c.Jump[0].User = "ann"
	return a, b, host, c
}

func TestJump(t *testing.T) {
	a, b, host, c := chain(t)
	c.Ledger = &Ledger{Dir: t.TempDir()}
	cl := wantLogin(t, c)
	if !slices.Equal(cl.Via, []string{a.Addr, b.Addr}) || cl.Remote().String() != host.Addr || cl.HostKey != ssh.FingerprintSHA256(host.HostKeys[0].Public) {
		t.Errorf("via %v, remote %v", cl.Via, cl.Remote())
	}
	if _, _, err := cl.SendRequest("keepalive@openssh.com", true, nil); err != nil {
		t.Error(err)
	}
	cl.Close()
	cl.Close()
	if cl.Lost() != nil {
		t.Errorf("closed by us, yet lost: %v", cl.Lost())
	}
	for _, f := range []*fake{a, b, host} {
		want(t, "connections", f.conns.Load(), 1)
	}
	want(t, "rows", len(c.Ledger.all(t)), 0)

	// The host hangs up: it is the host that is lost, and the hops go with it.
	cl = wantLogin(t, c)
	host.stop()
	<-cl.Done()
	if e, ok := errors.AsType[*Error](cl.Lost()); !ok || e.Kind != KindLost || e.Hop != 0 || !strings.Contains(e.Error(), "closed the connection") {
		t.Errorf("got %v", cl.Lost())
	}
	<-cl.hop.Done()
	<-cl.hop.hop.Done()
	e := wantKind(t, c, KindRefused)
	want(t, "hop", e.Hop, 0)
	want(t, "stage", e.Stage, StageConnect)
}

// A hop that ends is what is said, not the host.
func TestJumpHopEnds(t *testing.T) {
	a, b, _, c := chain(t)
	cl := wantLogin(t, c)
	b.stop()
	<-cl.Done()
	e, ok := errors.AsType[*Error](cl.Lost())
	if !ok || e.Hop != 2 || e.Address != b.Addr || !strings.HasPrefix(e.Error(), "expc01, hop 2 ("+b.Addr+"): connection lost") {
		t.Errorf("got %v", cl.Lost())
	}
	a.stop()
	e = wantKind(t, c, KindRefused)
	want(t, "hop", e.Hop, 1)
}

// Several handshakes, for the pinned key is not of the type that is asked for
// first, and a scan: one login on the hop for each.
func TestJumpOnceForSeveralHandshakes(t *testing.T) {
	a := (&fake{Password: "a", Forward: forwarding}).start(t)
	rsa, ec, ed := testserver.NewKey(t, "rsa"), testserver.NewKey(t, "ecdsa"), testserver.NewKey(t, "ed25519")
	host := (&fake{Password: "right", HostKeys: []testserver.Key{rsa, ec, ed}}).start(t)
	c := host.conf(withPassword("right"))
	c.Jump = []Config{a.conf(withPassword("a"))}
	wantLogin(t, c).Close()
	want(t, "handshakes", host.conns.Load(), 3)
	want(t, "logins on the hop", a.passwords.Load(), 1)

	keys, err := c.ScanHostKeys(t.Context())
	if err != nil || len(keys) != 3 {
		t.Errorf("scan: %v, %v", keys, err)
	}
	want(t, "logins on the hop", a.passwords.Load(), 2)
	want(t, "logins on the host", host.none.Load(), 1)

	c.HostKey, c.KnownHosts = "", knownHosts(t, line(host.Addr, ec))
	wantLogin(t, c).Close()
	c.HostKey, c.KnownHosts = anyPin, ""
	e := wantKind(t, c, KindHostKeyChanged)
	want(t, "hop", e.Hop, 0)

	c.Jump[0].HostKey = anyPin
	e = wantKind(t, c, KindHostKeyChanged)
	want(t, "hop", e.Hop, 1)
	_, err = c.ScanHostKeys(t.Context())
	if e, ok := errors.AsType[*Error](err); !ok || e.Kind != KindHostKeyChanged || e.Hop != 1 {
		t.Errorf("scan: %v", err)
	}
}

// A login that hop 2 refuses blocks that login on that hop, before a packet to
// anybody; all else goes on.
func TestJumpRefusedAtHopTwo(t *testing.T) {
	a, b, host, c := chain(t)
	dir := t.TempDir()
	c.Ledger = &Ledger{Dir: dir}
	c.Jump[1].Auth = withPassword("wrong")
	e := wantKind(t, c, KindLoginRefused)
	if e.Hop != 2 || e.Address != b.Addr || e.Host != "expc01" || !e.Permanent() {
		t.Errorf("got %+v", e)
	}
	conns := a.conns.Load()
	e = wantKind(t, c, KindLoginBlocked)
	want(t, "hop", e.Hop, 2)
	want(t, "connections while blocked", a.conns.Load(), conns)

	other := c // another host through the same hops, with the same login there
	other.Name, other.Address = "expe01", "10.9.9.9:22"
	wantKind(t, other, KindLoginBlocked)
	other.Jump = slices.Clone(c.Jump) // and with another secret, which does not lift the first one's block
	other.Jump[1].Auth = withPassword("wrong too")
	wantKind(t, other, KindLoginRefused)
	wantKind(t, other, KindLoginBlocked)
	wantKind(t, c, KindLoginBlocked)
	want(t, "passwords at hop 2", b.passwords.Load(), 2)

	direct := c
	direct.Jump = nil
	wantLogin(t, direct).Close()
	short := c
	short.Jump = c.Jump[:1]
	wantLogin(t, short).Close()
	c.Jump = slices.Clone(c.Jump)
	c.Jump[1].Auth = withPassword("b")
	wantLogin(t, c).Close()

	c.Auth = withPassword("wrong") // the host's refusal is the host's
	e = wantKind(t, c, KindLoginRefused)
	want(t, "hop", e.Hop, 0)
	before := a.conns.Load() + host.conns.Load()
	wantKind(t, c, KindLoginBlocked)
	want(t, "connections while blocked", a.conns.Load()+host.conns.Load(), before)
	c.Auth = withPassword("right")
	wantLogin(t, c).Close()
}

// Two hosts behind different hops may have the same private address.
func TestJumpSameAddressBehindDifferentHops(t *testing.T) {
	one := (&fake{Password: "right"}).start(t)
	two := (&fake{Password: "other"}).start(t)
	to := func(f *fake) func(string) (net.Conn, error) {
		return func(string) (net.Conn, error) { return net.Dial("tcp", f.Addr) }
	}
	a := (&fake{Password: "a", Forward: to(one)}).start(t)
	b := (&fake{Password: "a", Forward: to(two)}).start(t)
	ledger := &Ledger{Dir: t.TempDir()}
	conf := func(name string, hop, host *fake) Config {
		c := host.conf(withPassword("right"))
		c.Name, c.Address, c.Ledger, c.Jump = name, "10.0.0.1:22", ledger, []Config{hop.conf(withPassword("a"))}
		return c
	}
	wantKind(t, conf("two", b, two), KindLoginRefused)
	wantLogin(t, conf("one", a, one)).Close()
	wantKind(t, conf("two", b, two), KindLoginBlocked)
}

// Hosts that are looked at together and share a hop: what the hop has refused to
// one of them in the meantime is not tried again for the other.
func TestOverrideIsForWhatWasBefore(t *testing.T) {
	now := time.Date(2026, 3, 2, 14, 0, 0, 0, time.UTC)
	l := &Ledger{Dir: t.TempDir(), now: func() time.Time { return now }}
	c := Config{Name: "h", Address: "10.0.0.1:22", User: "root", Ledger: l, Overriding: Overriding{Override: true}}
	c.fill()
	first, second := l.attempt(stop{Config: c}, &credential{password: "x"}), l.attempt(stop{Config: c}, &credential{password: "x"})
	for _, a := range []*attempt{first, second} {
		if err := a.allowed(t.Context(), ""); err != nil {
			t.Fatal(err)
		}
	}
	now = now.Add(time.Second)
	if err := first.begin(t.Context(), "10.0.0.1:22"); err != nil {
		t.Fatal(err)
	}
	first.refused()
	if e, ok := errors.AsType[*Error](second.begin(t.Context(), "10.0.0.1:22")); !ok || e.Kind != KindLoginBlocked {
		t.Errorf("got %v", e)
	}
	c.OverrideBefore = time.Time{} // a later look
	c.fill()
	third := l.attempt(stop{Config: c}, &credential{password: "x"})
	if err := third.begin(t.Context(), "10.0.0.1:22"); err != nil {
		t.Error(err)
	}
	third.succeeded()
}

func TestJumpForwardingErrors(t *testing.T) {
	for name, tt := range map[string]struct {
		forward func(string) (net.Conn, error)
		kind    Kind
	}{
		"forbidden": {nil, KindNotForwarded},
		"refused":   {func(string) (net.Conn, error) { return nil, errors.New("Connection refused") }, KindRefused},
		"timeout":   {func(string) (net.Conn, error) { return nil, errors.New("Connection timed out") }, KindTimeout},
		"no route":  {func(string) (net.Conn, error) { return nil, errors.New("No route to host") }, KindUnreachable},
		"no ssh": {func(string) (net.Conn, error) {
			here, there := net.Pipe()
			go func() { here.Write([]byte("220 mail ESMTP\r\n")); io.Copy(io.Discard, here) }()
			return there, nil
		}, KindNotSSH},
	} {
		t.Run(name, func(t *testing.T) {
			a := (&fake{Password: "a", Forward: tt.forward}).start(t)
			c := Config{Name: "expc01", Address: "10.0.0.1:22", User: "root", HostKey: anyPin, Timeout: hang, Auth: withPassword("x"), Jump: []Config{a.conf(withPassword("a"))}}
			e := wantKind(t, c, tt.kind)
			if e.Hop != 0 || e.Permanent() {
				t.Errorf("got %+v", e)
			}
		})
	}
	c := Config{Address: "10.0.0.1:ssh", User: "root", HostKey: anyPin, Auth: withPassword("x"), Jump: []Config{(&fake{Password: "a", Forward: forwarding}).start(t).conf(withPassword("a"))}}
	wantKind(t, c, KindLocal)
	c.Address, c.Jump[0].Jump = "10.0.0.1:22", []Config{{}}
	e := wantKind(t, c, KindLocal)
	want(t, "hop", e.Hop, 1)
}

// Behind a hop a host that does not speak keeps nobody either.
func TestJumpTarpit(t *testing.T) {
	a := (&fake{Password: "a", Forward: forwarding}).start(t)
	reached := make(chan struct{}, 9)
	mute := talk(t, func(c net.Conn) { reached <- struct{}{}; silent(c) })
	c := Config{Name: "expc01", Address: mute, User: "root", HostKey: anyPin, Timeout: time.Second, Auth: withPassword("x"), Jump: []Config{a.conf(withPassword("a"))}}
	e := wantKind(t, c, KindTimeout)
	want(t, "stage", e.Stage, StageGreeting)
	want(t, "hop", e.Hop, 0)

	c.Timeout = 24 * time.Hour // Dial that waited for it would hang
	ctx, cancel := context.WithCancel(t.Context())
	<-reached
	go func() { <-reached; cancel() }()
	_, err := Dial(ctx, c)
	if e, ok := errors.AsType[*Error](err); !ok || e.Kind != KindCanceled || !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}

	c.Timeout, c.Jump[0].Address = time.Second, mute // the hop itself
	e = wantKind(t, c, KindTimeout)
	want(t, "hop", e.Hop, 1)
}

// frozen is a relay to addr that can stop to relay, with all connections up.
func frozen(t *testing.T, addr string) (relay string, freeze func()) {
	gate := make(chan struct{})
	end := make(chan struct{})
	l := talk(t, func(c net.Conn) {
		out, err := net.Dial("tcp", addr)
		if err != nil {
			return
		}
		defer out.Close()
		pump := func(to, from net.Conn) {
			b := make([]byte, 32<<10)
			for {
				n, err := from.Read(b)
				select {
				case <-gate:
					<-end // nobody hears of the end
					to.Close()
					from.Close()
					return
				default:
				}
				if _, err2 := to.Write(b[:n]); err != nil || err2 != nil {
					to.Close()
					return
				}
			}
		}
		var wg sync.WaitGroup
		wg.Go(func() { pump(out, c) })
		pump(c, out)
		wg.Wait()
	})
	t.Cleanup(func() { close(end) })
	return l, sync.OnceFunc(func() { close(gate) })
}

// Whoever freezes is noticed by its silence, and named.
func TestJumpSilence(t *testing.T) {
	for name, hop := range map[string]int{"host": 0, "hop": 1} {
		t.Run(name, func(t *testing.T) {
			a := (&fake{Password: "a", Forward: forwarding}).start(t)
			host := (&fake{Password: "right"}).start(t)
			c := host.conf(withPassword("right"))
			c.Jump = []Config{a.conf(withPassword("a"))}
			c.KeepAlive = 300 * time.Millisecond
			var freeze func()
			if hop == 0 {
				c.Address, freeze = frozen(t, host.Addr)
			} else {
				c.Jump[0].Address, freeze = frozen(t, a.Addr)
			}
			cl := wantLogin(t, c)
			freeze()
			if _, err := cl.NewSession(); err == nil {
				t.Error("a frozen host opens a session")
			}
			<-cl.Done()
			e, ok := errors.AsType[*Error](cl.Lost())
			if !ok || e.Kind != KindLost || e.Hop != hop || !strings.Contains(e.Error(), "no data for 0.9 s") {
				t.Errorf("got %v", cl.Lost())
			}
			cl.Close()
		})
	}
}

// Abort and Close do not wait for a frozen hop, whatever waits on the Client.
func TestJumpCloseWhileFrozen(t *testing.T) {
	a := (&fake{Password: "a", Forward: forwarding}).start(t)
	host := (&fake{Password: "right"}).start(t)
	c := host.conf(withPassword("right"))
	c.Jump = []Config{a.conf(withPassword("a"))}
	var freeze func()
	c.Jump[0].Address, freeze = frozen(t, a.Addr)
	c.KeepAlive, c.Jump[0].KeepAlive = time.Hour, time.Hour // silence is never noticed: Close that waited for it would hang
	cl := wantLogin(t, c)
	freeze()
	got := make(chan error)
	go func() {
		_, _, err := cl.SendRequest("keepalive@openssh.com", true, nil)
		got <- err
	}()
	cl.Close()
	if err := <-got; err == nil {
		t.Error("a frozen hop answers")
	}
}

// IPv6, with a zone too, directly where this machine has it and through hops.
func TestIPv6(t *testing.T) {
	if l, err := net.Listen("tcp", "[::1]:0"); err == nil {
		l.Close()
		f := (&fake{Password: "right", Listen: "[::1]:0"}).start(t)
		c := f.conf(withPassword("right"))
		c.Ledger = &Ledger{Dir: t.TempDir()}
		want(t, "remote", wantLogin(t, c).Remote().String(), f.Addr)
		c.HostKey, c.KnownHosts = "", knownHosts(t, line(f.Addr, f.HostKeys[0]))
		wantLogin(t, c)
		c.Auth = withPassword("wrong")
		wantKind(t, c, KindLoginRefused)
		wantKind(t, c, KindLoginBlocked)
	} else {
		t.Logf("this machine has no IPv6 (%v): only through a hop", err)
	}
	host := (&fake{Password: "right"}).start(t)
	var asked []string
	a := (&fake{Password: "a", Forward: func(addr string) (net.Conn, error) {
		asked = append(asked, addr)
		return net.Dial("tcp", host.Addr)
	}}).start(t)
	for _, addr := range []string{"[2001:db8::2]:22", "[fe80::1%eth0]:5022"} {
		c := host.conf(withPassword("right"))
		c.Address, c.Jump = addr, []Config{a.conf(withPassword("a"))}
		c.HostKey, c.KnownHosts = "", knownHosts(t, line(addr, host.HostKeys[0]))
		want(t, "remote", wantLogin(t, c).Remote().String(), addr)
		if e := wantKind(t, Config{Name: "h", Address: addr, User: "root", Auth: withPassword("x"), KnownHosts: knownHosts(t, ""), Jump: c.Jump}, KindHostKeyUnknown); !strings.Contains(e.Error(), addr) {
			t.Errorf("says %v", e)
		}
	}
	if a.stop(); !slices.Equal(asked, []string{"[2001:db8::2]:22", "[2001:db8::2]:22", "[fe80::1%eth0]:5022", "[fe80::1%eth0]:5022"}) {
		t.Errorf("the hop was asked for %q", asked)
	}
}

func TestRealJump(t *testing.T) {
	key, own := testserver.NewKey(t, "ecdsa"), testserver.NewKey(t, "ecdsa")
	hop := testserver.StartSSHD(t, testserver.SSHDOptions{AuthorizedKeys: []string{testserver.AuthorizedKey(own.Public, `restrict,port-forwarding,command="/bin/false"`)}})
	host := testserver.StartSSHD(t, testserver.SSHDOptions{AuthorizedKeys: []string{testserver.AuthorizedKey(key.Public, "")}})
	c := real(host, withKey(key))
	c.Jump = []Config{real(hop, withKey(own))}
	c.Jump[0].HostKey, c.Jump[0].KnownHosts = "", hop.KnownHosts()
	c.Ledger = &Ledger{Dir: t.TempDir()}
	cl := wantLogin(t, c)
	want(t, "output", run(t, cl, "echo hello; head -c 3000000 /dev/zero | wc -c"), "hello\n3000000\n")
	if out := run(t, cl, "head -c 3000000 /dev/zero"); len(out) != 3000000 {
		t.Errorf("%d bytes", len(out))
	}
	cl.Close()

	c.KeepAlive = 300 * time.Millisecond
	cl = wantLogin(t, c)
	hop.Freeze()
	if _, err := cl.NewSession(); err == nil {
		t.Error("a frozen hop opens a session")
	}
	<-cl.Done()
	if e, ok := errors.AsType[*Error](cl.Lost()); !ok || e.Hop != 1 || !strings.Contains(e.Error(), "no data for 0.9 s") {
		t.Errorf("got %v", cl.Lost())
	}
	hop.Thaw()
	cl.Close()

	host.Stop()
	e := wantKind(t, c, KindRefused)
	want(t, "hop", e.Hop, 0)
	hop.SetAuthorizedKeys(testserver.AuthorizedKey(own.Public, "restrict"))
	wantKind(t, c, KindNotForwarded)
	hop.SetAuthorizedKeys()
	e = wantKind(t, c, KindLoginRefused)
	want(t, "hop", e.Hop, 1)
	e = wantKind(t, c, KindLoginBlocked)
	want(t, "hop", e.Hop, 1)
	want(t, "failures", failures(hop), 1)
}
