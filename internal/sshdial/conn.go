package sshdial

import (
	"bytes"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// A conn is a TCP connection that remembers its peer's first words and, once
// there is a session, takes silence for the end.
type conn struct {
	net.Conn
	idle atomic.Int64 // longest silence in nanoseconds; zero: no limit

	mu      sync.Mutex
	first   []byte // the start of what the peer said
	line    []byte // the start of the line it is saying, until greeted
	greeted bool   // the version line has come
	alien   bool   // it speaks another protocol
}

func (c *conn) Read(b []byte) (int, error) {
	if idle := c.idle.Load(); idle > 0 {
		c.Conn.SetReadDeadline(time.Now().Add(time.Duration(idle)))
	}
	n, err := c.Conn.Read(b)
	if err == nil && c.idle.Load() > 0 {
		return n, nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.greeted {
		c.listen(b[:n])
	}
	if c.alien || err != nil {
		// Nothing more will come: whoever writes must not wait for it either.
		c.Conn.Close()
	}
	return n, err
}

// listen looks for the version line. Lines before it are allowed (RFC 4253, 4.2),
// but those of well-known other protocols are not waited out.
func (c *conn) listen(b []byte) {
	for _, x := range b {
		if len(c.first) < maxFirst {
			c.first = append(c.first, x)
		}
		if x == '\n' || x >= 0x80 || len(c.first) == 2 && c.first[0] < 0x20 || len(c.first) == maxFirst { // a line, or no text at all
			c.alien = c.alien || foreignTongue(c.first)
		}
		switch {
		case x == '\n':
			c.line = c.line[:0]
		case len(c.line) < len("SSH-1.99-"):
			c.line = append(c.line, x)
		}
		if bytes.HasPrefix(c.line, []byte("SSH-2.0-")) || string(c.line) == "SSH-1.99-" {
			c.greeted = true
			return
		}
	}
}

// maxFirst bounds what is kept of a foreign greeting.
const maxFirst = 120

// foreignTongue knows the first words of HTTP, FTP and SMTP, POP3, IMAP, VNC,
// SSH 1, a TLS alert and telnet.
func foreignTongue(first []byte) bool {
	for _, p := range []string{"HTTP/", "220 ", "220-", "+OK", "* OK", "RFB ", "SSH-1.5-", "\x15\x03", "\xff"} {
		if bytes.HasPrefix(first, []byte(p)) {
			return true
		}
	}
	return false
}

func (c *conn) stage() Stage {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.greeted {
		return StageExchange
	}
	return StageGreeting
}

// foreign is the first line of a peer that has not greeted as an SSH server.
func (c *conn) foreign() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	line, _, _ := strings.Cut(string(c.first), "\n")
	return strings.TrimRight(line, "\r")
}

// guard makes a silence of d the end of the connection, from now on.
func (c *conn) guard(d time.Duration) {
	c.idle.Store(int64(d))
	c.SetReadDeadline(time.Now().Add(d)) // for the Read that is waiting already
}
