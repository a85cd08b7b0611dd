package lab

import (
	"bytes"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/pkg/sftp"
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

var errRefused = errors.New("login refused")

func (e *Expressway) accept(ln net.Listener) {
	for {
		nc, err := ln.Accept()
		if err != nil {
			if errors.Is(err, net.ErrClosed) || e.ctx.Err() != nil {
				return
			}
			select {
			case <-e.ctx.Done():
				return
			case <-time.After(10 * time.Millisecond): // out of files, or a connection reset before it was accepted
			}
			continue
		}
		c := &conn{Conn: nc, e: e, done: make(chan struct{})}
		e.mu.Lock()
		if e.ln != ln {
			e.mu.Unlock()
			nc.Close()
			continue
		}
		e.conns[c] = struct{}{}
		e.stats.Connections++
		mode := e.faults.mode
		e.wg.Go(func() { e.serve(c, mode) })
		e.mu.Unlock()
	}
}

func (e *Expressway) serve(c *conn, mode Mode) {
	defer func() {
		c.hangUp()
		e.mu.Lock()
		delete(e.conns, c)
		e.mu.Unlock()
	}()
	switch mode {
	case Ban:
		io.Copy(io.Discard, c.Conn)
	case Tarpit:
		tarpit(c)
	case NotSSH:
		io.WriteString(c, "HTTP/1.1 400 Bad Request\r\nServer: nginx\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
	default:
		e.serveSSH(c)
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

func (e *Expressway) serverConfig() *ssh.ServerConfig {
	cfg := &ssh.ServerConfig{
		ServerVersion: "SSH-2.0-OpenSSH_8.8",
		MaxAuthTries:  6,
		AuthLogCallback: func(_ ssh.ConnMetadata, method string, err error) {
			e.countLogin(method, err)
		},
	}
	cfg.Ciphers, cfg.KeyExchanges, cfg.MACs = ciphers, keyExchanges, macs
	if e.cfg.AuthorizedKey != nil {
		cfg.PublicKeyCallback = func(m ssh.ConnMetadata, k ssh.PublicKey) (*ssh.Permissions, error) {
			return nil, refuse(m.User() == e.cfg.User && bytes.Equal(k.Marshal(), e.cfg.AuthorizedKey.Marshal()))
		}
	}
	right := func(m ssh.ConnMetadata, pw []byte) error {
		return refuse(m.User() == e.cfg.User && e.cfg.Password != "" && subtle.ConstantTimeCompare(pw, []byte(e.cfg.Password)) == 1)
	}
	// Without any method the library would not even shake hands; this one refuses all.
	if !e.cfg.KeyboardInteractive && (e.cfg.Password != "" || e.cfg.AuthorizedKey == nil) {
		cfg.PasswordCallback = func(m ssh.ConnMetadata, pw []byte) (*ssh.Permissions, error) { return nil, right(m, pw) }
	}
	if e.cfg.KeyboardInteractive {
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
	e.mu.Lock()
	cfg.AddHostKey(e.hostKey)
	e.mu.Unlock()
	return cfg
}

func refuse(ok bool) error {
	if ok {
		return nil
	}
	return errRefused
}

func (e *Expressway) countLogin(method string, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	switch {
	case err == nil:
		e.stats.Accepted++
	case method != "none":
		e.stats.Refused++
	}
}

func (e *Expressway) banIfDue() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if n := e.cfg.BanAfter; n > 0 && e.stats.Refused >= n && !e.stats.Banned {
		e.stats.Banned = true
		e.setMode(Ban)
	}
}

func (e *Expressway) serveSSH(c *conn) {
	c.SetDeadline(time.Now().Add(2 * time.Minute)) // LoginGraceTime
	sc, channels, requests, err := ssh.NewServerConn(c, e.serverConfig())
	e.banIfDue() // after the refusal was answered, as on the appliance
	if err != nil {
		return
	}
	c.SetDeadline(time.Time{})
	defer sc.Wait()
	defer c.hangUp()
	e.wg.Go(func() { ssh.DiscardRequests(requests) })
	for ch := range channels {
		if ch.ChannelType() != "session" {
			ch.Reject(ssh.Prohibited, "only sessions")
			continue
		}
		session, reqs, err := ch.Accept()
		if err != nil {
			return
		}
		e.wg.Go(func() { e.session(session, reqs) })
	}
}

// session answers the one request of a channel that starts something.
func (e *Expressway) session(ch ssh.Channel, reqs <-chan *ssh.Request) {
	defer ch.Close()
	for req := range reqs {
		var run func() uint32 // returns the exit status
		switch req.Type {
		case "subsystem":
			if payload(req) == "sftp" && !e.cfg.NoSFTP {
				run = func() uint32 { return e.serveSFTP(ch) }
			}
		case "exec":
			cmd := payload(req)
			e.countCommand(cmd)
			run = func() uint32 { return e.exec(ch, cmd) }
			if e.cfg.NoCommands {
				run = func() uint32 { return e.serveSFTP(ch) }
			}
		case "shell":
			if e.cfg.NoCommands {
				run = func() uint32 { return e.serveSFTP(ch) }
			}
		}
		if req.WantReply {
			req.Reply(run != nil, nil)
		}
		if run != nil {
			e.wg.Go(func() { ssh.DiscardRequests(reqs) })
			status := run()
			ch.SendRequest("exit-status", false, ssh.Marshal(struct{ Status uint32 }{status}))
			return
		}
	}
}

func payload(req *ssh.Request) string {
	var p struct{ Value string }
	if err := ssh.Unmarshal(req.Payload, &p); err != nil {
		return ""
	}
	return p.Value
}

func (e *Expressway) countCommand(cmd string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.stats.Commands) >= 1000 {
		e.stats.Commands = e.stats.Commands[1:]
	}
	e.stats.Commands = append(e.stats.Commands, cmd)
}

// serveSFTP serves until the client hangs up. It is the library's plain server:
// its handles are open files, which survive rename and unlink, and its FSTAT
// looks at them, as OpenSSH's does.
func (e *Expressway) serveSFTP(ch ssh.Channel) uint32 {
	e.mu.Lock()
	e.stats.SFTP++
	e.mu.Unlock()
	var wire io.ReadWriteCloser = ch
	if e.cfg.Wire != nil {
		wire = e.cfg.Wire(ch)
	}
	s, err := sftp.NewServer(wire, sftp.ReadOnly(), sftp.WithServerWorkingDirectory(e.cfg.Dir))
	if err != nil {
		return 1
	}
	if err := s.Serve(); err != nil {
		return 1
	}
	return 0
}
