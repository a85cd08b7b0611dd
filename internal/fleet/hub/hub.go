// Package hub is a collector's connection to the hub of its fleet, a NATS server with
// JetStream.
//
// It is tried for as long as it is open: a hub that is away, or that refuses, costs what the hub
// adds and nothing else, and Down says why. Who is refused comes more rarely, and what he shows
// is read anew each time: credentials and client certificates may change while it is open. What
// is asked of it waits for an answer no longer than its context, and while an attempt to connect
// is under way for that, at most dialFor: ask Down first. It does not know what is sent.
package hub

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"rtmtgrab/internal/httpproxy"
)

// Options are how a hub is reached.
type Options struct {
	Servers []string // URLs: nats://, tls://, wss://; no others are used, whatever a server says
	Name    string   // the collector's, as the hub lists connections
	TLS     *tls.Config
	Creds   func() (string, error) // a credentials file's text, or an nkey's seed; it is asked at each connection. nil: see Login
	Login   nats.Option            // nil: by TLS alone
	Proxy   httpproxy.Func         // for wss://; nil: none
	Dialer  nats.CustomDialer      // nil: straight, or by Proxy
	Inbox   string                 // prefix of the subjects that answers come to
	Log     *slog.Logger
}

// How a connection is kept.
const (
	dialFor   = 10 * time.Second
	pingEvery = 10 * time.Second
	pingsLost = 2
)

// Backoff is the longest that an attempt to connect waits: so much later than the first may
// the last be back after an outage.
const Backoff = againMost * 3 / 2

// ErrDown says that the hub cannot be asked at the moment.
var ErrDown = errors.New("the hub of the fleet is not connected")

// A Hub is safe for concurrent use.
type Hub struct {
	Conn   *nats.Conn
	Stream jetstream.JetStream

	dial *dialer
	pace pace
	log  *slog.Logger
	look chan struct{} // an attempt is over, it may have failed
	done chan struct{}
	once sync.Once
	wg   sync.WaitGroup

	mu     sync.Mutex
	why    error     // of the last attempt; nil: connected
	turned time.Time // since when it is connected, or is not
	met    int       // connections until now

	said struct { // by the hub, last
		text string
		at   time.Time
	}
}

// Open begins to connect, and returns at once. Its Close is due.
func Open(o Options) (*Hub, error) {
	h := &Hub{why: ErrOpening, turned: time.Now(), log: o.Log, look: make(chan struct{}, 1), done: make(chan struct{})}
	h.dial = newDialer(o)
	conn, err := nats.Connect(strings.Join(o.Servers, ","), h.options(o)...)
	if err != nil {
		return nil, fmt.Errorf("connect to the hub: %w", err)
	}
	h.Conn = conn
	h.dial.begin()
	if h.Stream, err = jetstream.New(h.Conn); err != nil {
		h.Conn.Close()
		return nil, fmt.Errorf("connect to the hub: %w", err)
	}
	h.wg.Go(h.observe)
	return h, nil
}

func (h *Hub) options(o Options) []nats.Option {
	opts := []nats.Option{
		nats.Name(o.Name), nats.Timeout(dialFor), nats.RetryOnFailedConnect(true), nats.MaxReconnects(-1),
		nats.ReconnectToServer(func(servers []nats.Server, info nats.ServerInfo) (*nats.Server, time.Duration) {
			select {
			case h.look <- struct{}{}:
			default:
			}
			return h.pace.next(servers, info)
		}),
		nats.PingInterval(pingEvery), nats.MaxPingsOutstanding(pingsLost),
		nats.ReconnectBufSize(-1), // what is published while it is down is an error, and tried again by whoever did
		nats.IgnoreAuthErrorAbort(), nats.IgnoreDiscoveredServers(), nats.SkipHostLookup(), nats.SetCustomDialer(h.dial),
		nats.ConnectHandler(func(*nats.Conn) { h.connected() }),
		nats.ReconnectHandler(func(*nats.Conn) { h.connected() }),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) { h.set(down(err)) }),
		nats.ReconnectErrHandler(func(c *nats.Conn, err error) { h.failed(c, down(err)) }),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			h.warn(err)
		}),
	}
	if o.TLS != nil {
		c := certainTLS(o.TLS)
		opts = append(opts, func(n *nats.Options) error { n.TLSConfig = c; return nil })
	}
	if o.Creds != nil {
		opts = append(opts, (&login{read: o.Creds}).option())
	}
	if o.Login != nil {
		opts = append(opts, o.Login)
	}
	if o.Inbox != "" {
		opts = append(opts, nats.CustomInboxPrefix(o.Inbox))
	}
	return opts
}

