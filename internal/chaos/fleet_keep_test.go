//go:build linux

package chaos

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"rtmtgrab/internal/fleet"
	"rtmtgrab/internal/fleet/hub"
	"rtmtgrab/internal/testserver"
)

// keep has a run that fails leave its stores and logs in the folder that GRAB_FLEET_KEEP names, with what
// collectors wrote of owners and claims and what the hub answered: claims.log.
func (r *fleetRig) keep(login nats.Option) {
	dir := os.Getenv("GRAB_FLEET_KEEP")
	if dir == "" {
		return
	}
	f, err := os.Create(filepath.Join(r.dir, "claims.log"))
	r.check(err)
	r.t.Cleanup(func() {
		f.Close()
		if !r.t.Failed() && os.Getenv("GRAB_FLEET_KEEP_ALL") == "" {
			return
		}
		for _, h := range r.hubs {
			exec.Command("cp", h.Log(), filepath.Join(r.dir, "hub-"+filepath.Base(h.Dir)+".log")).Run()
		}
		if out, err := exec.Command("cp", "-r", r.dir, dir).CombinedOutput(); err != nil {
			r.t.Logf("keep %s: %v\n%s", r.dir, err, out)
		}
	})
	h, err := hub.Open(hub.Options{Servers: testserver.URLs(r.hubs), TLS: testserver.Trust(r.hubs), Login: login, Name: "trace"})
	r.check(err)
	r.t.Cleanup(h.Close)
	r.check(h.Wait(r.t.Context()))
	var mu sync.Mutex
	note := func(m *nats.Msg) {
		if strings.HasPrefix(m.Subject, "_INBOX.") && !strings.Contains(string(m.Data), "KV_") && m.Header.Get("Nats-Subject") == "" {
			return
		}
		mu.Lock()
		defer mu.Unlock()
		fmt.Fprintf(f, "%s %s reply=%s %v %.1500s\n", time.Now().Format("15:04:05.000000"), m.Subject, m.Reply, m.Header, m.Data)
	}
	for _, s := range []string{"$KV." + fleet.ClaimBucket + ".>", "$KV." + fleet.EpochBucket + ".>", "_INBOX.dmz-a.>", "_INBOX.dmz-b.>"} {
		_, err := h.Conn.Subscribe(s, note)
		r.check(err)
	}
}
