package hostconn_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"rtmtgrab/fetch"
	"rtmtgrab/fetch/hostconn"
	"rtmtgrab/fetch/internal/fetchtest"
	"rtmtgrab/fetch/logset"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/sshdial"
	"rtmtgrab/internal/testserver"
)

// warmHost is Debian's sshd with an hour of logs, and a keeper's settings for it.
type warmHost struct {
	*testserver.SSHD
	t    *testing.T
	key  testserver.Key
	dial sshdial.Config
	pool *hostconn.Pool
	host hostconn.Host
	now  time.Time
	log  lockedBuffer
	slot *hostconn.Slot // that the keeper uses

	depth atomic.Int64               // as the keeper tells it
	state func(hostconn.KeeperState) // may be nil
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func newWarmHost(t *testing.T) *warmHost {
	t.Helper()
	key := testserver.NewKey(t, "ecdsa")
	w := &warmHost{t: t, key: key, pool: &hostconn.Pool{}, now: time.Now().UTC().Truncate(time.Second)}
	w.SSHD = testserver.StartSSHD(t, testserver.SSHDOptions{AuthorizedKeys: []string{testserver.AuthorizedKey(key.Public, "")}})
	w.dial = sshdial.Config{Name: "expc01", Address: w.Addr(), User: w.User, KnownHosts: w.KnownHosts(), Ledger: &sshdial.Ledger{Dir: t.TempDir()},
		Auth: sshdial.Auth{Kind: sshdial.AuthKey, KeyPEM: func() (string, error) { return string(key.PEM), nil }}}
	dir, n := t.TempDir(), 0
	fetchtest.Logs(t, filepath.Join(dir, "network_log.1"), w.now.Add(-time.Hour), w.now.Add(-10*time.Minute), &n)
	fetchtest.Logs(t, filepath.Join(dir, "network_log"), w.now.Add(-10*time.Minute), w.now, &n)
	w.host = hostconn.Host{Name: "expc01", Dir: dir, Families: []string{"network_log"}}
	return w
}

// keep runs a keeper until stop is called, or the test ends.
func (w *warmHost) keep(wait func(time.Duration) time.Duration) (stop func()) {
	prover := logset.Prover{Hosts: []hostconn.Host{w.host}, Proven: w.proven}
	k := &hostconn.Keeper{Pool: w.pool, Key: "k", Commands: hostconn.Commands{Allowed: true}, Name: w.host.Name, Prove: prover.Prove, State: w.state, Log: slog.New(slog.NewTextHandler(&w.log, nil)),
		Dial: func(ctx context.Context) (*sshdial.Client, error) { return sshdial.Dial(ctx, w.dial) }}
	k.SetWait(wait)
	w.slot = w.pool.HoldSlot("k") // so that it stays the keeper's
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		k.Run(ctx)
	}()
	var once sync.Once
	stop = func() {
		once.Do(func() {
			cancel()
			<-done
			w.slot.Leave()
		})
	}
	w.t.Cleanup(stop)
	return stop
}

func (w *warmHost) grab() *fetch.Grab {
	g := newGrab(w.t, w.host.Dir, nil)
	g.Host.Dial = func(ctx context.Context) (hostconn.Conn, error) {
		return w.pool.Get(ctx, "k", hostconn.Commands{Allowed: true}, func(ctx context.Context) (*sshdial.Client, error) { return sshdial.Dial(ctx, w.dial) })
	}
	return g
}

// warm waits until the keeper knows the names.
func (w *warmHost) warm() {
	w.t.Helper()
	w.until("the names are known", func() bool { return len(w.slot.Known(w.host)) == 2 })
}

func (w *warmHost) until(what string, ok func() bool) {
	w.t.Helper()
	for deadline := time.Now().Add(patience); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			w.t.Fatalf("never: %s; it logs:\n%s", what, w.log.String())
		}
	}
}

func (w *warmHost) logins() int { return strings.Count(w.Log(), "Accepted publickey") }

// proven keeps what the keeper tells.
func (w *warmHost) proven(host string, p logset.Proof) {
	if host == w.host.Name && p.OK() {
		w.depth.Store(int64(p.Depths["network_log"].Depth()))
	}
}

func soon(time.Duration) time.Duration { return 20 * time.Millisecond }

