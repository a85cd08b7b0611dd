//go:build !windows

package main

import (
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rtmtgrab/internal/collector/health/status"
	"rtmtgrab/internal/testsite"
)

// The program itself, beside Dovecot and OpenSSH: it tells its service manager that it
// is ready and alive, and `grab status` that an alert would work.
func TestStatusReal(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "n")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	t.Setenv("NOTIFY_SOCKET", socket)
	t.Setenv("WATCHDOG_USEC", "60000000")
	s := newRealSite(t)
	stop := s.watch()
	said := ""
	for !strings.Contains(said, "READY=1") || !strings.Contains(said, "WATCHDOG=1") {
		conn.SetReadDeadline(time.Now().Add(time.Minute))
		b := make([]byte, 100)
		n, err := conn.Read(b)
		if err != nil {
			t.Fatal(err, said)
		}
		said += string(b[:n]) + "\n"
	}
	testsite.Until(t, "it works", func() bool {
		out, err := program("status", "--json", "-c", s.config).Output()
		var r status.Report
		if json.Unmarshal(out, &r) != nil || (err == nil) != r.Works {
			t.Fatalf("%v %s", err, out)
		}
		return r.Works && r.Hosts[0].Warm == "up" && r.Hosts[1].Warm == "up"
	})
	stop(os.Interrupt)
	if out, err := program("status", "-c", s.config).Output(); err == nil || !strings.Contains(string(out), "grab watch last wrote") {
		t.Errorf("%v %s", err, out)
	}
}
