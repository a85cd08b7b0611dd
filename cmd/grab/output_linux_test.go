package main

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"rtmtgrab/internal/collector/health/status"
	"rtmtgrab/internal/lab"
	"rtmtgrab/internal/lab/rtmt"
)

// Where what a command prints cannot be written, as on a full disk, it fails and says so on standard
// error, which is not the same file.
func TestFullOutput(t *testing.T) {
	t.Parallel()
	c := newLab(t, lab.ExpresswayConfig{Role: "C"})
	for _, args := range [][]string{{"check", "--offline"}, {"check", "--offline", "--json"}, {"check", "--direct"}, {"check", "--direct", "--json"},
		{"list"}, {"list", "--json"}, {"config", "show", "--json"}, {"now", "--direct"}, {"now", "--direct", "--json"}} {
		full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		var said strings.Builder
		cmd := program(append([]string{"-c", c.Path}, args...)...)
		cmd.Stdout, cmd.Stderr = full, &said
		err = cmd.Run()
		full.Close()
		if x, ok := err.(*exec.ExitError); !ok || x.ExitCode() != 1 {
			t.Errorf("%q: %v, want exit code 1", args, err)
		}
		if !strings.Contains(said.String(), "grab: error: ") || !strings.Contains(said.String(), "no space left on device") {
			t.Errorf("%q says %q", args, said.String())
		}
		if args[0] == "now" && !strings.Contains(said.String(), ".zip") {
			t.Errorf("%q does not say where the bundle is: %q", args, said.String())
		}
	}
}

// What stands in a file's name does nothing to a terminal.
func TestErrorIsPlain(t *testing.T) {
	said, err := program("check", "-c", newLab(t, lab.ExpresswayConfig{Role: "C"}).Path, "--mail", "a\x1b[31m\u202eb").CombinedOutput()
	if err == nil || !strings.Contains(string(said), "a [31m b") || strings.ContainsAny(string(said), "\x1b\u202e") {
		t.Errorf("%v: %q", err, said)
	}
}

// unread is a pipe that is full and that nobody reads, as that of a log whose terminal was halted.
func unread(t *testing.T) *os.File {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close(); w.Close() })
	raw, err := w.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	raw.Control(func(fd uintptr) {
		for err = nil; err == nil; { // it does not block yet
			_, err = unix.Write(int(fd), make([]byte, 512))
		}
	})
	if err != unix.EAGAIN {
		t.Fatal(err)
	}
	w.Fd() // from here on it blocks
	return w
}

// A watch whose log nobody reads goes on: it sees an alert and ends when it is asked to.
func TestUnreadLog(t *testing.T) {
	t.Parallel()
	c := newLab(t, lab.ExpresswayConfig{Role: "C"}).withMail()
	c.Write()
	watch := program("watch", "-c", c.Path)
	watch.Stderr = unread(t)
	if err := watch.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { watch.Process.Kill() })
	c.status("it runs and its log is not read", func(r status.Report) bool { return r.Works })
	c.alertNow(rtmt.MailOptions{})
	c.complete(1)
	watch.Process.Signal(unix.SIGTERM)
	if err := watch.Wait(); err != nil {
		t.Error(err)
	}
}
