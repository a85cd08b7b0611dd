package smtpout

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// A silence is where a server stops answering for ever.
type silence struct {
	name  string
	at    string // what the server hears last; "greeting": nothing, "handshake": no TLS
	mode  string // one of TLS…
	auth  string // what the server offers
	stage string // of the Error; "": the mail is handed in and there is none
}

var silences = []silence{
	{"greeting", "greeting", TLSNone, "", StageDial},
	{"greeting before STARTTLS", "greeting", TLSStart, "", StageTLS},
	{"handshake", "handshake", TLSImplicit, "", StageTLS},
	{"greeting in TLS", "greeting", TLSImplicit, "", StageDial},
	{"EHLO", "EHLO", TLSNone, "", StageDial},
	{"STARTTLS", "STARTTLS", TLSStart, "", StageTLS},
	{"handshake after STARTTLS", "handshake", TLSStart, "", StageTLS},
	{"EHLO in TLS", "EHLO", TLSImplicit, "", StageDial},
	{"PLAIN", "AUTH", TLSImplicit, "PLAIN", StageLogin},
	{"LOGIN", "AUTH", TLSNone, "LOGIN", StageLogin},
	{"LOGIN, the password", "czNjcmV0LXB3", TLSNone, "LOGIN", StageLogin},
	{"XOAUTH2", "AUTH", TLSStart, "XOAUTH2", StageLogin},
	{"MAIL", "MAIL", TLSImplicit, "PLAIN", StageSend},
	{"RCPT", "RCPT", TLSStart, "PLAIN", StageSend},
	{"DATA", "DATA", TLSNone, "PLAIN", StageMessage},
	{"the mail", ".", TLSImplicit, "PLAIN", StageMessage},
	{"QUIT", "QUIT", TLSNone, "PLAIN", ""},
}

// serve is a server that falls silent where s says; heard is closed then.
func (s silence) serve(c net.Conn, cert tls.Certificate, heard chan<- struct{}) {
	defer c.Close()
	hush := func(what string) bool {
		if what != s.at {
			return false
		}
		close(heard)
		io.Copy(io.Discard, c)
		return true
	}
	secure := func() bool {
		if hush("handshake") {
			return false
		}
		t := tls.Server(c, &tls.Config{Certificates: []tls.Certificate{cert}})
		c = t
		return t.Handshake() == nil
	}
	if s.mode == TLSImplicit && !secure() {
		return
	}
	if hush("greeting") {
		return
	}
	fmt.Fprint(c, "220 hi\r\n")
	in := bufio.NewReader(c)
	for {
		line, err := in.ReadString('\n')
		word, _, _ := strings.Cut(strings.TrimRight(line, "\r\n"), " ")
		if err != nil || hush(word) {
			return
		}
		switch _, inTLS := c.(*tls.Conn); {
		case word == "EHLO" && s.mode == TLSStart && !inTLS:
			fmt.Fprint(c, "250-x\r\n250 STARTTLS\r\n")
		case word == "EHLO" && s.auth == "":
			fmt.Fprint(c, "250 x\r\n")
		case word == "EHLO":
			fmt.Fprintf(c, "250-x\r\n250 AUTH %s\r\n", s.auth)
		case word == "STARTTLS":
			fmt.Fprint(c, "220 go\r\n")
			if !secure() {
				return
			}
			in = bufio.NewReader(c)
		case strings.TrimRight(line, "\r\n") == "AUTH LOGIN":
			fmt.Fprint(c, "334 VXNlcm5hbWU6\r\n")
		case s.auth == "LOGIN" && (word == "AUTH" || word == "dQ=="): // with the user in it, or after
			fmt.Fprint(c, "334 UGFzc3dvcmQ6\r\n")
		case word == "AUTH":
			fmt.Fprint(c, "235 ok\r\n")
		case word == "DATA":
			fmt.Fprint(c, "354 go\r\n")
		case word == "MAIL" || word == "RCPT" || word == ".":
			fmt.Fprint(c, "250 ok\r\n")
		}
	}
}

