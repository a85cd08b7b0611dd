// Package hub is a collector's connection to the hub of its fleet, a NATS server with
// JetStream.
//
// It is tried for as long as it is open: a hub that is away, or that refuses, costs what the hub
// adds and nothing else, and Down says why. What is asked of it waits for an answer no longer
// than its context. It does not know what is sent.
package hub

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Options are how a hub is reached.
type Options struct {
	Servers []string // URLs: nats://, tls://, wss://
	Name    string   // the collector's, as the hub lists connections
	TLS     *tls.Config
	Login   nats.Option       // nil: by TLS alone
	Dialer  nats.CustomDialer // nil: straight
	Inbox   string            // prefix of the subjects that answers come to
	Log     *slog.Logger
}

// How a connection is kept.
const (
	dialFor   = 10 * time.Second
	again     = time.Second
	againMost = 15 * time.Second
	pingEvery = 10 * time.Second
	pingsLost = 2
)

// ErrDown says that the hub cannot be asked at the moment.
var ErrDown = errors.New("the hub of the fleet is not connected")

// A Hub is safe for concurrent use.
type Hub struct {
	Conn   *nats.Conn
	Stream jetstream.JetStream

	mu  sync.Mutex
	why error // of the last attempt; nil: connected
}

// Open begins to connect, and returns at once. Its Close is due.
func Open(o Options) (*Hub, error) {
	h := &Hub{why: errors.New("not connected yet")}
	opts := []nats.Option{
		nats.Name(o.Name), nats.Timeout(dialFor), nats.RetryOnFailedConnect(true), nats.MaxReconnects(-1),
		nats.CustomReconnectDelay(delay), nats.PingInterval(pingEvery), nats.MaxPingsOutstanding(pingsLost),
		nats.ReconnectBufSize(-1), // what is published while it is down is an error, and tried again by whoever did
		nats.IgnoreAuthErrorAbort(),
		nats.ConnectHandler(func(*nats.Conn) { h.set(nil) }),
		nats.ReconnectHandler(func(*nats.Conn) { h.set(nil) }),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) { h.set(down(err)) }),
		nats.ReconnectErrHandler(func(_ *nats.Conn, err error) { h.set(down(err)) }),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			if o.Log != nil {
				o.Log.Warn("the hub says", "err", err)
			}
		}),
	}
	if o.TLS != nil {
		opts = append(opts, nats.Secure(o.TLS))
	}
	if o.Login != nil {
		opts = append(opts, o.Login)
	}
	if o.Dialer != nil {
		opts = append(opts, nats.SetCustomDialer(o.Dialer))
	}
	if o.Inbox != "" {
		opts = append(opts, nats.CustomInboxPrefix(o.Inbox))
	}
	var err error
	if h.Conn, err = nats.Connect(strings.Join(o.Servers, ","), opts...); err != nil {
		return nil, fmt.Errorf("connect to the hub: %w", err)
	}
	if h.Stream, err = jetstream.New(h.Conn); err != nil {
		h.Conn.Close()
		return nil, fmt.Errorf("connect to the hub: %w", err)
	}
	return h, nil
}

// delay is how long an attempt waits after so many in vain: collectors whose hub comes back do
// not all come at once.
func delay(attempts int) time.Duration {
	step := min(again<<min(attempts, 4), againMost)
	return step/2 + rand.N(step)
}

func down(err error) error {
	if err == nil {
		return errors.New("the connection ended")
	}
	return err
}

func (h *Hub) set(why error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.why = why
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

// Close ends the connection.
func (h *Hub) Close() { h.Conn.Close() }
