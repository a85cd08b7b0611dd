package lab

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
)

func TestFaults(t *testing.T) {
	l := login(t)
	e := start(t, ExpresswayConfig{AuthorizedKey: l.Public, BanAfter: 1})
	auth := ssh.PublicKeys(l.Signer)
	c := openSFTP(t, mustDial(t, e, auth))
	if err := os.WriteFile(filepath.Join(e.Dir(), "big"), make([]byte, 1<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	read := func() error {
		f, err := c.Open(e.LogDir() + "/big")
		if err != nil {
			return err
		}
		defer f.Close()
		_, err = f.ReadAt(make([]byte, 1<<20), 0)
		return err
	}
	if err := read(); err != nil {
		t.Fatal(err)
	}
	e.CutAfter(200<<10, 1)
	if err := read(); err == nil {
		t.Error("the connection was not cut")
	}
	c = openSFTP(t, mustDial(t, e, auth))
	if err := read(); err != nil {
		t.Errorf("the second connection was cut, too: %v", err)
	}

	e.SetRate(4 << 20)
	begin := time.Now()
	if err := read(); err != nil || time.Since(begin) < 150*time.Millisecond {
		t.Errorf("1 MiB at 4 MiB/s took %v, %v", time.Since(begin), err)
	}
	e.SetRate(0)

	e.SetMode(NotSSH)
	if line := firstLine(t, e); !strings.HasPrefix(line, "HTTP/1.1 400") {
		t.Errorf("first line %q", line)
	}
	e.SetMode(Tarpit)
	if line := firstLine(t, e); line == "" || strings.HasPrefix(line, "SSH-") {
		t.Errorf("first line %q", line)
	}
	e.SetMode(Normal)
	if _, err := dial(e, ssh.Password("no")); err == nil {
		t.Error("a wrong password was let in")
	}
	if _, err := dial(e, ssh.PublicKeys(login(t).Signer)); err == nil {
		t.Error("a wrong key was let in")
	}
	for !e.Stats().Banned { // it begins a moment after the client has its refusal
		time.Sleep(time.Millisecond)
	}
	silent(t, e)
	answered := make(chan error, 1)
	go func() { answered <- read() }() // on the connection from before the ban
	select {
	case err := <-answered:
		t.Errorf("a banned address was answered: %v", err)
	case <-time.After(100 * time.Millisecond):
	}
	e.SetMode(Normal)
	if err := <-answered; err != nil {
		t.Errorf("after the ban: %v", err)
	}

	if err := e.SetDown(true); err != nil {
		t.Fatal(err)
	}
	if _, err := dial(e, auth); err == nil {
		t.Error("it is not down")
	}
	if err := e.SetDown(false); err != nil {
		t.Fatal(err)
	}
	mustDial(t, e, auth)
	old := e.HostKey()
	rsa, err := NewHostKey("rsa")
	if err != nil {
		t.Fatal(err)
	}
	e.SetHostKey(rsa)
	mustDial(t, e, auth)
	if bytes.Equal(old.Marshal(), e.HostKey().Marshal()) {
		t.Error("the key has not changed")
	}
}

func firstLine(t *testing.T, e *Expressway) string {
	t.Helper()
	c, err := net.Dial("tcp", e.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(20 * time.Second))
	line, _ := bufio.NewReader(c).ReadString('\n')
	return strings.TrimSpace(line)
}

// silent wants a connection to be accepted and never answered.
func silent(t *testing.T, e *Expressway) {
	t.Helper()
	c, err := net.Dial("tcp", e.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	io.WriteString(c, "SSH-2.0-test\r\n")
	c.SetDeadline(time.Now().Add(100 * time.Millisecond))
	var timeout net.Error
	if n, err := c.Read(make([]byte, 1)); n != 0 || !errors.As(err, &timeout) || !timeout.Timeout() {
		t.Errorf("read %d bytes, %v: want silence", n, err)
	}
}
