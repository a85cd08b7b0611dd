package sshdial

import (
	"net"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// dropping is an address whose packets are dropped, as by a firewall or a ban:
// a listener whose queue is full.
func dropping(t *testing.T) string {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Close(fd) })
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Listen(fd, 0); err != nil {
		t.Fatal(err)
	}
	name, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	addr := net.JoinHostPort("127.0.0.1", strconv.Itoa(name.(*syscall.SockaddrInet4).Port))
	for range 8 {
		c, err := net.DialTimeout("tcp", addr, 500*time.Millisecond)
		if err != nil {
			return addr
		}
		t.Cleanup(func() { c.Close() })
	}
	t.Fatal("the queue does not fill")
	return ""
}

// After a refusal the appliance may drop our packets: then the error says so.
func TestSilence(t *testing.T) {
	addr := dropping(t)
	c := Config{Name: "expe01", Address: addr, User: "root", HostKey: anyPin, Timeout: 300 * time.Millisecond,
		Auth: withPassword("new"), Ledger: &Ledger{Dir: t.TempDir()}}
	e := wantKind(t, c, KindTimeout)
	want(t, "stage", e.Stage, StageConnect)
	if e.Refusal != nil {
		t.Error("speaks of a refusal that never was")
	}
	c.Ledger.put(t, Attempt{Host: "expe01", Address: addr, User: "root", Secret: "of another password", Refused: true})
	e = wantKind(t, c, KindTimeout)
	if e.Refusal == nil || !e.Refusal.Refused {
		t.Error("does not speak of the earlier refusal")
	}
	want(t, "permanent", e.Permanent(), false)
}
