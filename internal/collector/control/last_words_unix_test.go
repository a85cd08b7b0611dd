//go:build unix

package control

import (
	"io"
	"net"
	"path/filepath"
	"testing"
)

// What the watcher said before it closed the connection is read to its end, also where the client, who was
// slow to read, gives a sign of life in between that nobody takes any more.
func TestLastWords(t *testing.T) {
	l, err := net.Listen("unix", filepath.Join(t.TempDir(), "s"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	said := make(chan error, 1)
	go func() {
		c, err := l.Accept()
		if err == nil {
			_, err = io.WriteString(c, "answer, result")
			c.Close()
		}
		said <- err
	}()
	raw, err := net.Dial("unix", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	if err := <-said; err != nil {
		t.Fatal(err)
	}
	if _, err := raw.Write([]byte("{}\n")); err == nil {
		t.Fatal("somebody takes what is written to a closed connection: this tests nothing")
	}

	c := &patient{Conn: raw}
	if _, err := c.Write([]byte("{}\n")); err == nil {
		t.Error("a watcher that takes no request is no error")
	}
	got := make([]byte, 6)
	if _, err := io.ReadFull(c, got); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Write([]byte("{}\n")); err != nil {
		t.Errorf("a sign of life: %v", err)
	}
	rest, err := io.ReadAll(c)
	if string(got)+string(rest) != "answer, result" || err != nil {
		t.Errorf("read %q and %q: %v", got, rest, err)
	}
}
