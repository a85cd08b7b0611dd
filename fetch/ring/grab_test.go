package ring_test

import (
	"context"

	"golang.org/x/crypto/ssh"

	"rtmtgrab/fetch"
	"rtmtgrab/fetch/hostconn"
	"rtmtgrab/fetch/internal/fetchtest"
	"rtmtgrab/fetch/internal/grabtest"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/lab"
	"rtmtgrab/internal/sshdial"
)

// honestIn is World.Honest of a grab's slices.
func honestIn(w *fetchtest.World, g *fetch.Grab, row evidence.Host, asked evidence.Window) {
	w.TB.Helper()
	w.Honest(row, asked, func(family string) string { return grabtest.Slice(w.TB, g, family) })
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
