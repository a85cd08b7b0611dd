package lab

import (
	"bytes"
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"
)

// The appliance's own lists (docs/expressway-ssh.md, X15.5), in its order. The
// library knows all of them; nothing else is offered.
var (
	ciphers      = []string{ssh.CipherAES256GCM, ssh.CipherAES128GCM, ssh.CipherAES256CTR, ssh.CipherAES192CTR, ssh.CipherAES128CTR}
	keyExchanges = []string{ssh.KeyExchangeECDHP521, ssh.KeyExchangeECDHP384, ssh.KeyExchangeECDHP256,
		ssh.KeyExchangeDHGEXSHA256, ssh.InsecureKeyExchangeDH14SHA1, ssh.InsecureKeyExchangeDH1SHA1}
	macs = []string{ssh.HMACSHA512, ssh.HMACSHA256, ssh.HMACSHA1}
)

// A server is an Expressway's SSH server. It is safe for concurrent use.
type server struct {
	ctx   context.Context
	cfg   ExpresswayConfig
	shell *shell
	wg    sync.WaitGroup // the listener, connections and channels

	mu      sync.Mutex
	addr    string
	ln      net.Listener // nil while down
	hostKey ssh.Signer
	faults  faults
	conns   map[*conn]struct{}
	stats   Stats
}

// start serves until hangUp, or until ctx is done.
func (s *server) start(ctx context.Context, cfg ExpresswayConfig, key ssh.Signer, sh *shell) error {
	s.ctx, s.cfg, s.shell = ctx, cfg, sh
	s.mu.Lock()
	defer s.mu.Unlock()
	s.addr, s.hostKey, s.conns = cfg.Addr, key, map[*conn]struct{}{}
	s.faults.changed = make(chan struct{})
	return s.listen()
}

// Stats counts what an Expressway has seen since it was made.
type Stats struct {
	Connections int      // accepted by the listener, in any mode
	Accepted    int      // logins let in
	Refused     int      // login attempts refused: one per key, password or prompt that was wrong
	Banned      bool     // BanAfter was reached; SetMode(Normal) lifts the ban for good
	SFTP        int      // SFTP servers started
	Commands    []string // commands asked for, answered or not, at most the last 1000
}

// Addr is where SSH listens, host:port; it stays the same while it is down.
func (s *server) Addr() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.addr
}

// HostKey is the host's present public key.
func (s *server) HostKey() ssh.PublicKey {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.hostKey.PublicKey()
}

// SetHostKey changes the key for the connections to come.
func (s *server) SetHostKey(key ssh.Signer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hostKey = key
}

// Stats is what was counted so far.
func (s *server) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	stats := s.stats
	stats.Commands = slices.Clone(stats.Commands)
	return stats
}

// hangUp closes the listener and every connection.
func (s *server) hangUp() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ln != nil {
		s.ln.Close()
		s.ln = nil
	}
	for c := range s.conns {
		c.hangUp()
	}
}

var errRefused = errors.New("login refused")

func (s *server) accept(ln net.Listener) {
	for {
		nc, err := ln.Accept()
		if err != nil {
			if errors.Is(err, net.ErrClosed) || s.ctx.Err() != nil {
				return
			}
			select {
			case <-s.ctx.Done():
				return
			case <-time.After(10 * time.Millisecond): // out of files, or a connection reset before it was accepted
			}
			continue
		}
		c := &conn{Conn: nc, s: s, done: make(chan struct{})}
		s.mu.Lock()
		if s.ln != ln {
			s.mu.Unlock()
			nc.Close()
			continue
		}
		s.conns[c] = struct{}{}
		s.stats.Connections++
		mode := s.faults.mode
		s.wg.Go(func() { s.serve(c, mode) })
		s.mu.Unlock()
	}
}

