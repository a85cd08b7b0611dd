package hub

import (
	"context"
	"crypto/tls"
	"errors"
	"math/rand/v2"
	"net"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"rtmtgrab/internal/httpproxy"
)

// How attempts are spread out.
const (
	again       = time.Second
	againMost   = 10 * time.Second
	refused     = 15 * time.Second // after a refused login, twice as long each time
	refusedMost = 2 * time.Minute
	steady      = time.Minute // a connection that lasted so long was a good one
)

// ErrOpening is why a hub is down that was not tried yet.
var ErrOpening = errors.New("not connected yet")

// A dialer reaches the hub's servers: straight, or those of wss:// by a proxy.
type dialer struct {
	opts   Options
	ctx    context.Context
	cancel context.CancelFunc

	mu   sync.Mutex
	open bool     // Open is over
	conn net.Conn // the last
}

func newDialer(o Options) *dialer {
	d := &dialer{opts: o}
	d.ctx, d.cancel = context.WithCancel(context.Background())
	return d
}

// begin lets attempts be made.
func (d *dialer) begin() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.open = true
}

// end ends the attempt that is under way; there are no more.
func (d *dialer) end() {
	d.cancel()
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.conn != nil {
		d.conn.Close()
	}
}

// Dial is that of nats.CustomDialer. The deadline that it leaves on the connection is for a
// handshake of TLS; nats.go takes it off once the connection stands.
func (d *dialer) Dial(network, address string) (net.Conn, error) {
	d.mu.Lock()
	open := d.open
	d.mu.Unlock()
	if !open {
		return nil, ErrOpening
	}
	ctx, cancel := context.WithTimeout(d.ctx, dialFor)
	defer cancel()
	conn, err := d.reach(ctx, network, address)
	if err != nil {
		return nil, err
	}
	conn.SetDeadline(time.Now().Add(dialFor))
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.ctx.Err(); err != nil {
		conn.Close()
		return nil, err
	}
	d.conn = conn
	return conn, nil
}

func (d *dialer) reach(ctx context.Context, network, address string) (net.Conn, error) {
	switch {
	case d.opts.Dialer != nil:
		return d.opts.Dialer.Dial(network, address)
	case d.proxied(address):
		return httpproxy.Dial(ctx, d.opts.Proxy, d.opts.TLS, address)
	}
	return new(net.Dialer).DialContext(ctx, network, address)
}

// proxied reports whether a server is one for which a proxy is asked.
func (d *dialer) proxied(address string) bool {
	for _, s := range d.opts.Servers {
		if u, err := url.Parse(s); err == nil && u.Scheme == "wss" && strings.EqualFold(hostPort(u), address) {
			return d.opts.Proxy != nil
		}
	}
	return false
}

func hostPort(u *url.URL) string {
	if u.Port() != "" {
		return u.Host
	}
	port := "4222" // as nats.go has it
	switch u.Scheme {
	case "wss":
		port = "443"
	case "ws":
		port = "80"
	}
	return net.JoinHostPort(u.Hostname(), port)
}

// A pace is when which server is tried next. It is safe for concurrent use.
type pace struct {
	mu      sync.Mutex
	tries   int       // since a connection that was a good one
	refused int       // refused logins since then
	since   time.Time // of the connection; zero: there is none
	at      int       // the server last tried
}

// next is that of nats.ReconnectToServer.
func (p *pace) next(servers []nats.Server, _ nats.ServerInfo) (*nats.Server, time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.since.IsZero() && time.Since(p.since) >= steady {
		p.tries, p.refused = 0, 0
	}
	p.since = time.Time{}
	if p.tries == 0 && p.at == 0 {
		p.at = rand.N(len(servers)) // not all collectors to the same server
	}
	p.at = (p.at + 1) % len(servers)
	wait := p.wait(len(servers))
	p.tries++
	return &servers[p.at], wait
}

// wait is how long the next attempt waits: each server is tried soon, and then ever more
// rarely, never all collectors at once.
func (p *pace) wait(servers int) time.Duration {
	switch {
	case p.refused > 0:
		return spread(min(refused<<min(p.refused-1, 8), refusedMost))
	case p.tries < servers:
		return rand.N(again / 4)
	}
	return spread(min(again<<min(p.tries/servers-1, 8), againMost))
}

func spread(d time.Duration) time.Duration { return d/2 + rand.N(d) }

func (p *pace) connected() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.since = time.Now()
}

func (p *pace) failed(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if Refused(err) {
		p.refused++
	} else {
		p.refused = 0
	}
}

// Refused reports whether err is a hub's no to a login, and not the way there.
func Refused(err error) bool {
	for _, no := range []error{nats.ErrAuthorization, nats.ErrAuthExpired, nats.ErrAuthRevoked, nats.ErrAccountAuthExpired} {
		if errors.Is(err, no) {
			return true
		}
	}
	return false
}

// certainTLS is c with the least that is spoken.
func certainTLS(c *tls.Config) *tls.Config {
	c = c.Clone()
	c.MinVersion = max(c.MinVersion, tls.VersionTLS12)
	return c
}
