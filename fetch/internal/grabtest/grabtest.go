// Package grabtest is what the tests of the packages below fetch have in common that take
// a whole grab to see what comes of their part.
//
// It guarantees that a grab it makes is closed with the test, is for tests only, and knows
// nothing of what is tested with it. Tests of fetch itself cannot import it.
package grabtest

import (
	"context"
	"io"
	"path/filepath"
	"testing"

	"rtmtgrab/fetch"
	"rtmtgrab/fetch/hostconn"
)

// New is a grab of network_log in dir over conn.
func New(t testing.TB, dir string, conn hostconn.Conn) *fetch.Grab {
	g := &fetch.Grab{Dir: filepath.Join(t.TempDir(), "slices"), Host: hostconn.Host{Name: "expc01", Role: "C", Address: "192.0.2.1:22", Dir: dir,
		Families: []string{"network_log"}, Dial: func(context.Context) (hostconn.Conn, error) { return conn, nil }}}
	t.Cleanup(func() { g.Close() })
	return g
}

// Slice is what a grab has of a family.
func Slice(t testing.TB, g *fetch.Grab, family string) string {
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
