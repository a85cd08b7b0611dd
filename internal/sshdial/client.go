package sshdial

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/ssh"

	"rtmtgrab/internal/beat"
	"rtmtgrab/internal/human"
)

// A Client is a connection that is logged in. It keeps itself alive: after three times
// Config.KeepAlive without a byte from the server it is lost, and whatever
// waits on it returns. It is safe for concurrent use.
type Client struct {
	*ssh.Client
	HostKey     string // fingerprint "SHA256:…" of the host's key
	HostKeyType string // "ssh-rsa", "ecdsa-sha2-nistp256", …
	Server      string // its version line, "SSH-2.0-OpenSSH_9.2", as it said it, at most 255 bytes

	Via    []string // addresses of the hops, the first one first; nil: none
	Legacy []string // what is in use that Config.Legacy allows, of hops too: "ssh-rsa (host key)"

	config stop
	conn   *conn
	hop    *Client       // carries the connection, and ends with it; nil: none
	ours   atomic.Bool   // we have ended it
	turn   chan struct{} // who asks has put a value in
	done   chan struct{} // closed when it has ended
	lost   error         // why; set before done is closed
	wg     sync.WaitGroup
}

func newClient(c stop, cn *conn, sc ssh.Conn, chans <-chan ssh.NewChannel, reqs <-chan *ssh.Request, key ssh.PublicKey) *Client {
	done := make(chan struct{})
	cl := &Client{
		Client:      ssh.NewClient(&opener{sc, done}, chans, reqs),
		HostKey:     ssh.FingerprintSHA256(key),
		HostKeyType: key.Type(),
		Server:      string(sc.ServerVersion()),
		Via:         c.via,
		config:      c,
		conn:        cn,
		hop:         cn.below,
		turn:        make(chan struct{}, 1),
		done:        done,
	}
	if cl.hop != nil {
		cl.Legacy = slices.Clone(cl.hop.Legacy)
	}
	cl.SetBandwidth(0)
	cn.guard(c.silence)
	cl.wg.Go(cl.watch)
	cl.wg.Go(cl.keepAlive)
	return cl
}

// watch waits for the end and writes down why.
func (c *Client) watch() {
	err := c.Client.Wait()
	if !c.ours.Load() {
		c.lost = c.broke(err)
	}
	close(c.done)
	c.conn.abort()
}

// broke explains the end of a connection that we have not ended, by err. If it
// ended because a hop did, the hop is what is said.
func (c *Client) broke(err error) *Error {
	if c.hop != nil {
		if cause := c.hop.failed(isTimeout(err)); cause != nil {
			return c.hop.broke(cause)
		}
	}
	switch {
	case errors.Is(err, io.EOF):
		err = errors.New("the server closed the connection")
	case isTimeout(err):
		err = fmt.Errorf("no data for %s: %w", human.Span(c.config.silence), err)
	}
	return &Error{Kind: KindLost, Stage: StageSession, Host: c.config.target, Address: c.config.Address, Hop: c.config.hop, Err: err}
}

// failed is why a hop has ended, or nil. silent says that what it carries was
// silent: so was the hop itself if it has not even answered keepalives.
func (c *Client) failed(silent bool) error {
	if err := c.conn.failure(); err != nil {
		return err
	}
	if quiet := time.Since(time.Unix(0, c.conn.heard.Load())); silent && quiet > c.config.KeepAlive*2 {
		return os.ErrDeadlineExceeded
	}
	return nil
}

// keepAlive gives the server something to answer when it has said nothing for one and a half
// times KeepAlive: the limit on silence, which is the connection's own, lasts twice as long. The
// first comes early: those of many connections that were made together do not stay together.
func (c *Client) keepAlive() {
	period := c.config.KeepAlive * 3 / 2
	t := time.NewTimer(beat.On(rand.N(period) + 1))
	defer t.Stop()
	for first := true; ; first = false {
		select {
		case <-c.done:
			return
		case <-t.C:
		}
		if quiet := time.Since(time.Unix(0, c.conn.heard.Load())); !first && quiet >= 0 && quiet < period/2 {
			t.Reset(beat.On(period - quiet)) // it is alive without being asked
			continue
		}
		if _, _, err := c.SendRequest("keepalive@openssh.com", true, nil); err != nil {
			return
		}
		t.Reset(beat.On(period))
	}
}

// SendRequest asks the server for something that concerns no channel. One asks after the
// other, as the library has it, but who waits for a turn does not outwait the connection.
func (c *Client) SendRequest(name string, wantReply bool, payload []byte) (ok bool, reply []byte, err error) {
	select {
	case c.turn <- struct{}{}:
		defer func() { <-c.turn }()
		return c.Client.SendRequest(name, wantReply, payload)
	case <-c.done:
		return false, nil, io.EOF
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

// Heard is when the last byte came from the server.
func (c *Client) Heard() time.Time { return time.Unix(0, c.conn.heard.Load()) }

// SetBandwidth limits what is read over the connection, by all of its channels
// together, to bytes per second. Zero, and more than Config.Bandwidth, is
// Config.Bandwidth. It may be called at any time and holds from the next read on.
func (c *Client) SetBandwidth(bytesPerSecond int64) {
	if most := c.config.Bandwidth; bytesPerSecond <= 0 || most > 0 && bytesPerSecond > most {
		bytesPerSecond = most
	}
	c.conn.setLimit(bytesPerSecond)
}

// Bandwidth is Config.Bandwidth.
func (c *Client) Bandwidth() int64 { return c.config.Bandwidth }

// Abort drops the connection, and those of its hops, without waiting, so that
// every call on the Client returns; Close is still due.
func (c *Client) Abort() {
	c.ours.Store(true)
	c.conn.abort()
}

// Close ends the connection, then those of its hops, the last one first. It
// closes the socket before all that, so it never waits for a peer, and returns
// when the goroutines of all have ended. What uses the
// Client (an SFTP client, sessions) is closed afterwards. Closing twice is
// harmless.
func (c *Client) Close() error {
	c.Abort()
	c.Client.Close() // waits for x/crypto's own loops
	c.wg.Wait()
	if c.hop != nil {
		return c.hop.Close()
	}
	return nil
}

// Remote is the address that was reached, in numbers; through a hop, as configured.
func (c *Client) Remote() net.Addr { return c.conn.RemoteAddr() }