// sameFor is how long what the hub says again and again is not logged again.
const sameFor = time.Minute

func (h *Hub) warn(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.log == nil || err.Error() == h.said.text && time.Since(h.said.at) < sameFor {
		return
	}
	h.said.text, h.said.at = err.Error(), time.Now()
	h.log.Warn("the hub says", "err", err)
}

// observe finds out why attempts fail that got as far as a connection: of those nats.go tells
// nobody.
func (h *Hub) observe() {
	for {
		select {
		case <-h.look:
			if err := h.Conn.LastError(); err != nil {
				h.failed(h.Conn, down(err))
			}
		case <-h.done:
			return
		}
	}
}

func down(err error) error {
	switch {
	case err == nil:
		return errors.New("the connection ended")
	case errors.Is(err, nats.ErrTLS) && (errors.Is(err, io.EOF) || errors.Is(err, syscall.EPIPE) || errors.Is(err, syscall.ECONNRESET)):
		return fmt.Errorf("the hub ended the connection as soon as it was encrypted: it may not take the client certificate, or want one: %w", err)
	}
	return err
}

func (h *Hub) connected() {
	h.pace.connected()
	h.mu.Lock()
	defer h.mu.Unlock()
	h.say(nil)
	h.met++
}

func (h *Hub) set(why error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.say(why)
}

// say is set for who holds the lock.
func (h *Hub) say(why error) {
	if (why == nil) != (h.why == nil) {
		h.turned = time.Now()
	}
	h.why = why
}

// failed writes down why an attempt did, unless a later one succeeded. nats.go answers when no
// attempt is under way: nothing is locked meanwhile that Down needs.
func (h *Hub) failed(c *nats.Conn, err error) {
	h.mu.Lock()
	met := h.met
	h.mu.Unlock()
	if c.IsConnected() {
		return
	}
	h.pace.failed(err)
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.met == met {
		h.say(err)
	}
}

// Expires is when the certificate ends that the server has shown, or one between it and its authority; zero: it is
// not known. The connection outlives that, and there is no other one then.
func (h *Hub) Expires() (first time.Time) {
	s, err := h.Conn.TLSConnectionState()
	if err != nil {
		return first // none, or without TLS
	}
	for _, c := range s.PeerCertificates {
		if first.IsZero() || c.NotAfter.Before(first) {
			first = c.NotAfter
		}
	}
	return first
}

// Since is since when it can be asked, or cannot.
func (h *Hub) Since() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.turned
}

// Down is why the hub cannot be asked now; nil: it can.
func (h *Hub) Down() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.why == nil {
		return nil
	}
	return fmt.Errorf("%w: %w", ErrDown, h.why)
}

// Wait returns when it is connected, or with why it is not when ctx ends.
func (h *Hub) Wait(ctx context.Context) error {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		err := h.Down()
		if err == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return err
		}
	}
}

// Close ends the connection, and an attempt at one.
func (h *Hub) Close() {
	if h.Down() != nil {
		h.dial.end()
	}
	h.Conn.Close()
	h.once.Do(func() { close(h.done) })
	h.wg.Wait()
}
