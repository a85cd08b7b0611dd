package sshdial

import (
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/ssh"
)

// A Client is a connection that is logged in. It keeps itself alive: after three
// keepalive intervals without a byte from the server it is lost, and whatever
// waits on it returns. It is safe for concurrent use.
type Client struct {
	*ssh.Client
	HostKey     string // fingerprint "SHA256:…" of the host's key
	HostKeyType string // "ssh-rsa", "ecdsa-sha2-nistp256", …
	Server      string // its version line, "SSH-2.0-OpenSSH_9.2", as it said it, at most 255 bytes

	config Config
	conn   *conn
	ours   atomic.Bool   // we have ended it
	done   chan struct{} // closed when it has ended
	lost   error         // why; set before done is closed
	wg     sync.WaitGroup
}

func newClient(c Config, cn *conn, sc ssh.Conn, chans <-chan ssh.NewChannel, reqs <-chan *ssh.Request, key ssh.PublicKey) *Client {
	cl := &Client{
		Client:      ssh.NewClient(sc, chans, reqs),
		HostKey:     ssh.FingerprintSHA256(key),
		HostKeyType: key.Type(),
		Server:      string(sc.ServerVersion()),
		config:      c,
		conn:        cn,
		done:        make(chan struct{}),
	}
	cn.guard(c.silence)
	cl.wg.Go(cl.watch)
	cl.wg.Go(cl.keepAlive)
	return cl
}

// watch waits for the end and writes down why.
func (c *Client) watch() {
	err := c.Client.Wait()
	if !c.ours.Load() {
		switch {
		case errors.Is(err, io.EOF):
			err = errors.New("the server has hung up")
		case isTimeout(err):
			err = fmt.Errorf("not a byte for %v: %w", c.config.silence, err)
		}
		c.lost = &Error{Kind: KindLost, Stage: StageSession, Host: c.config.Name, Address: c.config.Address, Err: err}
	}
	close(c.done)
	c.conn.Close()
}

// keepAlive gives the server something to answer, as OpenSSH's client does; the
// limit on silence is the connection's own.
func (c *Client) keepAlive() {
	tick := time.NewTicker(c.config.KeepAlive)
	defer tick.Stop()
	for {
		select {
		case <-c.done:
			return
		case <-tick.C:
		}
		if _, _, err := c.SendRequest("keepalive@openssh.com", true, nil); err != nil {
			return
		}
	}
}

// Done is closed when the connection has ended, by whomever.
func (c *Client) Done() <-chan struct{} { return c.done }

// Lost is nil while the connection stands or if it was ended by Abort or Close;
// else it is an *Error of KindLost that says how it broke.
func (c *Client) Lost() error {
	select {
	case <-c.done:
		return c.lost
	default:
		return nil
	}
}

// Abort drops the connection without waiting, so that every call on the Client
// returns; Close is still due.
func (c *Client) Abort() {
	c.ours.Store(true)
	c.conn.Close()
}

// Close ends the connection. It closes the socket first, so it never waits for
// the peer, and returns when the Client's goroutines have ended. What uses the
// Client (an SFTP client, sessions) is closed afterwards. Closing twice is
// harmless.
func (c *Client) Close() error {
	c.Abort()
	c.Client.Close() // waits for x/crypto's own loops
	c.wg.Wait()
	return nil
}

// Remote is the address that was reached, in numbers.
func (c *Client) Remote() net.Addr { return c.conn.RemoteAddr() }