// client is a Server whose connections end at serve.
func (s silence) client(t *testing.T, serve func(c net.Conn, cert tls.Certificate)) *Server {
	cert, roots := selfSigned(t)
	out := &Server{Addr: "127.0.0.1:25", TLS: s.mode, TLSConfig: &tls.Config{RootCAs: roots},
		dial: func(context.Context, string) (net.Conn, error) {
			here, there := net.Pipe()
			go serve(there, cert)
			return here, nil
		}}
	if s.auth != "" {
		out.User, out.Password = "u", func() (string, error) { return "s3cret-pw", nil }
	}
	if s.auth == "XOAUTH2" {
		out.Token = func(context.Context) (string, error) { return "s3cret-tok", nil }
	}
	return out
}

func selfSigned(t *testing.T) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(24 * time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(leaf)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, roots
}

func (s silence) judge(t *testing.T, err, cause error) {
	t.Helper()
	e, ok := errors.AsType[*Error](err)
	switch {
	case s.stage == "" && err != nil:
		t.Errorf("a mail that is handed in: %v", err)
	case s.stage != "" && (!ok || e.Stage != s.stage || e.Refused):
		t.Errorf("want stage %s: %v", s.stage, err)
	case s.stage != "" && cause != nil && !errors.Is(err, cause):
		t.Errorf("want %v: %v", cause, err)
	case err != nil && strings.Contains(err.Error(), "s3cret"):
		t.Errorf("it says %v", err)
	}
}

// TestSilentIsLeft: whatever a server does not answer, Send ends at the moment its
// context ends, and says why.
func TestSilentIsLeft(t *testing.T) {
	for _, s := range silences {
		t.Run(s.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				enough := errors.New("enough")
				ctx, cancel := context.WithCancelCause(t.Context())
				heard := make(chan struct{})
				server := s.client(t, func(c net.Conn, cert tls.Certificate) { s.serve(c, cert, heard) })
				start := time.Now()
				go func() {
					<-heard
					time.Sleep(time.Second)
					cancel(enough)
				}()
				s.judge(t, send(ctx, server), enough)
				if took := time.Since(start); took != time.Second {
					t.Errorf("it took %v", took)
				}
				cancel(nil)
			})
		})
	}
}

// TestSilentIsNotWaitedForLong: without an end of the context Send ends by itself.
func TestSilentIsNotWaitedForLong(t *testing.T) {
	for _, s := range silences {
		t.Run(s.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := s.client(t, func(c net.Conn, cert tls.Certificate) { s.serve(c, cert, make(chan struct{})) })
				start := time.Now()
				s.judge(t, send(t.Context(), server), nil)
				if took := time.Since(start); took > allLimit {
					t.Errorf("it took %v", took)
				}
			})
		})
	}
}

// TestDripIsLeft: a server that sends a byte now and then keeps nobody.
func TestDripIsLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := silence{mode: TLSNone}.client(t, func(c net.Conn, _ tls.Certificate) {
			defer c.Close()
			go io.Copy(io.Discard, c)
			for {
				if _, err := c.Write([]byte("2")); err != nil {
					return
				}
				time.Sleep(stepLimit / 3)
			}
		})
		start := time.Now()
		silence{stage: StageDial}.judge(t, send(t.Context(), server), nil)
		if took := time.Since(start); took > allLimit {
			t.Errorf("it took %v", took)
		}
		time.Sleep(stepLimit) // until the server has seen it
	})
}

// TestAskedForSecretInVain: neither a token that never comes nor a connection that is
// never made outlives the context.
func TestAskedForSecretInVain(t *testing.T) {
	enough := errors.New("enough")
	wait := func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
	for stage, change := range map[string]func(*Server){
		StageLogin: func(s *Server) { s.Token = func(ctx context.Context) (string, error) { return "", wait(ctx) } },
		StageDial: func(s *Server) {
			s.dial = func(ctx context.Context, _ string) (net.Conn, error) { return nil, wait(ctx) }
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancelCause(t.Context())
			defer time.AfterFunc(time.Second, func() { cancel(enough) }).Stop()
			server := &Server{Addr: "127.0.0.1:25", TLS: TLSNone, User: "u", Password: func() (string, error) { return "s3cret-pw", nil }}
			change(server)
			silence{stage: stage}.judge(t, send(ctx, server), enough)
		})
	}
}
