package mailwatch

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"rtmtgrab/internal/redact"
	"sync"
	"syscall"
	"time"
)

// Patience with a server. A look every cycle and an answer within commandLimit
// make that a dead server is noticed within a minute.
const (
	dialLimit    = 20 * time.Second // TCP; TLS has as much again
	commandLimit = 30 * time.Second // any command but
	bodyLimit    = 2 * time.Minute  // the text of one mail, 1 MiB
	cycle        = 25 * time.Second // longest time without a command
	readLimit    = time.Minute      // without a byte
	heldLimit    = time.Hour        // without a byte while an alert is being handled
	writeLimit   = 30 * time.Second

	maxCommand   = 4 << 20 // bytes a server may send for one command, literals aside
	maxResponses = 1 << 16 // responses to one command
)

// A guard stands between the IMAP client and the connection (above TLS), for the
// client has neither deadlines while it waits nor limits on what it is sent.
// Every read has a deadline, every response is measured, and the first error is
// the last thing that happens: the connection is closed and the error stays.
type guard struct {
	net.Conn          // what is read and written: TLS, or the bare connection
	raw      net.Conn // what is closed: closing TLS could wait for the peer
	pre      []byte   // handed to the client before anything is read
	frame    frame    // belongs to the reading goroutine
	ended    chan struct{}

	mu     sync.Mutex
	err    error
	bye    string
	alert  string
	no     string
	limit  time.Duration
	wanted time.Time // the client's own deadline
	bytes  int64     // since the last command began, literals included
	budget int64
	count  int // responses since then
}

// newGuard guards conn. raw is what carries it, conn itself if that is bare.
func newGuard(conn, raw net.Conn) *guard {
	return &guard{Conn: conn, raw: raw, limit: readLimit, budget: maxCommand, ended: make(chan struct{}, 1)}
}

// Read reads at most until the limit or the client's own deadline.
func (g *guard) Read(p []byte) (int, error) {
	if err := g.Err(); err != nil {
		return 0, err
	}
	n, err := g.read(p)
	seen, count := g.frame.tagged, g.frame.count
	if bad := g.frame.feed(p[:n]); bad != nil {
		return 0, g.fail(bad)
	}
	if err := g.account(n, g.frame.count-count); err != nil {
		return 0, err
	}
	if g.frame.tagged != seen {
		select {
		case g.ended <- struct{}{}:
		default:
		}
	}
	if err != nil {
		err = g.fail(plain(err))
	}
	return n, err
}

// plain says in words what the commonest errors mean.
func plain(err error) error {
	switch {
	case errors.Is(err, io.EOF):
		return errBye
	case errors.Is(err, io.ErrClosedPipe), errors.Is(err, syscall.EPIPE), errors.Is(err, syscall.ECONNRESET):
		return fmt.Errorf("%w: %w", errBye, err)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return fmt.Errorf("the server stopped answering: %w", err)
	}
	return err
}

func (g *guard) read(p []byte) (int, error) {
	if len(g.pre) > 0 {
		n := copy(p, g.pre)
		g.pre = g.pre[n:]
		return n, nil
	}
	g.mu.Lock()
	err := g.setDeadline()
	g.mu.Unlock()
	if err != nil {
		return 0, err
	}
	return g.Conn.Read(p)
}

// account counts what came and keeps what the server said on parting. After a
// BYE nothing more is read.
func (g *guard) account(n, responses int) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.bye, g.alert = g.frame.bye, g.frame.alert
	if g.frame.no != "" {
		g.no, g.frame.no = g.frame.no, ""
	}
	g.bytes += int64(n)
	g.count += responses
	if g.bytes > g.budget || g.count > maxResponses {
		return g.failLocked(fmt.Errorf("the server sent %d bytes in %d responses for one command", g.bytes, g.count))
	}
	if g.bye != "" && g.err == nil {
		g.err = errBye
	}
	return nil
}

var errBye = errors.New("the server closed the connection")

// Write writes within writeLimit.
func (g *guard) Write(p []byte) (int, error) {
	if err := g.Err(); err != nil {
		return 0, err
	}
	if err := g.Conn.SetWriteDeadline(time.Now().Add(writeLimit)); err != nil {
		return 0, g.fail(plain(err))
	}
	if string(p) == "=\r\n" { // the client's word for an empty SASL response, which is right in a command only
		_, err := g.Conn.Write(p[1:])
		return g.written(len(p), err)
	}
	return g.written(g.Conn.Write(p))
}

func (g *guard) written(n int, err error) (int, error) {
	if err != nil {
		err = g.fail(plain(err))
	}
	return n, err
}

// told adds to an error what the server had refused the last command with, which
// is lost where the client could not read it: Exchange's [Error="…"] is such.
func (g *guard) told(err error) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.no == "" || err == nil {
		return err
	}
	return fmt.Errorf("%w (the server had answered %q)", err, redact.Foreign(g.no, maxStatus))
}

// SetReadDeadline sets the client's own deadline, from the next Read on: the
// client calls it between reads, for every response. Zero means the guard's.
func (g *guard) SetReadDeadline(t time.Time) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.wanted = t
	return nil
}

// SetWriteDeadline does nothing: every Write has its own.
func (g *guard) SetWriteDeadline(time.Time) error { return nil }

// SetDeadline sets the client's own read deadline.
func (g *guard) SetDeadline(t time.Time) error { return g.SetReadDeadline(t) }

// setLimit says how long the server may be silent from now on.
func (g *guard) setLimit(d time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.limit = d
	g.setDeadline() // an error here is met again by the read
}

func (g *guard) setDeadline() error {
	t := time.Now().Add(g.limit)
	if !g.wanted.IsZero() && g.wanted.Before(t) {
		t = g.wanted
	}
	return g.Conn.SetReadDeadline(t)
}

// command begins the account of one command that may be answered with literals
// of this many bytes.
func (g *guard) command(literals int64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.no, g.bytes, g.count, g.budget = "", 0, 0, maxCommand+literals
}

// fail makes err the connection's last word, unless it has one, and closes it.
func (g *guard) fail(err error) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.failLocked(err)
}

func (g *guard) failLocked(err error) error {
	if g.err == nil {
		g.err = err
	}
	g.raw.Close()
	return g.err
}

// Err is why the connection ended, with the server's own words, or nil.
func (g *guard) Err() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.err == nil {
		return nil
	}
	switch {
	case g.bye != "":
		return fmt.Errorf("%w: %q", g.err, redact.Foreign(g.bye, maxStatus))
	case g.alert != "":
		return fmt.Errorf("%w (the server had said: %q)", g.err, redact.Foreign(g.alert, maxStatus))
	}
	return g.err
}

// Close closes the connection at once, without a farewell.
func (g *guard) Close() error {
	g.fail(net.ErrClosed)
	return nil
}
