package hostconn

import (
	"context"
	"errors"
	"testing"
	"time"

	"rtmtgrab/fetch/hostconn/hostcmd"
	"rtmtgrab/internal/lab"
	"rtmtgrab/internal/sshdial"
	"rtmtgrab/internal/testserver"
)

// realConn is a connection to Debian's sshd with the given options.
func realConn(t testing.TB, o testserver.SSHDOptions, allowed Commands) (*Session, error) {
	t.Helper()
	key := testserver.NewKey(t, "ecdsa")
	o.AuthorizedKeys = []string{testserver.AuthorizedKey(key.Public, "")}
	d := testserver.StartSSHD(t, o)
	client, err := sshdial.Dial(t.Context(), sshdial.Config{Address: d.Addr(), User: d.User, KnownHosts: d.KnownHosts(),
		Auth: sshdial.Auth{Kind: sshdial.AuthKey, KeyPEM: func() (string, error) { return string(key.PEM), nil }}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	return NewSession(t.Context(), client, allowed)
}

// The clock's doubt covers what was measured wrongly.
func TestClock(t *testing.T) {
	s, err := realConn(t, testserver.SSHDOptions{}, Commands{Allowed: true})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	offset, doubt, err := s.Clock(t.Context())
	if err != nil || offset.Abs() > doubt {
		t.Errorf("offset %v, doubt %v, %v", offset, doubt, err)
	}
}

// A folder without an end is given up, not held in memory.
func TestEndlessFolder(t *testing.T) {
	b := &budgetReader{r: endless{}}
	b.limit.Store(hostcmd.MaxListing)
	buf := make([]byte, 1<<20)
	for range 100 {
		if _, err := b.Read(buf); err != nil {
			if !errors.Is(err, hostcmd.ErrLongFolder) {
				t.Error(err)
			}
			return
		}
	}
	t.Error("it was read on and on")
}

type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

// A frozen host is noticed when the context ends, at once.
func TestCancelFrozen(t *testing.T) {
	e, err := lab.NewExpressway(t.Context(), lab.ExpresswayConfig{Password: "secret", Logs: lab.LogConfig{Rate: 20}})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	e.Backfill(time.Now().Add(-time.Minute))
	e.SetMode(lab.Tarpit)
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	_, err = sshdial.Dial(ctx, sshdial.Config{Address: e.Addr(), User: "root", HostKey: "SHA256:x",
		Auth: sshdial.Auth{Kind: sshdial.AuthPassword, Password: func() (string, error) { return "secret", nil }}})
	if err == nil {
		t.Error("a tarpit let us in")
	}
}
