package lab

import (
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// A Mode is how an Expressway treats those who connect.
type Mode int

const (
	// Normal serves.
	Normal Mode = iota
	// Ban accepts and never answers; connections that are open fall silent, too.
	// On a loopback address this is as near as one gets to dropped packets.
	Ban
	// Tarpit sends a line of nonsense every 100 ms and never an SSH banner.
	Tarpit
	// NotSSH answers as a web server would and hangs up.
	NotSSH
)

// faults are the switches; Expressway.mu guards them.
type faults struct {
	mode    Mode
	cut     int64 // bytes per connection until it is closed
	cuts    int   // how many connections are still to be cut; negative: all
	rate    int64 // bytes per second and connection; zero: no limit
	changed chan struct{}
}

// SetMode changes how those who connect are treated, from now on.
func (e *Expressway) SetMode(m Mode) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.setMode(m)
}

func (e *Expressway) setMode(m Mode) {
	e.faults.mode = m
	close(e.faults.changed)
	e.faults.changed = make(chan struct{})
}

// CutAfter closes connections once another n bytes were sent over them, in the
// middle of a packet as a rule. It does so times times; negative: always, zero: never.
func (e *Expressway) CutAfter(n int64, times int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.faults.cut, e.faults.cuts = n, times
	for c := range e.conns {
		c.sent = 0
	}
}

// SetRate limits what is sent over each connection to so many bytes a second;
// zero: no limit.
func (e *Expressway) SetRate(bytesPerSecond int64) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.faults.rate = bytesPerSecond
}

// SetDown takes the SSH server off the net, connections and all, or brings it
// back on the same port. The logs go on.
func (e *Expressway) SetDown(down bool) error {
	if down {
		e.hangUp()
		return nil
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.ln != nil || e.closed || e.ctx.Err() != nil {
		return nil
	}
	return e.listenLocked()
}

func (e *Expressway) listen() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.listenLocked()
}

func (e *Expressway) listenLocked() error {
	ln, err := net.Listen("tcp", e.addr)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	e.ln, e.addr = ln, ln.Addr().String()
	e.wg.Go(func() { e.accept(ln) })
	return nil
}

// A conn is one TCP connection on which the switches act.
type conn struct {
	net.Conn
	e    *Expressway
	sent int64 // since the connection or CutAfter; Expressway.mu guards it
	over atomic.Bool
	once sync.Once
	done chan struct{}
}

func (c *conn) hangUp() {
	c.once.Do(func() { close(c.done); c.Conn.Close() })
}

// Close ends the connection.
func (c *conn) Close() error {
	c.hangUp()
	return nil
}

// unban waits while the host is banned; it reports false if the connection ended first.
func (c *conn) unban() bool {
	for {
		c.e.mu.Lock()
		banned, changed := c.e.faults.mode == Ban, c.e.faults.changed
		c.e.mu.Unlock()
		if !banned {
			return true
		}
		select {
		case <-changed:
		case <-c.done:
			return false
		}
	}
}

func (c *conn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if err == nil && !c.unban() {
		return 0, net.ErrClosed
	}
	return n, err
}

func (c *conn) Write(p []byte) (int, error) {
	if !c.unban() {
		return 0, net.ErrClosed
	}
	allowed, rate := c.allow(len(p))
	n, err := c.Conn.Write(p[:allowed])
	if allowed < len(p) {
		c.hangUp()
		return n, net.ErrClosed
	}
	if rate > 0 && err == nil {
		t := time.NewTimer(time.Duration(float64(n) / float64(rate) * float64(time.Second)))
		defer t.Stop()
		select {
		case <-t.C:
		case <-c.done:
		}
	}
	return n, err
}

// allow says how many of n bytes may still be sent, and at which rate.
func (c *conn) allow(n int) (int, int64) {
	c.e.mu.Lock()
	defer c.e.mu.Unlock()
	f := &c.e.faults
	if f.cuts == 0 || c.sent+int64(n) <= f.cut {
		c.sent += int64(n)
		return n, f.rate
	}
	allowed := max(0, int(f.cut-c.sent))
	c.sent += int64(allowed)
	if f.cuts > 0 && !c.over.Swap(true) {
		f.cuts--
	}
	return allowed, f.rate
}
