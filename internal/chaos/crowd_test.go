package chaos

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/crypto/ssh"

	"rtmtgrab/internal/collector"
	"rtmtgrab/internal/config"
	"rtmtgrab/internal/incident/incidenttest"
	"rtmtgrab/internal/lab/rtmt"
	"rtmtgrab/internal/testrace"
)

// A crowd is a collector and its many hosts, in memory and in virtual time; it counts what
// they see of it, by seconds.
type crowd struct {
	t      *testing.T
	dir    string
	peers  map[string]*logPeer
	box    *rtmt.Mailbox
	door   *door
	w      *collector.Collector
	began  time.Time
	mu     sync.Mutex
	counts map[string]map[int]int // what, by seconds after it began
}

// newCrowd starts the collector of so many hosts, some of each site, with more configuration.
func newCrowd(t *testing.T, dir string, hosts, ofSite int, more string) (c *crowd, stop func()) {
	c = &crowd{t: t, dir: dir, peers: map[string]*logPeer{}, door: &door{}, counts: map[string]map[int]int{}}
	var err error
	if c.box, err = rtmt.NewMailboxOn(context.Background(), c.door.listen); err != nil {
		t.Fatal(err)
	}
	cfg := c.configure(hosts, ofSite, more)
	if c.w, err = collector.New(cfg, slog.New(slog.NewTextHandler(io.Discard, nil)), nil, nil); err != nil {
		t.Fatal(err)
	}
	c.w.ReachBy(func(ctx context.Context, address string) (net.Conn, error) {
		if address == c.box.Addr() {
			return c.door.dial(ctx)
		}
		c.count("dials")
		name, _, _ := strings.Cut(address, ":")
		return c.peers[name].dial(ctx)
	})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	c.began = time.Now()
	go func() { ended <- c.w.Run(ctx) }()
	return c, func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		for _, p := range c.peers {
			p.close()
		}
		if err := c.box.Close(); err != nil {
			t.Error(err)
		}
	}
}

func (c *crowd) configure(hosts, ofSite int, more string) *config.Config {
	var b strings.Builder
	fmt.Fprintf(&b, "store: store\nsocket: {path: none}\nmail: {server: %q, ca_file: ca.pem, user: %q, password: {file: imap.secret}}\nlogs: {dir: /log, families: [network_log]}\nkeep: {free: 1MiB}\nssh: {password: {file: ssh.secret}}\n%s\nsites:\n",
		c.box.Addr(), c.box.User, more)
	for i := range hosts {
		if i%ofSite == 0 {
			fmt.Fprintf(&b, "- name: s%d\n  clusters: [s%d]\n  hosts:\n", i/ofSite, i/ofSite)
		}
		name := fmt.Sprintf("h%d", i)
		p := newLogPeer(name, []string{"network_log"})
		p.seen = c.count
		c.peers[name] = p
		fmt.Fprintf(&b, "  - {name: %s, address: \"%s:22\", host_key: %q}\n", name, name, ssh.FingerprintSHA256(p.key.PublicKey()))
	}
	for name, text := range map[string]string{"grab.yaml": b.String(), "ca.pem": string(c.box.CAPEM()), "imap.secret": c.box.Password, "ssh.secret": "9hQ2-zzk1"} {
		if err := os.WriteFile(filepath.Join(c.dir, name), []byte(text), 0o600); err != nil {
			c.t.Fatal(err)
		}
	}
	cfg, err := config.Load(filepath.Join(c.dir, "grab.yaml"))
	if err != nil {
		c.t.Fatal(err)
	}
	return cfg
}

func (c *crowd) count(what string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.counts[what] == nil {
		c.counts[what] = map[int]int{}
	}
	c.counts[what][int(time.Since(c.began).Seconds())]++
}

// between sums up a count between two moments, and the most of it within a second.
func (c *crowd) between(what string, from, to time.Time) (sum, most int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for second, n := range c.counts[what] {
		if at := c.began.Add(time.Duration(second) * time.Second); !at.Before(from.Truncate(time.Second)) && at.Before(to) {
			sum, most = sum+n, max(most, n)
		}
	}
	return sum, most
}

// all changes all peers at once.
func (c *crowd) all(f func(p *logPeer)) {
	for _, p := range c.peers {
		p.change(func() { f(p) })
	}
}

// The real collector, with hundreds of warm hosts and rings: at a start, while nothing
// happens, and when the network was away for 90 s and all connections with it, neither
// logins nor listings nor keepalives come together, and no host sees more than one login for each
// session. All hosts are back within their patience.
func TestCrowd(t *testing.T) {
	const second = 40 // of what begins of itself, at most
	hosts := testrace.Smaller(120, 3)
	dir := incidenttest.QuickDir(t)
	synctest.Test(t, func(t *testing.T) {
		c, stop := newCrowd(t, dir, hosts, 10, "ring: {enabled: true, every: 30s}")
		defer stop()
		look := func(when string, from time.Time, wants map[string][2]int) {
			for what, want := range wants {
				sum, most := c.between(what, from, time.Now())
				t.Logf("%s: %d %s, %d within a second", when, sum, what, most)
				if sum < want[0] || most > want[1] {
					t.Errorf("%s: %d %s, %d within a second; wanted at least %d and at most %d within a second", when, sum, what, most, want[0], want[1])
				}
			}
		}
		time.Sleep(time.Minute)
		look("start", c.began, map[string][2]int{"dials": {hosts, second}, "logins": {hosts, second}, "listings": {hosts, 4 * second}})
		if sum, _ := c.between("logins", c.began, time.Now()); sum != hosts {
			t.Errorf("%d logins to %d hosts", sum, hosts)
		}

		idle := time.Now()
		time.Sleep(2 * time.Minute)
		// of each host a proof a minute, a listing of the ring every 30 s, and a keepalive when nothing has come
		// for 15 s; proofs and keepalives on the beat of a second. Hosts that were dialed in the same second list in the
		// same second, and half of them, whose keepalive would have come next, then get it together
		look("idle", idle, map[string][2]int{"dials": {0, 0}, "listings": {2 * 3 * hosts * 9 / 10, 2*second + hosts/6}, "keepalives": {2 * 2 * hosts * 9 / 10, second/2 + hosts/8 - 1}})

		away := time.Now()
		c.all(func(p *logPeer) { p.bad["refuses"] = true; p.hangUp() })
		time.Sleep(90 * time.Second)
		look("away", away, map[string][2]int{"dials": {hosts, second + 1}, "logins": {0, 0}})
		c.all(func(p *logPeer) { p.bad["refuses"] = false })
		back := time.Now()
		time.Sleep(3 * time.Minute)
		look("back", back, map[string][2]int{"logins": {hosts, second + 1}, "listings": {hosts, 4 * second}, "keepalives": {2 * 2 * hosts, second + hosts/4}})
		if sum, _ := c.between("logins", back, time.Now()); sum != hosts {
			t.Errorf("%d logins to %d hosts that were away", sum, hosts)
		}
		for _, h := range c.w.Status().Hosts {
			if h.Warm != "up" {
				t.Errorf("%s is not back: %s %s", h.Name, h.Warm, h.Error)
			}
		}
	})
}
