package ring_test

import (
	"context"
	"io"
	"path/filepath"
	"testing"

	"golang.org/x/crypto/ssh"

	"rtmtgrab/fetch"
	"rtmtgrab/fetch/hostconn"
	"rtmtgrab/fetch/internal/fetchtest"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/lab"
	"rtmtgrab/internal/sshdial"
)

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

// honestIn is World.Honest of a grab's slices.
func honestIn(w *fetchtest.World, g *fetch.Grab, row evidence.Host, asked evidence.Window) {
	w.TB.Helper()
	w.Honest(row, asked, func(family string) string { return slice(w.TB, g, family) })
}

func passOf(w *fetchtest.World, g *fetch.Grab, asked evidence.Window) evidence.Host {
	w.TB.Helper()
	row, err := g.Pass(w.TB.Context(), asked, nil)
	if err != nil {
		w.TB.Fatal(err)
	}
	return row
}

func labConn(e *lab.Expressway, pool *hostconn.Pool) func(context.Context) (hostconn.Conn, error) {
	return func(ctx context.Context) (hostconn.Conn, error) {
		return pool.Get(ctx, e.Addr(), hostconn.Commands{Allowed: true}, func(ctx context.Context) (*sshdial.Client, error) {
			return sshdial.Dial(ctx, sshdial.Config{Address: e.Addr(), User: "root", HostKey: ssh.FingerprintSHA256(e.HostKey()),
				Auth: sshdial.Auth{Kind: sshdial.AuthPassword, Password: func() (string, error) { return "secret", nil }}})
		})
	}
}
