// Package testserver starts what tests and benchmarks speak to, on loopback ports:
// Debian's dovecot, sshd and exim, an endpoint for OAuth2 tokens, an SSH server that lies,
// and a TCP proxy in user space that makes a connection like a long line.
//
// Every server runs with a configuration, keys and data of its own below the
// test's temporary folder, and is ended when the test ends. A missing server is
// a failure of the test, with a hint, never a skip. The proxy's delay is true latency:
// bytes are held back, not slowed down. Nothing but tests and benchmarks imports this
// package. It does not know what is tested with it.
package testserver

import (
	"bytes"
	"context"
	"io"
	"maps"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"
)

// patience bounds the start and the end of a server; it only guards against hangs.
const patience = 30 * time.Second

// Need returns the path of a server's binary from PATH or the folders that only
// an administrator has there, and fails the test if it is not installed. Short tests do
// without.
func Need(tb testing.TB, binary string) string {
	tb.Helper()
	if testing.Short() {
		tb.Skipf("short tests do without %s", binary)
	}
	if p, err := exec.LookPath(binary); err == nil {
		if p, err = filepath.Abs(p); err == nil {
			return p
		}
	}
	for _, dir := range []string{"/usr/sbin", "/usr/local/sbin", "/sbin", "/usr/lib/openssh"} {
		p := filepath.Join(dir, binary)
		if st, err := os.Stat(p); err == nil && st.Mode().IsRegular() && st.Mode()&0o111 != 0 {
			return p
		}
	}
	tb.Fatalf("%s is not installed: run \"make deps\"", binary)
	return ""
}

// FreePort returns a TCP port of the loopback interface on which nothing listened
// a moment ago, and which no system gives to a connection or a listener that asks for any.
func FreePort(tb testing.TB) int {
	tb.Helper()
	var err error
	for range 100 {
		port := 10_000 + rand.N(20_000)
		if _, given := givenPorts.LoadOrStore(port, true); given {
			continue
		}
		var l net.Listener
		if l, err = net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port))); err == nil {
			l.Close()
			return port
		}
	}
	tb.Fatalf("find a free port: %v", err)
	return 0
}

// givenPorts are those that FreePort has returned in this process.
var givenPorts sync.Map

// WaitPort waits until something accepts connections on addr. alive, if not nil,
// is asked in between; its error ends the waiting.
func WaitPort(addr string, alive func() error) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var d net.Dialer
	for {
		conn, err := d.DialContext(ctx, "tcp", addr)
		if err == nil {
			return conn.Close()
		}
		if alive != nil {
			if dead := alive(); dead != nil {
				return dead
			}
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// ShowLog writes the last lines of a server's log to the test's log when the
// test ends, if it failed.
func ShowLog(tb testing.TB, name string) {
	tb.Helper()
	tb.Cleanup(func() {
		if tb.Failed() {
			tb.Logf("the end of %s:\n%s", name, Tail(name))
		}
	})
}

// Tail is the end of a file, 8 KiB of whole lines at most, or the reason why it
// cannot be read.
func Tail(name string) string {
	const limit = 8 << 10
	f, err := os.Open(name)
	if err != nil {
		return err.Error()
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return err.Error()
	}
	from := max(0, st.Size()-limit)
	b, err := io.ReadAll(io.NewSectionReader(f, from, limit))
	if err != nil {
		return err.Error()
	}
	if _, rest, ok := bytes.Cut(b, []byte("\n")); ok && from > 0 {
		b = rest
	}
	return string(b)
}

// sortedValues are a map's values in the order of its keys.
func sortedValues(m map[string]string) []string {
	var out []string
	for _, k := range slices.Sorted(maps.Keys(m)) {
		out = append(out, m[k])
	}
	return out
}

// noShort skips a short test: those do without servers.
func noShort(tb testing.TB) {
	tb.Helper()
	if testing.Short() {
		tb.Skip("short tests do without servers")
	}
}
