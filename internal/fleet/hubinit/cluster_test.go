package hubinit

import (
	"context"
	"maps"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rtmtgrab/internal/fleet"
	"rtmtgrab/internal/testserver"
)

// TestCluster: three servers from one folder are one hub with three copies of everything; with
// one of them away it takes alerts as before, and keeps them.
func TestCluster(t *testing.T) {
	a := &aHub{dir: t.TempDir()}
	var wish []Server
	for _, name := range []string{"one", "two", "three"} {
		wish = append(wish, Server{Name: name, Host: "127.0.0.1", Port: testserver.FreePort(t), Websocket: testserver.FreePort(t), Cluster: testserver.FreePort(t)})
	}
	done, err := Make(a.dir, Wish{Servers: wish, Tenant: "acme", Collectors: []string{"dmz-a"}})
	if err != nil {
		t.Fatal(err)
	}
	a.state = done.State
	var servers []*testserver.NATS
	for _, s := range done.State.Servers {
		servers = append(servers, testserver.StartNATSIn(t, filepath.Join(a.dir, ServerDir(s.Name)), s.Port, s.Websocket))
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	if err := Apply(ctx, a.dir, func(string) {}); err != nil {
		t.Fatal(err)
	}

	h := a.as(t, "acme", "dmz-a")
	alerts, err := h.Stream.Stream(ctx, fleet.AlertStream)
	if err != nil {
		t.Fatal(err)
	}
	if n := alerts.CachedInfo().Config.Replicas; n != 3 {
		t.Errorf("%d copies", n)
	}
	servers[1].Stop()
	publish := func() {
		t.Helper()
		for {
			_, err := h.Stream.Publish(ctx, fleet.AlertSubject("hq"), []byte("{}"))
			if err == nil {
				return
			}
			select {
			case <-ctx.Done():
				t.Fatal(err)
			case <-time.After(100 * time.Millisecond):
			}
		}
	}
	publish()
	servers[1].Start()
	servers[2].Stop()
	publish()
	for {
		info, err := alerts.Info(ctx)
		if err == nil && info.State.Msgs >= 2 {
			break
		}
		select {
		case <-ctx.Done():
			t.Fatalf("%+v, %v", info, err)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// TestGrow: a hub of one server does not become one of three, which would begin with nothing: it is
// said, and nothing changes.
func TestGrow(t *testing.T) {
	dir := t.TempDir()
	if _, err := Make(dir, Wish{Servers: []Server{{Host: "h1.example.com", Port: Port}}, Tenant: "acme"}); err != nil {
		t.Fatal(err)
	}
	was := contents(t, dir)
	more := Wish{Servers: []Server{{Host: "h2.example.com", Port: Port}, {Host: "h3.example.com", Port: Port}}}
	if _, err := Make(dir, more); err == nil || !strings.Contains(err.Error(), "make another hub") {
		t.Error(err)
	}
	if now := contents(t, dir); !maps.Equal(now, was) {
		t.Error("something changed")
	}
}

// TestPorts: a server that is there keeps its ports, unless others are wished.
func TestPorts(t *testing.T) {
	dir := t.TempDir()
	if _, err := Make(dir, Wish{Servers: []Server{{Host: "h1.example.com", Port: 14222}}}); err != nil {
		t.Fatal(err)
	}
	done, err := Make(dir, Wish{Servers: []Server{{Host: "h1.example.com", Port: Port}}, KeepPorts: true})
	if err != nil || done.State.Servers[0].Port != 14222 {
		t.Errorf("%+v, %v", done.State.Servers, err)
	}
	done, err = Make(dir, Wish{Servers: []Server{{Host: "h1.example.com", Port: 24222}}})
	if err != nil || done.State.Servers[0].Port != 24222 {
		t.Errorf("%+v, %v", done.State.Servers, err)
	}
}
