// Package smtpout sends one mail through one SMTP server.
//
// It guarantees that nothing is sent in the clear except to a loopback address,
// that every step ends with its context, that what a server says is bounded, and
// that no error holds a password or a token. It does not retry.
package smtpout

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"

	"rtmtgrab/internal/denied"
	"rtmtgrab/internal/human"
	"rtmtgrab/internal/loopback"
	"rtmtgrab/internal/redact"
)

// How a connection is secured, Server.TLS.
const (
	TLSImplicit = "implicit" // the default
	TLSStart    = "starttls" // required, whatever the server offers
	TLSNone     = "none"     // loopback addresses only
)

// Stages of an Error.
const (
	StageDial    = "dial"
	StageTLS     = "tls"
	StageLogin   = "login"
	StageSend    = "send"    // MAIL FROM and RCPT TO
	StageMessage = "message" // DATA: the server judged the mail itself
)

const (
	stepLimit = 30 * time.Second // one command's answer; a context may be shorter
	allLimit  = 2 * time.Minute  // the whole conversation
	maxHeard  = 256 << 10        // bytes that a server may send in a conversation
)

// An Error says how far the sending came.
type Error struct {
	Stage   string // one of Stage…
	Refused bool   // the server said no for good
	Code    int    // that the server answered; 0: it did not
	Err     error

	token bool // it was of a login with one
}

func (e *Error) Error() string {
	return "smtp " + e.Stage + ": " + redact.Error(e.Err).Error() // a server may repeat what it was sent
}

// Unwrap is the reason.
func (e *Error) Unwrap() error { return e.Err }

// LoginRefused reports whether the server said no to user and password: after some more of it, it
// locks the account. A token is another one the next time.
func (e *Error) LoginRefused() bool { return e.Refused && e.Stage == StageLogin && !e.token }

// A Server says where mails are handed in and how to log in.
type Server struct {
	Addr      string                 // host:port
	TLS       string                 // one of TLS…; empty means implicit
	TLSConfig *tls.Config            // nil means the system's authorities; the name to verify is Addr's host unless set
	User      string                 // empty: no login
	Password  func() (string, error) // asked anew for every login

	// Token, if set, gives an OAuth2 access token: the login is XOAUTH2 then.
	Token func(ctx context.Context) (string, error)

	Refused *denied.Book // what the server refused to senders before this one; nil: of none is known

	dial func(ctx context.Context, addr string) (net.Conn, error) // nil: TCP
}

// Send hands a mail in: from and to are the envelope's, bare addresses. A mail that
// some recipients are refused for, for good or for now, is sent to the others, and what was
// said of each is returned without an error. An error is that nobody has it, or that it is
// not known.
func (s *Server) Send(ctx context.Context, from string, to []string, msg []byte) (o Outcome, err error) {
	err = s.with(ctx, func(c *smtp.Client) error {
		o, err = submit(c, from, to, msg)
		return err
	})
	if err != nil {
		return Outcome{}, err
	}
	return o, nil
}

// Check logs in and sends nothing.
func (s *Server) Check(ctx context.Context) error {
	return s.with(ctx, func(c *smtp.Client) error { return at(StageSend, c.Noop()) })
}

// errSlow is why a conversation that took too long is ended; it is a timeout as net.Error has them.
type errSlow struct{}

func (errSlow) Error() string   { return "the server took more than " + human.Span(allLimit) }
func (errSlow) Timeout() bool   { return true }
func (errSlow) Temporary() bool { return true }

// with does something in a conversation. Ending ctx closes the connection.
func (s *Server) with(ctx context.Context, do func(*smtp.Client) error) (err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, allLimit, errSlow{})
	defer cancel()
	defer func() { err = cause(ctx, err) }()
	host, _, err := net.SplitHostPort(s.Addr)
	if err != nil {
		return at(StageDial, err)
	}
	if s.TLS == TLSNone && !loopback.Host(host) {
		return at(StageTLS, fmt.Errorf("unencrypted connections are allowed only to loopback addresses, not to %s", s.Addr))
	}
	secret, err := s.secret(ctx)
	if err != nil {
		return at(StageLogin, err)
	}
	redact.Add(secret)
	if left, _ := s.Refused.Left(s.known(secret), refusedRest); left > 0 {
		return &Error{Stage: StageLogin, Refused: true, Err: errRefusedBefore}
	}
	conn, err := s.connect(ctx)
	if err != nil {
		return at(StageDial, err)
	}
	conn = &bounded{Conn: conn, left: maxHeard}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	c, err := s.greet(conn, host)
	if err != nil {
		return err
	}
	err = s.login(c, secret)
	if s.remember(secret, err); err != nil {
		return err
	}
	if err := do(c); err != nil {
		return err
	}
	c.Quit() // the mail is handed in: what comes after does not matter
	return nil
}

