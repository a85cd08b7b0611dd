package lab

import (
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
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

// faults are the switches; server.mu guards them.
type faults struct {
	mode    Mode
	cut     int64 // bytes per connection until it is closed
	cuts    int   // how many connections are still to be cut; negative: all
	rate    int64 // bytes per second and connection; zero: no limit
	changed chan struct{}
}

// SetMode changes how those who connect are treated, from now on.
func (s *server) SetMode(m Mode) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.setMode(m)
}

func (s *server) setMode(m Mode) {
	s.faults.mode = m
	close(s.faults.changed)
	s.faults.changed = make(chan struct{})
}

// CutAfter closes connections once another n bytes were sent over them, in the
// middle of a packet as a rule. It does so times times; negative: always, zero: never.
func (s *server) CutAfter(n int64, times int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults.cut, s.faults.cuts = n, times
	for c := range s.conns {
		c.sent = 0
	}
}

// SetRate limits what is sent over each connection to so many bytes a second;
// zero: no limit.
func (s *server) SetRate(bytesPerSecond int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults.rate = bytesPerSecond
}

// SetDown takes the SSH server off the net, connections and all, or brings it
// back on the same port. The logs go on.
func (s *server) SetDown(down bool) error {
	if down {
		s.hangUp()
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ln != nil || s.ctx.Err() != nil {
		return nil
	}
	return s.listen()
}

// listen begins; mu is held.
func (s *server) listen() error {
	ln, err := net.Listen("tcp", s.addr)
	for tries := 0; err != nil && errors.Is(err, syscall.EADDRINUSE) && s.ctx.Err() == nil && tries < 600; tries++ {
		time.Sleep(100 * time.Millisecond) // somebody was given the port while this host was down
		ln, err = net.Listen("tcp", s.addr)
	}
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	s.ln, s.addr = ln, ln.Addr().String()
	s.wg.Go(func() { s.accept(ln) })
	return nil
}

// A conn is one TCP connection on which the switches act.
type conn struct {
	net.Conn
	s    *server
	sent int64 // since the connection or CutAfter; server.mu guards it
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
		c.s.mu.Lock()
		banned, changed := c.s.faults.mode == Ban, c.s.faults.changed
		c.s.mu.Unlock()
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
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	f := &c.s.faults
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
