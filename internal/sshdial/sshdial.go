// Package sshdial is the one way to an SSH server: connect, check the host key,
// log in, keep the connection honest, end it.
//
// It guarantees that a host key that is not the pinned one stops everything
// before a login begins; that one Dial submits one key or one secret at most
// once; that a refused login is remembered (Ledger) and not repeated, for the
// appliance bans addresses (facts/expressway-ssh.md); that every wait ends by
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
	"time"

	"golang.org/x/crypto/ssh"
)

// DefaultTimeout is Config.Timeout's zero value.
const DefaultTimeout = 15 * time.Second

// A Config says how to reach one host and who logs in.
type Config struct {
	Name    string // of the host, for messages and the ledger's file; empty: Address
	Address string // host:port
	User    string
	Auth    Auth

	// Exactly one of these two.
	HostKey    string // fingerprint "SHA256:…" of the host's key, of any type
	KnownHosts string // path of a known_hosts file

	Timeout   time.Duration // over connect, handshake and login together; zero: DefaultTimeout
	KeepAlive time.Duration // between two keepalives; 3 times as long without a byte, and the connection is lost; zero: 10 s

	Ledger   *Ledger // nil: nothing is remembered
	Override bool    // log in although an earlier refusal forbids it (`grab check HOST`)

	silence time.Duration // zero: 3 times KeepAlive
}

// Dial connects, checks the host key and logs in, with one method, once. The
// error is an *Error. ctx bounds the dialing alone, as with net.Dialer: ending
// it ends Dial at once, but not a Client that Dial has returned.
func Dial(ctx context.Context, c Config) (*Client, error) {
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
	limited, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	cl, err := dial(limited, c)
	if err == nil {
		return cl, nil
	}
	e := asError(err)
	e.Host, e.Address = c.Name, c.Address
	if ctx.Err() == context.Canceled && !e.Permanent() {
		e.Kind, e.Err = KindCanceled, context.Cause(ctx)
	}
	if e.Kind == KindTimeout && e.Stage == StageConnect {
		e.Refusal = c.Ledger.refusalAt(c.Address)
	}
	return nil, e
}

func dial(ctx context.Context, c Config) (*Client, error) {
	if err := c.check(); err != nil {
		return nil, &Error{Kind: KindLocal, Err: err}
	}
	trust, err := c.trust()
	if err != nil {
		return nil, &Error{Kind: KindLocal, Err: err}
	}
	cred, err := c.Auth.load(ctx)
	if err != nil {
		return nil, &Error{Kind: KindLocal, Err: err}
	}
	defer cred.close()
	l := &login{cred: cred, attempt: c.Ledger.attempt(c, cred)}
	if err := l.attempt.allowed(ctx, ""); err != nil {
		return nil, err // before a single packet
	}
	for {
		cl, err := handshake(ctx, c, trust, l)
		if err == nil {
			return cl, nil
		}
		if again := trust.next(err); !again {
			return nil, trust.conclude(ctx, c, err)
		}
	}
}

func (c Config) check() error {
	if host, port, err := net.SplitHostPort(c.Address); err != nil || host == "" || port == "" {
		return fmt.Errorf("address %q is not host:port", c.Address)
	}
	if c.User == "" {
		return errors.New("no user is named")
	}
	return nil
}

// connect opens the TCP connection; until release is called, the end of ctx
// closes it.
func connect(ctx context.Context, address string) (cn *conn, release func() bool, err error) {
	raw, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, nil, connectError(err)
	}
	cn = &conn{Conn: raw}
	return cn, context.AfterFunc(ctx, func() { cn.Close() }), nil
}

// handshake makes one connection and, if its host key is trusted, logs in.
func handshake(ctx context.Context, c Config, t *trust, l *login) (*Client, error) {
	cn, release, err := connect(ctx, c.Address)
	if err != nil {
		return nil, err
	}
	var key ssh.PublicKey
	conf := clientConfig(t.algorithms)
	conf.User = c.User
	conf.HostKeyCallback = func(host string, remote net.Addr, k ssh.PublicKey) error {
		key = k
		return t.verify(host, remote, k)
	}
	conf.AuthCallback = func(ac *ssh.ClientAuthContext) (ssh.AuthMethod, error) {
		return l.next(ctx, ac, cn.RemoteAddr().String())
	}
	sc, chans, reqs, err := ssh.NewClientConn(cn, c.Address, conf)
	l.conclude(err)
	if err == nil && !release() {
		sc.Close()
		err = context.Cause(ctx)
	}
	if err != nil {
		release()
		cn.Close()
		return nil, handshakeError(ctx, err, cn, l)
	}
	return newClient(c, cn, sc, chans, reqs, key), nil
}

// clientConfig has the algorithms that are safe, fastest cipher first: all that
// x/crypto has but those with SHA-1. Every Expressway since X8 knows some.
func clientConfig(hostKeys []string) *ssh.ClientConfig {
	a := ssh.SupportedAlgorithms()
	var conf ssh.ClientConfig
	conf.KeyExchanges = a.KeyExchanges
	conf.Ciphers = a.Ciphers // aes128-gcm is the first
	conf.MACs = without(a.MACs, ssh.HMACSHA1)
	conf.HostKeyAlgorithms = hostKeys
	conf.ClientVersion = "SSH-2.0-grab"
	return &conf
}
