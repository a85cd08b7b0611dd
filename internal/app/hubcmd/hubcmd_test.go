package hubcmd

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"rtmtgrab/internal/fleet/hubinit"
	"rtmtgrab/internal/testserver"
)

// A buffer that a command writes while a test reads.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// run is `grab hub` with arguments, until ctx ends.
func run(ctx context.Context, out *buffer, asJSON bool, args ...string) error {
	s := Shell{Out: out, Err: out, JSON: func() bool { return asJSON }, Print: json.NewEncoder(out).Encode,
		Context: func(parent context.Context) (context.Context, context.CancelFunc) { return context.WithCancel(parent) }}
	cmd := Command(s)
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	cmd.SetArgs(args)
	return cmd.ExecuteContext(ctx)
}

// TestEmbedded: one command makes a hub and serves it; beside it init adds a collector to what
// runs; it ends when it is told to, and what there is then is served again.
func TestEmbedded(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts servers")
	}
	dir := filepath.Join(t.TempDir(), "hub")
	ports := []string{"--port", fmt.Sprint(testserver.FreePort(t)), "--websocket-port", fmt.Sprint(testserver.FreePort(t)), "--server", "127.0.0.1"}
	serve := func(args ...string) (said *buffer, end func()) {
		t.Helper()
		ctx, cancel := context.WithCancel(t.Context())
		said = &buffer{}
		over := make(chan error, 1)
		go func() { over <- run(ctx, said, false, append([]string{"--embedded", dir}, args...)...) }()
		for !strings.Contains(said.String(), "The hub runs") {
			select {
			case err := <-over:
				t.Fatalf("%v\n%s", err, said)
			case <-time.After(10 * time.Millisecond):
			}
		}
		return said, func() {
			t.Helper()
			cancel()
			if err := <-over; err != nil {
				t.Error(err)
			}
		}
	}
	said, end := serve(append(ports, "--collector", "dmz-a")...)
	for _, want := range []string{"Collector dmz-a of main: take there", filepath.Join("creds", "main", "user-dmz-a.creds"), `name: "dmz-a"`, "Who looks at all of main"} {
		if !strings.Contains(said.String(), want) {
			t.Errorf("it does not say %q:\n%s", want, said)
		}
	}

	var out buffer
	if err := run(t.Context(), &out, true, "init", dir, "--tenant", "main", "--collector", "dmz-b"); err != nil {
		t.Fatal(err)
	}
	var m made
	doc := out.String()[strings.Index(out.String(), "{"):]
	if err := json.Unmarshal([]byte(doc), &m); err != nil || !m.Applied || len(m.Settings) != 1 || m.Settings[0].Collector != "dmz-b" {
		t.Errorf("%v: %s", err, doc)
	}
	for _, tenant := range []string{"second", "third", "fourth"} { // each finds room
		if err := run(t.Context(), &out, false, "init", dir, "--tenant", tenant, "--collector", "dmz-a", "--wait", "1m"); err != nil {
			t.Fatalf("tenant %s: %v", tenant, err)
		}
	}
	end()

	out = buffer{}
	if err := run(t.Context(), &out, false, "init", dir); err != nil || !strings.Contains(out.String(), "No server answers yet") {
		t.Errorf("%v: %s", err, out.String())
	}
	if err := run(t.Context(), &out, false, "init", dir, "--wait", "1ms"); err == nil {
		t.Error("init --wait did not fail")
	}
	said, end = serve()
	if strings.Contains(said.String(), "take there") {
		t.Errorf("new credentials:\n%s", said)
	}
	end()
}

// TestServeWhich: of several servers one is named; a folder that is none is said to be none.
func TestServeWhich(t *testing.T) {
	dir := t.TempDir()
	var w hubinit.Wish
	for _, h := range []string{"h1.example.com", "h2.example.com", "h3.example.com"} {
		w.Servers = append(w.Servers, hubinit.Server{Host: h, Port: 4222, Cluster: 6222})
	}
	if _, err := serverDir(dir, ""); err == nil || !strings.Contains(err.Error(), "grab hub init") {
		t.Error(err)
	}
	if _, err := hubinit.Make(dir, w); err != nil {
		t.Fatal(err)
	}
	if _, err := serverDir(dir, ""); err == nil || !strings.Contains(err.Error(), "h2.example.com") {
		t.Error(err)
	}
	got, err := serverDir(dir, "h2.example.com")
	if _, serr := os.Stat(filepath.Join(got, "nats.conf")); err != nil || serr != nil {
		t.Error(err, serr)
	}
	if again, err := serverDir(got, ""); err != nil || again != got {
		t.Error(again, err)
	}
	var out buffer
	if err := run(t.Context(), &out, false, "serve", got, "--disk", "much"); err == nil || !strings.Contains(err.Error(), "--disk") {
		t.Error(err)
	}
}

// TestUnreadLog: a hub whose log nobody reads serves, and ends when it is told to.
func TestUnreadLog(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts a server")
	}
	dir, port := filepath.Join(t.TempDir(), "hub"), fmt.Sprint(testserver.FreePort(t))
	if err := run(t.Context(), &buffer{}, false, "init", dir, "--server", "127.0.0.1", "--port", port, "--websocket-port", "0"); err != nil {
		t.Fatal(err)
	}
	r, unread := io.Pipe()
	defer r.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cmd := Command(Shell{Out: unread, Err: unread, JSON: func() bool { return false }, Print: json.NewEncoder(unread).Encode,
		Context: func(parent context.Context) (context.Context, context.CancelFunc) { return context.WithCancel(parent) }})
	cmd.SetArgs([]string{"serve", dir})
	over := make(chan error, 1)
	go func() { over <- cmd.ExecuteContext(ctx) }()
	for conn, err := net.Dial("tcp", "127.0.0.1:"+port); ; conn, err = net.Dial("tcp", "127.0.0.1:"+port) {
		if err == nil {
			conn.Close()
			break
		}
		select {
		case err := <-over:
			t.Fatal(err)
		case <-time.After(10 * time.Millisecond):
		}
	}
	cancel()
	if err := <-over; err != nil {
		t.Error(err)
	}
}
