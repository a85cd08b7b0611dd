package logset_test

import (
	"context"
	"io"
	"path/filepath"
	"testing"

	"rtmtgrab/fetch"
	"rtmtgrab/fetch/hostconn"
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
