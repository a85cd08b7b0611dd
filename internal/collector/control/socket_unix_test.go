//go:build !windows

package control

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

const (
	asClient = "GRAB_TEST_SOCKET_CLIENT"
	nobody   = 65534
	group    = 65432 // of no account
)

// TestMain lets the test binary be a client: it prints what the watcher answers.
func TestMain(m *testing.M) {
	if path := os.Getenv(asClient); path != "" {
		var who string
		if err := (&Client{Path: path}).Do(context.Background(), http.MethodGet, "/", nil, &who); err != nil {
			who = fmt.Sprintf("%v (denied %v)", err, errors.Is(err, ErrDenied))
		}
		fmt.Print(who)
		os.Exit(0)
	}
	os.Exit(m.Run())
}

var whoami = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	p := PeerOf(r.Context())
	Answer(w, fmt.Sprint(p.Known, " ", p.UID, " ", p.PID != 0))
})

// shortDir is a folder whose name fits into a socket's address and that others may
// enter.
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "gs")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// asUser runs the client as another user.
func asUser(t *testing.T, path string, gids ...uint32) string {
	t.Helper()
	exe, err := os.ReadFile(os.Args[0]) // the folder of the test's own is closed to others
	if err != nil {
		t.Fatal(err)
	}
	copied := filepath.Join(filepath.Dir(path), "client")
	if err := os.WriteFile(copied, exe, 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(copied)
	cmd.Env = []string{asClient + "=" + path}
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody, Groups: gids}}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return string(out)
}

func TestWhoMaySpeak(t *testing.T) {
	path := filepath.Join(shortDir(t), "s")
	l, err := Listen(path, "")
	if err != nil {
		t.Fatal(err)
	}
	end := serving(t, l, whoami)
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info.Mode(), err)
	}
	var who string
	if err := (&Client{Path: path}).Do(t.Context(), http.MethodGet, "/", nil, &who); err != nil || who != fmt.Sprint("true ", os.Getuid(), " true") {
		t.Errorf("%s %v", who, err)
	}
	root := os.Getuid() == 0
	if root {
		if got := asUser(t, path, group); !strings.Contains(got, "denied true") {
			t.Errorf("without a group: %s", got)
		}
	}
	end()
	if _, err := os.Stat(path); err == nil {
		t.Error("the socket is still there")
	}
	if !root {
		t.Log("not root: nothing can be tried as another user")
		return
	}
	if l, err = Listen(path, fmt.Sprint(group)); err != nil {
		t.Fatal(err)
	}
	end = serving(t, l, whoami)
	defer end()
	if got := asUser(t, path, group); got != "true 65534 true" {
		t.Errorf("a member: %s", got)
	}
	if got := asUser(t, path, group+1); !strings.Contains(got, "denied true") {
		t.Errorf("no member: %s", got)
	}
}

func TestListen(t *testing.T) {
	dir := shortDir(t)
	path := filepath.Join(dir, "s")
	client := &Client{Path: path}
	if err := client.Do(t.Context(), http.MethodGet, "/", nil, nil); !errors.Is(err, ErrNone) {
		t.Errorf("no socket: %v", err)
	}

	left, err := net.ListenUnix("unix", &net.UnixAddr{Name: path}) // as a kill leaves it
	if err != nil {
		t.Fatal(err)
	}
	left.SetUnlinkOnClose(false)
	left.Close()
	if err := client.Do(t.Context(), http.MethodGet, "/", nil, nil); !errors.Is(err, ErrNone) {
		t.Errorf("a dead socket: %v", err)
	}
	l, err := Listen(path, "")
	if err != nil {
		t.Fatalf("a dead socket: %v", err)
	}
	if _, err := Listen(path, ""); !errors.Is(err, ErrTaken) {
		t.Errorf("a living one: %v", err)
	}
	l.Close()

	if err := os.WriteFile(path, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Listen(path, ""); err == nil {
		t.Error("a file was replaced")
	}
	os.Remove(path)
	for _, mode := range []os.FileMode{0o770, 0o757, os.ModeSticky | 0o777} {
		if err := os.Chmod(dir, mode); err != nil {
			t.Fatal(err)
		}
		if _, err := Listen(path, ""); err == nil || !strings.Contains(err.Error(), "writable by others") {
			t.Errorf("%v: %v", mode, err)
		}
	}
	os.Chmod(dir, 0o755)
	for _, bad := range []struct{ path, group string }{
		{path, "no-such-group"}, {path, "-1"}, {filepath.Join(dir, strings.Repeat("x", 100)), ""}, {filepath.Join(dir, "not", "there"), ""},
	} {
		if l, err := Listen(bad.path, bad.group); err == nil {
			l.Close()
			t.Errorf("%+v: taken", bad)
		}
	}
}

func TestPath(t *testing.T) {
	for _, tt := range []struct{ runtime, want string }{
		{"", "/var/lib/grab/grab.sock"}, {"/run/grab", "/run/grab/grab.sock"}, {"/run/a:/run/b", "/run/a/grab.sock"},
	} {
		if got := Path(tt.runtime, "/var/lib/grab"); got != tt.want {
			t.Errorf("%q: %s", tt.runtime, got)
		}
	}
}

// TestLongPath: on a socket that cannot be there both sides say why.
func TestLongPath(t *testing.T) {
	path := filepath.Join(t.TempDir(), strings.Repeat("x", 103), "grab.sock")
	_, listen := Listen(path, "")
	ask := (&Client{Path: path}).Do(t.Context(), http.MethodGet, "/", nil, nil)
	for _, err := range []error{listen, ask} {
		if !errors.Is(err, ErrLong) || errors.Is(err, ErrLost) || !strings.Contains(err.Error(), path) {
			t.Errorf("%v", err)
		}
	}
}
