package openhttp

import (
	"context"
	"net"
	"net/http"
	"sync"
)

// maxConns is how many may be connected to a server at once.
const maxConns = 64

// A crowd is those who are connected. Whoever comes when there are too many is let in all
// the same, and the one who has said nothing for longest has to go: whoever only holds
// connections open keeps nobody out.
type crowd struct {
	mu    sync.Mutex
	conns map[net.Conn]*guest
	count int64
}

type guest struct {
	since   int64 // by count: when it came, or was answered last
	serving bool  // a request of his has come whole and is being answered
}

type connKey struct{}

// state is http.Server's ConnState.
func (c *crowd) state(conn net.Conn, s http.ConnState) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.conns == nil {
		c.conns = map[net.Conn]*guest{}
	}
	c.count++
	switch s {
	case http.StateNew:
		if len(c.conns) >= maxConns {
			c.evict()
		}
		c.conns[conn] = &guest{since: c.count}
	case http.StateIdle:
		if g := c.conns[conn]; g != nil {
			g.since, g.serving = c.count, false
		}
	case http.StateClosed, http.StateHijacked:
		delete(c.conns, conn)
	}
}

// evict closes one of those who are not being answered, or of all: the one that is there
// for longest.
func (c *crowd) evict() {
	var worst net.Conn
	for conn, g := range c.conns {
		w := c.conns[worst]
		if w == nil || w.serving && !g.serving || w.serving == g.serving && g.since < w.since {
			worst = conn
		}
	}
	delete(c.conns, worst)
	worst.Close()
}

// context is http.Server's ConnContext.
func (c *crowd) context(ctx context.Context, conn net.Conn) context.Context {
	return context.WithValue(ctx, connKey{}, conn)
}

// answering is a handler that knows who is being answered.
func (c *crowd) answering(h http.Handler) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		conn, _ := r.Context().Value(connKey{}).(net.Conn)
		c.mu.Lock()
		if g := c.conns[conn]; g != nil {
			g.serving = true
		}
		c.mu.Unlock()
		h.ServeHTTP(rw, r)
	})
}
