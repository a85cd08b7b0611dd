// Package sshdial is the one way to an SSH server: connect, check the host key,
// log in, keep the connection honest, end it.
//
// It guarantees that a host key that is not the pinned one stops everything
// before a login begins; that one Dial submits one key or one secret at most
// once; that a refused login is remembered (Ledger) and not repeated, for the
// appliance bans addresses (docs/expressway-ssh.md); that every wait ends by
// the context or the time limit; and that Close leaves no goroutine behind. It
// tells errors apart by Kind, so that others can say what to do.
//
// It does not know SFTP, commands, logs or configuration files.
package sshdial

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"time"

	"golang.org/x/crypto/ssh"
)

// DefaultTimeout is Config.Timeout's zero value.
const DefaultTimeout = 15 * time.Second

// A Config says how to reach one host and who logs in.
type Config struct {
	Name    string // of the host, for messages and the ledger's file; empty: Address
	Address string // host:port; IPv6 in brackets, with its zone if it needs one
	User    string
	Auth    Auth

	// Exactly one of these two.
	HostKey    string // fingerprint "SHA256:…" of the host's key, of any type
	KnownHosts string // path of a known_hosts file

	Legacy bool // accept SHA-1 too, after all else, for releases that know nothing better; Client.Legacy says what came of it

	// Jump is the hosts on the way, in the order in which they are dialed: each
	// through the one before it, with its own login and host key. The fields of a
	// hop above this one count; of those below the host's hold for all, and Name is
	// made of User and Address.
	Jump []Config

	Timeout   time.Duration // over connect, handshake and login together, hops and all; zero: DefaultTimeout
	KeepAlive time.Duration // 3 times as long without a byte, and the connection is lost; half of that, and there is a keepalive; zero: 10 s
	Bandwidth int64         // bytes per second that are read at most; zero: no limit. See Client.SetBandwidth

	Ledger *Ledger // nil: nothing is remembered
	Overriding

	Conn func(ctx context.Context, address string) (net.Conn, error) // reaches the first stop; nil: TCP

	silence time.Duration // zero: 3 times KeepAlive
}

// Overriding says whether a login may be made that an earlier refusal forbids.
type Overriding struct {
	Override bool // log in all the same (`grab check HOST`)

	// OverrideBefore is until when a refusal counts as earlier; zero: until the
	// Dial. Hosts that are dialed together and share a hop need one for all, that
	// the hop is tried once.
	OverrideBefore time.Time
}

// A stop is a hop on the way, or the host at its end.
type stop struct {
	Config
	target string   // Name of the host at the end of the way
	hop    int      // from 1; zero: the host itself
	via    []string // addresses of the hops before it
}

// Dial connects, checks the host key and logs in, with one method, once; so it
// does on every hop before. The error is an *Error. ctx bounds the dialing alone,
// as with net.Dialer: ending it ends Dial at once, but not a Client that Dial has
// returned.
func Dial(ctx context.Context, c Config) (*Client, error) {
	c.fill()
	limited, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	cl, at, err := dialAll(limited, c.path())
	if err != nil {
		return nil, at.final(ctx, err)
	}
	return cl, nil
}

// fill puts in what zero values stand for.
func (c *Config) fill() {
	if c.Timeout <= 0 {
		c.Timeout = DefaultTimeout
	}
	if c.KeepAlive <= 0 {
		c.KeepAlive = 10 * time.Second
	}
	if c.silence <= 0 {
		c.silence = 3 * c.KeepAlive
	}
	if c.Name == "" {
		c.Name = c.Address
	}
	if c.OverrideBefore.IsZero() && c.Ledger != nil {
		c.OverrideBefore = c.Ledger.time()
	}
}

// path is the stops in the order in which they are dialed, the host last.
func (c Config) path() []stop {
	var path []stop
	var via []string
	for i, h := range c.Jump {
		hop := c
		hop.Name, hop.Address, hop.User, hop.Auth = h.User+"@"+h.Address, h.Address, h.User, h.Auth
		hop.HostKey, hop.KnownHosts, hop.Legacy, hop.Jump = h.HostKey, h.KnownHosts, h.Legacy, h.Jump
		hop.Bandwidth = 0
		path = append(path, stop{Config: hop, target: c.Name, hop: i + 1, via: slices.Clone(via)})
		via = append(via, h.Address)
	}
	c.Jump = nil
	return append(path, stop{Config: c, target: c.Name, via: via})
}

// final is what Dial returns for an error at this stop. ctx is the caller's.
func (c stop) final(ctx context.Context, err error) *Error {
	e := asError(err)
	if e.Host == "" {
		e.Host, e.Address, e.Hop = c.target, c.Address, c.hop
	}
	if ctx.Err() == context.Canceled && !e.Permanent() {
		e.Kind, e.Err = KindCanceled, context.Cause(ctx)
	}
	if e.Kind == KindTimeout && e.Stage == StageConnect {
		e.Refusal = c.Ledger.refusalAt(c)
	}
	return e
}

