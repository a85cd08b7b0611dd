package sshdial

import (
	"bytes"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"
)

// A conn is a TCP connection, or one through a hop, that remembers its peer's
// first words and, once there is a session, takes silence for the end and reads
// no faster than it may.
type conn struct {
	net.Conn
	below *Client                      // the hop that carries it; nil: none
	idle  atomic.Int64                 // longest silence in nanoseconds; zero: no limit
	heard atomic.Int64                 // when the last bytes came, in nanoseconds since 1970; zero: before there was a session
	limit atomic.Pointer[rate.Limiter] // nil: all that comes

	ended  atomic.Bool // we have ended it
	once   sync.Once
	closed chan struct{}

	mu      sync.Mutex
	broken  error  // why reading ended, if we have not ended it
	first   []byte // the start of what the peer said
	line    []byte // the start of the line it is saying, until greeted
	greeted bool   // the version line has come
	alien   bool   // it speaks another protocol
}

// Read gives what has come when it is its turn by the limit. It is paid for after it
// was read, for only then is it known how much it is.
func (c *conn) Read(b []byte) (int, error) {
	limit := c.limit.Load()
	if limit == nil {
		return c.read(b)
	}
	n, err := c.read(b[:min(len(b), limit.Burst())])
	if err == nil && !c.sleep(limit.ReserveN(time.Now(), n).Delay()) {
		return 0, net.ErrClosed
	}
	return n, err
}

func (c *conn) read(b []byte) (int, error) {
	idle := c.idle.Load()
	if idle > 0 {
		c.Conn.SetReadDeadline(time.Now().Add(time.Duration(idle)))
	}
	n, err := c.Conn.Read(b)
	if err == nil && idle > 0 {
		c.heard.Store(time.Now().UnixNano())
		return n, nil
	}
	if over := c.judge(b[:n], err); over {
		c.Close() // nothing more will come: whoever writes must not wait for it either
	}
	return n, err
}

// sleep reports whether the connection is open after d.
func (c *conn) sleep(d time.Duration) bool {
	if d <= 0 {
		return true
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-c.closed:
		return false
	}
}

// setLimit bounds what is read from the next Read on, in bytes per second; zero: not
// at all. After a pause, and in one Read, the bytes of a quarter of a second come at once.
func (c *conn) setLimit(bytesPerSecond int64) {
	if bytesPerSecond <= 0 {
		c.limit.Store(nil)
		return
	}
	burst := max(1, int(bytesPerSecond/4))
	limit := rate.NewLimiter(rate.Limit(bytesPerSecond), burst)
	limit.ReserveN(time.Now(), burst) // a change is no pause
	c.limit.Store(limit)
}

// judge looks at what the peer says before there is a session, and reports
// whether that is the end.
func (c *conn) judge(b []byte, err error) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.greeted {
		c.listen(b)
	}
	if err != nil && c.broken == nil && !c.ended.Load() {
		c.broken = err
	}
	return c.alien || err != nil
}

// Close ends the connection, not those of the hops that carry it.
func (c *conn) Close() (err error) {
	c.once.Do(func() {
		close(c.closed)
		err = c.Conn.Close()
	})
	return err
}

// abort ends the connection and those of all hops, from the lowest on: whatever
// waits for any of them returns, though a hop may be frozen.
func (c *conn) abort() {
	c.ended.Store(true)
	if c.below != nil {
		c.below.Abort()
	}
	c.Close()
}

// failure is why reading ended, nil if it goes on or we have ended it.
func (c *conn) failure() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.broken
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
