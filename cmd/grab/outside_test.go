package main_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
)

// ended is how a run of the program ended.
type ended struct {
	code     int
	out, err string
}

func (e ended) String() string {
	return fmt.Sprintf("exit %d\nstdout:\n%s\nstderr:\n%s", e.code, e.out, e.err)
}

// ok fails the test unless the program ended well.
func (e ended) ok(t testing.TB) ended {
	t.Helper()
	if e.code != 0 {
		t.Fatalf("%s", e)
	}
	return e
}

// decode reads the one document on standard output.
func (e ended) decode(t testing.TB, v any) {
	t.Helper()
	if err := json.Unmarshal([]byte(e.out), v); err != nil {
		t.Fatalf("%v\n%s", err, e)
	}
}

// command is the program, as a child that works in a folder.
func command(dir string, args ...string) *exec.Cmd {
	cmd := exec.Command(os.Args[0], args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GRAB_TEST_AS_PROGRAM=1", "HOME="+dir, "GRAB_CONFIG=")
	return cmd
}

func grab(t testing.TB, dir string, args ...string) ended {
	t.Helper()
	return finish(t, command(dir, args...))
}

// finish runs a command to its end.
func finish(t testing.TB, cmd *exec.Cmd) ended {
	t.Helper()
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return ended{cmd.ProcessState.ExitCode(), out.String(), errOut.String()}
}

// A told is a notice as the webhook gets it, as far as it is of interest.
type told struct {
	ID       string
	Kind     string
	Changes  []struct{ Key, Event string }
	Incident struct{ Incident string }

	raw []byte
}

// hook is a server of webhooks. At /bad it refuses every notice.
type hook struct {
	*httptest.Server
	mu   sync.Mutex
	down bool
	list []told // in the order in which they came
}

func newHook(t testing.TB) *hook {
	h := &hook{}
	h.Server = httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		h.mu.Lock()
		defer h.mu.Unlock()
		var n told
		b, _ := io.ReadAll(r.Body)
		switch err := json.Unmarshal(b, &n); {
		case r.URL.Path == "/bad" || err != nil:
			rw.WriteHeader(http.StatusBadRequest)
		case h.down:
			rw.WriteHeader(http.StatusBadGateway)
		default:
			n.raw = b
			h.list = append(h.list, n)
		}
	}))
	t.Cleanup(h.Close)
	return h
}

func (h *hook) setDown(down bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.down = down
}

// told are the notices that came, in the order in which they did.
func (h *hook) told() []told {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]told(nil), h.list...)
}

// refusing is a mail server that offers logins with access tokens and refuses each.
func refusing(t testing.TB) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	t.Cleanup(wg.Wait)
	t.Cleanup(func() { ln.Close() })
	wg.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				fmt.Fprint(c, "* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=XOAUTH2] ready\r\n")
				for in := bufio.NewScanner(c); in.Scan(); {
					tag, rest, _ := strings.Cut(in.Text(), " ")
					answer := "OK done"
					if strings.HasPrefix(rest, "AUTHENTICATE") {
						answer = "NO [AUTHENTICATIONFAILED] nobody gets in"
					}
					fmt.Fprintf(c, "%s %s\r\n", tag, answer)
				}
			}()
		}
	})
	return ln.Addr().String()
}