// A leg is a stop with all that this side must have to dial it.
type leg struct {
	stop
	trust *trust
	login *login
}

// dialAll dials the stops, each through the one before it. The error is of the
// stop that comes with it. Without stops it returns a nil Client.
func dialAll(ctx context.Context, path []stop) (*Client, stop, error) {
	var legs []*leg
	defer func() {
		for _, l := range legs {
			l.login.cred.close()
		}
	}()
	for _, c := range path { // what forbids any of it does so before a single packet
		l, err := c.prepare(ctx)
		if err != nil {
			return nil, c, err
		}
		legs = append(legs, l)
	}
	var last *Client
	for _, l := range legs {
		next, err := l.dial(ctx, last)
		if err == nil {
			last = next
			continue
		}
		if last != nil {
			if cause := last.failed(false); cause != nil {
				err = last.broke(cause)
			}
			last.Close()
		}
		return nil, l.stop, err
	}
	return last, stop{}, nil
}

func (c stop) prepare(ctx context.Context) (*leg, error) {
	if err := c.check(); err != nil {
		return nil, &Error{Kind: KindLocal, Err: err}
	}
	trust, err := c.trust()
	if err != nil {
		return nil, &Error{Kind: KindLocal, Err: err}
	}
	cred, err := c.Auth.load(ctx, c.Legacy)
	if err != nil {
		return nil, &Error{Kind: KindLocal, Err: err}
	}
	l := &login{cred: cred, attempt: c.Ledger.attempt(c, cred)}
	if err := l.attempt.allowed(ctx, ""); err != nil {
		cred.close()
		return nil, err
	}
	return &leg{c, trust, l}, nil
}

// dial makes the connection of one leg; hop is the Client of the one before, nil
// for the first, and belongs to the new Client from then on.
func (l *leg) dial(ctx context.Context, hop *Client) (*Client, error) {
	for {
		cl, err := l.handshake(ctx, hop)
		if err == nil {
			return cl, nil
		}
		if again := l.trust.next(err); !again {
			return nil, l.trust.conclude(ctx, l.Config, hop, err)
		}
	}
}

func (c Config) check() error {
	if host, port, err := net.SplitHostPort(c.Address); err != nil || host == "" || port == "" {
		return fmt.Errorf("address %q is not host:port", c.Address)
	}
	if c.User == "" {
		return errors.New("no user")
	}
	if len(c.Jump) > 0 {
		return errors.New("a jump host cannot have jump hosts")
	}
	return nil
}

// connect opens the TCP connection, or one through a hop; until release is
// called, the end of ctx closes it.
func (c Config) connect(ctx context.Context, hop *Client) (cn *conn, release func() bool, err error) {
	var raw net.Conn
	if hop != nil {
		raw, err = hop.tunnel(ctx, c.Address)
	} else if c.Conn != nil {
		raw, err = c.Conn(ctx, c.Address)
	} else if raw, err = new(net.Dialer).DialContext(ctx, "tcp", c.Address); err != nil {
		err = connectError(err)
	}
	if err != nil {
		return nil, nil, err
	}
	cn = &conn{Conn: raw, below: hop, closed: make(chan struct{})}
	return cn, context.AfterFunc(ctx, cn.abort), nil
}

// handshake makes one connection and, if its host key is trusted, logs in.
func (l *leg) handshake(ctx context.Context, hop *Client) (*Client, error) {
	cn, release, err := l.connect(ctx, hop)
	if err != nil {
		return nil, err
	}
	var key ssh.PublicKey
	conf := clientConfig(l.trust.algorithms, l.Legacy)
	conf.User = l.User
	conf.HostKeyCallback = func(host string, remote net.Addr, k ssh.PublicKey) error {
		key = k
		return l.trust.verify(host, remote, k)
	}
	conf.BannerCallback = l.login.hear
	conf.AuthCallback = func(ac *ssh.ClientAuthContext) (ssh.AuthMethod, error) {
		return l.login.next(ctx, ac, cn.RemoteAddr().String())
	}
	sc, chans, reqs, err := ssh.NewClientConn(newAhead(cn), l.Address, conf)
	l.login.conclude(err)
	if err == nil && !release() {
		sc.Close()
		err = context.Cause(ctx)
	}
	if err != nil {
		release()
		cn.Close()
		return nil, handshakeError(ctx, err, cn, l.login)
	}
	cl := newClient(l.stop, cn, sc, chans, reqs, key)
	l.login.attempt.note(cl.HostKey)
	cl.Legacy = append(cl.Legacy, l.legacy(sc, l.login.signed)...)
	return cl, nil
}
