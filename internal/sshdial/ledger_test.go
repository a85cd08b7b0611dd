package sshdial

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/testserver"
)

func (l *Ledger) put(t *testing.T, a Attempt) {
	t.Helper()
	if err := attemptIn(l.file(a.Host)).Save(a); err != nil {
		t.Fatal(err)
	}
}

func (l *Ledger) all(t *testing.T) map[string]Attempt {
	t.Helper()
	rows, err := l.rows()
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

// One refused login, then stop: until the address, the user or the secret
// changes, or someone checks by hand.
func TestRefusalBlocks(t *testing.T) {
	f := (&fake{Password: "right", Kbd: kbd("right"), KeyLogin: true}).start(t)
	dir := filepath.Join(t.TempDir(), "store", "logins")
	with := func(a Auth) Config {
		c := f.conf(a)
		c.Ledger = &Ledger{Dir: dir} // as another process would
		return c
	}
	wantKind(t, with(withPassword("wrong")), KindLoginRefused)
	conns := f.conns.Load()
	e := wantKind(t, with(withPassword("wrong")), KindLoginBlocked)
	want(t, "permanent", e.Permanent(), true)
	want(t, "reason", e.Reason(), evidence.ReasonLogin)
	if e.Refusal == nil || e.Refusal.Host != "expc01" || time.Since(e.Refusal.Last) > time.Hour || !strings.Contains(e.Error(), "root was refused at 20") {
		t.Errorf("says %v, %+v", e, e.Refusal)
	}

	c := with(withPassword("wrong"))
	c.Auth.Login = LoginKeyboardInteractive // the same secret by another door
	wantKind(t, c, KindLoginBlocked)

	c = with(withPassword("wrong"))
	c.Name = "the-same-host-in-another-site"
	e = wantKind(t, c, KindLoginBlocked)
	want(t, "whose refusal", e.Refusal.Host, "expc01")
	want(t, "connections while blocked", f.conns.Load(), conns)

	_, port, _ := net.SplitHostPort(f.Addr)
	c = with(withPassword("wrong"))
	c.Name, c.Address = "by-name", "localhost:"+port // a new address as written, the old one in numbers
	wantKind(t, c, KindLoginBlocked)
	conns = f.conns.Load()
	wantKind(t, c, KindLoginBlocked)
	want(t, "connections by name while blocked", f.conns.Load(), conns)
	want(t, "passwords", f.passwords.Load(), 1)

	c = with(withPassword("wrong"))
	c.Override = true
	wantKind(t, c, KindLoginRefused) // `check` may, and is told
	wantKind(t, with(withPassword("wrong")), KindLoginBlocked)

	c = with(withPassword("wrong"))
	c.User, c.Name = "admin", "other-user"
	wantKind(t, c, KindLoginRefused)

	wantKind(t, with(withKey(testserver.NewKey(t, "ecdsa"))), KindLoginRefused) // another secret
	wantLogin(t, with(withPassword("right")))
	want(t, "rows", len((&Ledger{Dir: dir}).all(t)), 2) // admin's and by-name's are left
	want(t, "passwords", f.passwords.Load(), 4)
}

// The server is mended, not the configuration: a login by hand lifts the block.
func TestOverrideLifts(t *testing.T) {
	key := testserver.NewKey(t, "ecdsa")
	f := (&fake{KeyLogin: true}).start(t)
	c := f.conf(withKey(key))
	c.Ledger = &Ledger{Dir: t.TempDir()}
	wantKind(t, c, KindLoginRefused)
	f.Key = key.Public
	wantKind(t, c, KindLoginBlocked)
	c.Override = true
	wantLogin(t, c)
	c.Override = false
	wantLogin(t, c)
	want(t, "rows", len(c.Ledger.all(t)), 0)
}

// An attempt of which nobody knows the outcome may be repeated twice in ten
// minutes, and then no more; those further apart do not add up.
func TestBrokenAttempts(t *testing.T) {
	var down atomic.Bool
	down.Store(true)
	f := (&fake{Password: "right", OnSecret: func(c net.Conn) {
		if down.Load() {
			c.Close()
		}
	}}).start(t)
	now := time.Date(2026, 3, 2, 14, 0, 0, 0, time.UTC)
	c := f.conf(withPassword("right"))
	c.Ledger = &Ledger{Dir: t.TempDir(), now: func() time.Time { return now }}
	for range 3 {
		wantKind(t, c, KindLost)
		now = now.Add(11 * time.Minute)
	}
	for range 3 {
		wantKind(t, c, KindLost)
		now = now.Add(time.Minute)
	}
	e := wantKind(t, c, KindLoginBlocked)
	want(t, "refused", e.Refusal.Refused, false)
	now = now.Add(24 * time.Hour)
	wantKind(t, c, KindLoginBlocked)
	want(t, "passwords", f.passwords.Load(), 6)

	c.Override = true
	down.Store(false)
	wantLogin(t, c)
	c.Override = false
	wantLogin(t, c)
}

// An attempt of a time when the clock was years ahead does not add up with those of the years until then.
func TestBrokenAttemptOfTheFuture(t *testing.T) {
	for name, most := range map[string]int{"alone": 3, "one of three collectors": 1} {
		t.Run(name, func(t *testing.T) {
			f := (&fake{Password: "right", OnSecret: func(c net.Conn) { c.Close() }}).start(t)
			now := time.Date(2026, 3, 2, 14, 0, 0, 0, time.UTC)
			c := f.conf(withPassword("right"))
			c.Ledger = &Ledger{Dir: t.TempDir(), now: func() time.Time { return now.Add(3 * 365 * 24 * time.Hour) }}
			if most < openAttempts {
				if err := c.Ledger.shares().Save(map[string]int{c.Name: most}); err != nil {
					t.Fatal(err)
				}
			}
			wantKind(t, c, KindLost)
			c.Ledger.now = func() time.Time { return now }
			for range 4 {
				now = now.Add(11 * time.Minute)
				wantKind(t, c, KindLost)
			}
		})
	}
}

// A refusal is not forgotten when the next attempt, by hand, breaks off.
func TestRefusalOutlivesBrokenOverride(t *testing.T) {
	var down atomic.Bool
	f := (&fake{Password: "right", OnSecret: func(c net.Conn) {
		if down.Load() {
			c.Close()
		}
	}}).start(t)
	c := f.conf(withPassword("wrong"))
	c.Ledger = &Ledger{Dir: t.TempDir()}
	wantKind(t, c, KindLoginRefused)
	down.Store(true)
	c.Override = true
	wantKind(t, c, KindLost)
	c.Override = false
	e := wantKind(t, c, KindLoginBlocked)
	want(t, "refused", e.Refusal.Refused, true)
}

// A row is on disk before the secret is sent, and says nothing about it.
func TestRowBeforeSecret(t *testing.T) {
	l := &Ledger{Dir: t.TempDir()}
	var at atomic.Pointer[Attempt]
	f := (&fake{Password: "right", OnSecret: func(net.Conn) { at.Store(l.Attempt("expc01")) }}).start(t)
	c := f.conf(withPassword("right"))
	c.Ledger = l
	wantLogin(t, c)
	a := at.Load()
	if a == nil || a.User != "root" || a.Address != f.Addr || a.Remote != f.Addr || a.Count != 1 || a.Refused || len(a.Secret) != 64 {
		t.Errorf("row while logging in: %+v", a)
	}
	if runtime.GOOS != "windows" {
		st, err := os.Stat(filepath.Join(l.Dir, ".key"))
		if err != nil || st.Mode().Perm() != 0o600 {
			t.Errorf("key: %v, %v", st, err)
		}
	}
	other := &Ledger{Dir: t.TempDir()}
	o := other.attempt(stop{Config: c}, &credential{password: "right"})
	if err := o.allowed(t.Context(), ""); err != nil || o.row.Secret == a.Secret {
		t.Errorf("two ledgers have the same hash of one password (%v)", err)
	}
}

// What ends before the login leaves no row.
func TestNoRowWithoutLogin(t *testing.T) {
	f := (&fake{Password: "right"}).start(t)
	l := &Ledger{Dir: t.TempDir()}
	c := f.conf(withPassword("right"))
	c.Ledger, c.HostKey = l, anyPin
	wantKind(t, c, KindHostKeyChanged)
	f.stop()
	c = f.conf(withPassword("right"))
	c.Ledger = l
	wantKind(t, c, KindRefused)
	want(t, "rows", len(l.all(t)), 0)
}

// Several processes that log in at the same address wait for each other, and
// of several that have the same wrong password one tries it.
func TestLoginsWaitForEachOther(t *testing.T) {
	var inside, most atomic.Int32
	f := (&fake{KeyLogin: true, Configure: func(c *ssh.ServerConfig) {
		c.PasswordCallback = func(_ ssh.ConnMetadata, p []byte) (*ssh.Permissions, error) {
			if n := inside.Add(1); n > most.Load() {
				most.Store(n)
			}
			time.Sleep(20 * time.Millisecond) // so that others could come in
			inside.Add(-1)
			if string(p) == "right" {
				return nil, nil
			}
			return nil, errNo
		}
	}}).start(t)
	dir := t.TempDir()
	kinds := map[Kind]int{}
	var mu sync.Mutex
	rush := func(password string) {
		var wg sync.WaitGroup
		for i := range 6 {
			wg.Go(func() {
				c := f.conf(withPassword(password))
				c.Name, c.Ledger = "host"+string(rune('a'+i)), &Ledger{Dir: dir}
				cl, err := Dial(t.Context(), c)
				var kind Kind
				if e, ok := errors.AsType[*Error](err); ok {
					kind = e.Kind
				} else {
					cl.Close()
				}
				mu.Lock()
				kinds[kind]++
				mu.Unlock()
			})
		}
		wg.Wait()
	}
	rush("right")
	rush("wrong")
	want(t, "logged in", kinds[""], 6)
	want(t, "refused", kinds[KindLoginRefused], 1)
	want(t, "blocked", kinds[KindLoginBlocked], 5)
	want(t, "at once", most.Load(), 1)
}

// A login for which there is no room to be written down is not made.
func TestNoAttemptWithoutRow(t *testing.T) {
	f := (&fake{Password: "right"}).start(t)
	c := f.conf(withPassword("right"))
	c.Ledger = &Ledger{Dir: filepath.Join(t.TempDir(), "file", "logins")}
	if err := os.WriteFile(filepath.Dir(c.Ledger.Dir), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	e := wantKind(t, c, KindLedger)
	want(t, "permanent", e.Permanent(), false)
	want(t, "passwords", f.passwords.Load(), 0)
}

// Names that are no file names stay inside the folder.
func TestLedgerFile(t *testing.T) {
	l := &Ledger{Dir: "dir"}
	for _, name := range []string{"root@10.0.0.1:22", "../../etc/passwd", "CON", "", ".key", ".lock-key", "a.part", strings.Repeat("x", 300)} {
		file := l.file(name)
		if filepath.Dir(file) != "dir" || !strings.HasPrefix(filepath.Base(file), "adhoc-") {
			t.Errorf("%q -> %s", name, file)
		}
	}
	want(t, "file", l.file("expc01"), filepath.Join("dir", "expc01"))
}