func (s *server) serve(c *conn, mode Mode) {
	defer func() {
		c.hangUp()
		s.mu.Lock()
		delete(s.conns, c)
		s.mu.Unlock()
	}()
	switch mode {
	case Ban:
		io.Copy(io.Discard, c.Conn)
	case Tarpit:
		tarpit(c)
	case NotSSH:
		io.WriteString(c, "HTTP/1.1 400 Bad Request\r\nServer: nginx\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
	default:
		s.serveSSH(c)
	}
}

func tarpit(c *conn) {
	t := time.NewTicker(100 * time.Millisecond)
	defer t.Stop()
	for i := uint64(1); ; i++ {
		if _, err := fmt.Fprintf(c, "%x\r\n", Mix(i)); err != nil {
			return
		}
		select {
		case <-t.C:
		case <-c.done:
			return
		}
	}
}

func (s *server) serverConfig() *ssh.ServerConfig {
	cfg := &ssh.ServerConfig{
		ServerVersion: "SSH-2.0-OpenSSH_8.8",
		MaxAuthTries:  6,
		AuthLogCallback: func(_ ssh.ConnMetadata, method string, err error) {
			s.countLogin(method, err)
		},
	}
	cfg.Ciphers, cfg.KeyExchanges, cfg.MACs = ciphers, keyExchanges, macs
	if s.cfg.AuthorizedKey != nil {
		cfg.PublicKeyCallback = func(m ssh.ConnMetadata, k ssh.PublicKey) (*ssh.Permissions, error) {
			return nil, refuse(m.User() == s.cfg.User && bytes.Equal(k.Marshal(), s.cfg.AuthorizedKey.Marshal()))
		}
	}
	right := func(m ssh.ConnMetadata, pw []byte) error {
		return refuse(m.User() == s.cfg.User && s.cfg.Password != "" && subtle.ConstantTimeCompare(pw, []byte(s.cfg.Password)) == 1)
	}
	// Without any method the library would not even shake hands; this one refuses all.
	if !s.cfg.KeyboardInteractive && (s.cfg.Password != "" || s.cfg.AuthorizedKey == nil) {
		cfg.PasswordCallback = func(m ssh.ConnMetadata, pw []byte) (*ssh.Permissions, error) { return nil, right(m, pw) }
	}
	if s.cfg.KeyboardInteractive {
		cfg.KeyboardInteractiveCallback = func(m ssh.ConnMetadata, ask ssh.KeyboardInteractiveChallenge) (*ssh.Permissions, error) {
			answers, err := ask("", "", []string{"Password: "}, []bool{false})
			if err != nil {
				return nil, err
			}
			if len(answers) != 1 {
				return nil, errRefused
			}
			return nil, right(m, []byte(answers[0]))
		}
	}
	s.mu.Lock()
	cfg.AddHostKey(s.hostKey)
	s.mu.Unlock()
	return cfg
}

func refuse(ok bool) error {
	if ok {
		return nil
	}
	return errRefused
}

func (s *server) countLogin(method string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case err == nil:
		s.stats.Accepted++
	case method != "none":
		s.stats.Refused++
	}
}

func (s *server) banIfDue() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := s.cfg.BanAfter; n > 0 && s.stats.Refused >= n && !s.stats.Banned {
		s.stats.Banned = true
		s.setMode(Ban)
	}
}

func (s *server) serveSSH(c *conn) {
	c.SetDeadline(time.Now().Add(2 * time.Minute)) // LoginGraceTime
	sc, channels, requests, err := ssh.NewServerConn(c, s.serverConfig())
	s.banIfDue() // after the refusal was answered, as on the appliance
	if err != nil {
		return
	}
	c.SetDeadline(time.Time{})
	defer sc.Wait()
	defer c.hangUp()
	s.wg.Go(func() { ssh.DiscardRequests(requests) })
	for ch := range channels {
		if ch.ChannelType() != "session" {
			ch.Reject(ssh.Prohibited, "only sessions")
			continue
		}
		session, reqs, err := ch.Accept()
		if err != nil {
			return
		}
		s.wg.Go(func() { s.session(session, reqs) })
	}
}