// One login serves grabs one after the other and at once; a restarted server is
// logged in to once more; a refused login is not repeated, nor is the server asked
// for anything, until someone has logged in by hand.
func TestKeeper(t *testing.T) {
	w := newWarmHost(t)
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent(), goleak.IgnoreAnyFunction("rtmtgrab/internal/testserver.(*SSHD).start.func1"))
	var mu sync.Mutex
	waits := 0
	stop := w.keep(func(time.Duration) time.Duration {
		mu.Lock()
		defer mu.Unlock()
		waits++
		return 20 * time.Millisecond
	})
	waited := func() int {
		mu.Lock()
		defer mu.Unlock()
		return waits
	}
	defer stop()
	w.warm()
	w.until("how far back the log goes", func() bool { return time.Duration(w.depth.Load()) > 10*time.Minute })
	asked := evidence.NewWindow(w.now.Add(-30*time.Minute), w.now)
	for range 3 {
		a, b := w.grab(), w.grab()
		for _, g := range []*fetch.Grab{a, b} {
			row, err := g.Pass(t.Context(), asked, nil)
			if err != nil || row.Coverage != evidence.Complete || row.ClockFrom != "date" {
				t.Fatalf("%v %+v", err, row)
			}
		}
		a.Close()
		b.Close()
	}
	if n := w.logins(); n != 1 {
		t.Errorf("%d logins, want 1", n)
	}

	w.Restart()
	w.WaitLog("Accepted publickey", 2)

	w.SetAuthorizedKeys()
	w.Restart()
	w.until("refused", func() bool {
		return strings.Contains(w.log.String(), "login refused") || strings.Contains(w.log.String(), "not tried again")
	})
	w.WaitLog("Connection closed by authenticating user", 1)
	conns, from := strings.Count(w.Log(), "Connection from"), waited()
	w.until("it looks five times", func() bool { return waited() > from+5 })
	if n := strings.Count(w.Log(), "Connection from"); n != conns {
		t.Errorf("%d connections while logins are blocked", n-conns)
	}
	if n := strings.Count(w.Log(), "Connection closed by authenticating user"); n != 1 {
		t.Errorf("%d refused logins, want 1", n)
	}

	w.SetAuthorizedKeys(testserver.AuthorizedKey(w.key.Public, ""))
	byHand := w.dial
	byHand.Override = true
	c, err := sshdial.Dial(t.Context(), byHand)
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
	w.WaitLog("Accepted publickey", 4)
	w.until("it says that it is back", func() bool { return strings.Contains(w.log.String(), "session restored") })
	if n := strings.Count(w.log.String(), "session lost"); n > 3 { // once for each restart, and once for the refusal
		t.Errorf("it logs:\n%s", w.log.String())
	}
	stop()
}

// A host freezes while its session is warm and its files are held. A pass that is
// cancelled returns at once, though the connection stands and the keeper uses it;
// what the other grab holds stays held.
func TestKeeperCancelFrozen(t *testing.T) {
	w := newWarmHost(t)
	w.dial.KeepAlive = time.Hour // nothing but silence of 30 s ends it
	w.keep(soon)
	w.warm()
	a, b := w.grab(), w.grab()
	asked := evidence.NewWindow(w.now.Add(-30*time.Minute), w.now)
	for _, g := range []*fetch.Grab{a, b} {
		if _, err := g.Pass(t.Context(), asked, nil); err != nil {
			t.Fatal(err)
		}
	}
	w.Freeze()
	ctx, cancel := context.WithCancel(t.Context())
	passed := make(chan error, 1)
	go func() {
		_, err := a.Pass(ctx, asked, nil)
		passed <- err
	}()
	session := w.slot.Session()
	w.until("a call waits for the host", func() bool {
		return session.Calls() > 0
	})
	cancel()
	if err := <-passed; !errors.Is(err, context.Canceled) {
		t.Errorf("the pass ended with %v", err)
	}
	a.Close()
	if err := session.Lost(); err != nil {
		t.Errorf("the pass has waited until the connection was lost: %v", err)
	}
	w.Thaw()
	row, err := b.Pass(t.Context(), asked, nil)
	if err != nil || row.Coverage != evidence.Complete || w.logins() != 1 {
		t.Errorf("the other grab: %v, %s, %d logins", err, row.Coverage, w.logins())
	}
	w.until("what the cancelled pass held is given back", func() bool {
		return session.Calls() == 0
	})
}

// A session that is silent for too long is replaced, and stops at once meanwhile.
func TestKeeperReplacesFrozen(t *testing.T) {
	w := newWarmHost(t)
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	w.dial.KeepAlive = 300 * time.Millisecond
	stop := w.keep(soon)
	w.warm()
	w.Freeze()
	w.WaitLog("Accepted publickey", 2)
	w.Freeze()
	stop()
	w.Thaw()
}

// patience only guards against tests that would never end.
const patience = 60 * time.Second

// newGrab is a grab over conn.
func newGrab(t testing.TB, dir string, conn hostconn.Conn) *fetch.Grab {
	g := &fetch.Grab{Dir: filepath.Join(t.TempDir(), "slices"), Host: hostconn.Host{Name: "expc01", Role: "C", Address: "192.0.2.1:22", Dir: dir,
		Families: []string{"network_log"}, Dial: func(context.Context) (hostconn.Conn, error) { return conn, nil }}}
	t.Cleanup(func() { g.Close() })
	return g
}

func slice(t testing.TB, g *fetch.Grab, family string) string {
	t.Helper()
	r, err := g.Open(family)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
