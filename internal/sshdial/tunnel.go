package sshdial

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"
)

// A tunnel is a connection through a hop. x/crypto's own has no deadlines, and
// its Close waits for the hop's answer; here a deadline that passes while Read
// waits ends the connections of all hops, for nothing else ends a Read when a
// hop is frozen.
type tunnel struct {
	ssh.Channel
	hop     *Client
	address tunnelAddr

	mu       sync.Mutex
	timer    *time.Timer // of the deadline, while a Read waits
	deadline time.Time   // zero: none
	reading  bool
	expired  bool
}

// tunnelAddr is host:port as the hop was asked for it.
type tunnelAddr string

func (tunnelAddr) Network() string  { return "tcp" }
func (a tunnelAddr) String() string { return string(a) }

// tunnel opens a connection to host:port as seen from the hop. The end of ctx
// ends the hop's connection too.
func (c *Client) tunnel(ctx context.Context, address string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, &Error{Kind: KindLocal, Err: err}
	}
	number, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return nil, &Error{Kind: KindLocal, Err: fmt.Errorf("the port of %s is not a number", address)}
	}
	defer context.AfterFunc(ctx, c.Abort)()
	ch, requests, err := c.OpenChannel("direct-tcpip", ssh.Marshal(struct { // RFC 4254, 7.2
		Host   string
		Port   uint32
		Origin string
		From   uint32
	}{host, uint32(number), "127.0.0.1", 0}))
	if err != nil {
		return nil, forwardError(ctx, c.config.Address, err)
	}
	c.wg.Go(func() { ssh.DiscardRequests(requests) })
	return &tunnel{Channel: ch, hop: c, address: tunnelAddr(address)}, nil
}

// forwardError finds the kind of an error of a hop that does not connect us. What
// the hop says has no set words; OpenSSH's and Go's are known.
func forwardError(ctx context.Context, hop string, err error) *Error {
	e := &Error{Kind: KindUnreachable, Stage: StageConnect, Err: fmt.Errorf("%s says: %w", hop, err)}
	refusal, ok := errors.AsType[*ssh.OpenChannelError](err)
	switch {
	case !ok && ctx.Err() != nil:
		e.Kind, e.Err = KindTimeout, context.Cause(ctx)
	case !ok:
		e.Kind = KindLost
	case refusal.Reason == ssh.Prohibited, refusal.Reason == ssh.UnknownChannelType:
		e.Kind = KindNotForwarded
	case strings.Contains(strings.ToLower(refusal.Message), "refused"):
		e.Kind = KindRefused
	case strings.Contains(strings.ToLower(refusal.Message), "timed out"):
		e.Kind = KindTimeout
	}
	return e
}

func (t *tunnel) Read(b []byte) (int, error) {
	t.waiting(true)
	n, err := t.Channel.Read(b)
	if expired := t.waiting(false); expired && err != nil {
		err = os.ErrDeadlineExceeded
	}
	return n, err
}

// waiting says that a Read begins or ends, and reports whether a deadline has passed.
func (t *tunnel) waiting(reading bool) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.reading = reading
	t.arm()
	return t.expired
}

// SetReadDeadline is net.Conn's, but a deadline that has passed is for good.
func (t *tunnel) SetReadDeadline(at time.Time) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.deadline = at
	t.arm()
	return nil
}

func (t *tunnel) arm() {
	switch {
	case !t.reading || t.deadline.IsZero():
		if t.timer != nil {
			t.timer.Stop()
		}
	case t.timer == nil:
		t.timer = time.AfterFunc(time.Until(t.deadline), t.expire)
	default:
		t.timer.Reset(time.Until(t.deadline))
	}
}

// expire is called by the timer, perhaps by one that was stopped too late.
func (t *tunnel) expire() {
	t.mu.Lock()
	due := t.reading && !t.deadline.IsZero() && !time.Now().Before(t.deadline)
	t.expired = t.expired || due
	t.mu.Unlock()
	if due {
		t.hop.Abort()
	}
}

func (t *tunnel) LocalAddr() net.Addr            { return tunnelAddr("") }
func (t *tunnel) RemoteAddr() net.Addr           { return t.address }
func (t *tunnel) SetDeadline(at time.Time) error { return t.SetReadDeadline(at) }

// SetWriteDeadline does nothing: a write ends when the connection does.
func (t *tunnel) SetWriteDeadline(time.Time) error { return errors.ErrUnsupported }