func (s *Server) connect(ctx context.Context) (net.Conn, error) {
	if s.dial != nil {
		return s.dial(ctx, s.Addr)
	}
	return (&net.Dialer{Timeout: stepLimit}).DialContext(ctx, "tcp", s.Addr)
}

// cause is ctx's end if that is behind an error.
func cause(ctx context.Context, err error) error {
	if e := (*Error)(nil); err != nil && ctx.Err() != nil && errors.As(err, &e) && !e.Refused {
		return &Error{Stage: e.Stage, Err: context.Cause(ctx)}
	}
	return err
}

// greet makes a client of a connection, secured as configured.
func (s *Server) greet(conn net.Conn, host string) (*smtp.Client, error) {
	cfg := &tls.Config{MinVersion: tls.VersionTLS12}
	if s.TLSConfig != nil {
		cfg = s.TLSConfig.Clone()
	}
	if cfg.ServerName == "" {
		cfg.ServerName = host
	}
	var c *smtp.Client
	switch s.TLS {
	case TLSStart:
		var err error
		if c, err = smtp.NewClientStartTLS(conn, cfg); err != nil {
			return nil, at(StageTLS, err)
		}
		c.CommandTimeout, c.SubmissionTimeout = stepLimit, stepLimit
		return c, at(StageTLS, c.Hello(helloName())) // the handshake is part of it
	case TLSNone:
		c = smtp.NewClient(conn)
	default:
		conn.SetDeadline(time.Now().Add(stepLimit))
		t := tls.Client(conn, cfg)
		if err := t.Handshake(); err != nil {
			return nil, at(StageTLS, err)
		}
		conn.SetDeadline(time.Time{})
		c = smtp.NewClient(t)
	}
	c.CommandTimeout, c.SubmissionTimeout = stepLimit, stepLimit
	return c, at(StageDial, c.Hello(helloName()))
}

// helloName is this machine's name as far as it can be said in EHLO.
func helloName() string {
	name, err := os.Hostname()
	if err != nil || !hostRE.MatchString(name) {
		return "localhost"
	}
	return name
}

var hostRE = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$`)

func (s *Server) secret(ctx context.Context) (string, error) {
	switch {
	case s.User == "":
		return "", nil
	case s.Token != nil:
		return s.Token(ctx)
	case s.Password == nil:
		return "", errors.New("no password")
	}
	return s.Password()
}

func (s *Server) login(c *smtp.Client, secret string) error {
	if s.User == "" {
		return nil
	}
	var way sasl.Client
	switch {
	case s.Token != nil && c.SupportsAuth("XOAUTH2"):
		way = &xoauth2{s.User, secret}
	case s.Token != nil:
		return at(StageLogin, errors.New("the server does not offer AUTH XOAUTH2 on this connection"))
	case c.SupportsAuth(sasl.Plain):
		way = sasl.NewPlainClient("", s.User, secret)
	case c.SupportsAuth(sasl.Login):
		way = sasl.NewLoginClient(s.User, secret)
	default:
		return at(StageLogin, errors.New("the server offers neither AUTH PLAIN nor LOGIN on this connection"))
	}
	err := at(StageLogin, c.Auth(way))
	if e, ok := errors.AsType[*Error](err); ok {
		e.token = s.Token != nil
	}
	return err
}

// xoauth2 is Google's and Microsoft's login with a token.
type xoauth2 struct{ user, token string }

func (x *xoauth2) Start() (string, []byte, error) {
	return "XOAUTH2", []byte("user=" + x.user + "\x01auth=Bearer " + x.token + "\x01\x01"), nil
}

// Next answers the challenge that a refusal comes with.
func (x *xoauth2) Next([]byte) ([]byte, error) { return []byte{}, nil }

// at words an error of a stage; what a server said is made fit for a log.
func at(stage string, err error) error {
	if err == nil {
		return nil
	}
	e := &Error{Stage: stage, Err: err}
	var no *smtp.SMTPError
	if errors.As(err, &no) {
		e.Refused, e.Code = !no.Temporary(), no.Code
		said := fmt.Errorf("the server answered %d %s", no.Code, redact.Foreign(strings.ReplaceAll(no.Message, "\n", " "), 200))
		if before, ok := strings.CutSuffix(err.Error(), no.Error()); ok && before != "" {
			said = fmt.Errorf("%s%w", before, said)
		}
		e.Err = said
	}
	return e
}

// bounded is a connection that gives so many bytes and no more.
type bounded struct {
	net.Conn
	left int
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, fmt.Errorf("the server sent more than %d bytes", maxHeard)
	}
	n, err := b.Conn.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}
