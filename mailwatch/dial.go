package mailwatch

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"rtmtgrab/internal/redact"
	"strings"
	"time"
)

type dialFunc func(ctx context.Context, addr string) (net.Conn, error)

// dialTCP connects with keepalive, so that the system notices a dead peer too.
func dialTCP(ctx context.Context, addr string) (net.Conn, error) {
	d := net.Dialer{Timeout: dialLimit, KeepAliveConfig: net.KeepAliveConfig{
		Enable: true, Idle: 15 * time.Second, Interval: 5 * time.Second, Count: 4,
	}}
	return d.DialContext(ctx, "tcp", addr)
}

// connect dials and secures a connection. Ending ctx ends both the attempt and
// the connection; stop parts them again.
func (s *Server) connect(ctx context.Context, dial dialFunc) (g *guard, stop func() bool, err error) {
	if dial == nil {
		dial = dialTCP
	}
	raw, err := dial(ctx, s.Addr)
	if err != nil {
		return nil, nil, at(StageDial, err)
	}
	if err := s.mayBeBare(raw); err != nil {
		raw.Close()
		return nil, nil, at(StageDial, err)
	}
	stop = context.AfterFunc(ctx, func() { raw.Close() })
	g, err = s.secure(ctx, raw)
	if err != nil {
		stop()
		raw.Close()
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return nil, nil, at(StageTLS, err)
	}
	return g, stop, nil
}

// mayBeBare refuses a connection without encryption to another machine,
// whatever name it was reached by.
func (s *Server) mayBeBare(conn net.Conn) error {
	if tcp, ok := conn.RemoteAddr().(*net.TCPAddr); ok && s.TLS == TLSNone && !tcp.IP.IsLoopback() {
		return fmt.Errorf("%s is %s: unencrypted connections are allowed only to loopback addresses", s.Addr, tcp.IP)
	}
	return nil
}

func (s *Server) secure(ctx context.Context, raw net.Conn) (*guard, error) {
	if s.TLS == TLSNone {
		return newGuard(raw, raw), nil
	}
	if err := raw.SetDeadline(time.Now().Add(dialLimit)); err != nil {
		return nil, err
	}
	if s.TLS == TLSStart {
		if err := startTLS(raw); err != nil {
			return nil, fmt.Errorf("starttls: %w", err)
		}
	}
	conn := tls.Client(raw, s.tlsConfig())
	if err := conn.HandshakeContext(ctx); err != nil {
		return nil, fmt.Errorf("handshake: %w", err)
	}
	if err := raw.SetDeadline(time.Time{}); err != nil {
		return nil, err
	}
	g := newGuard(conn, raw)
	if s.TLS == TLSStart {
		g.pre = []byte("* OK ready\r\n") // the client waits for a greeting, the server has given its own
	}
	return g, nil
}

func (s *Server) tlsConfig() *tls.Config {
	cfg := &tls.Config{}
	if s.TLSConfig != nil {
		cfg = s.TLSConfig.Clone()
	}
	if cfg.ServerName == "" {
		cfg.ServerName, _, _ = net.SplitHostPort(s.Addr)
	}
	if cfg.MinVersion == 0 {
		cfg.MinVersion = tls.VersionTLS12
	}
	return cfg
}

// startTLS speaks IMAP up to where TLS begins: the client library's own way
// has no deadline and could not be guarded above TLS. Anything that came in the
// clear after the server's OK could be another's, and is refused.
func startTLS(conn net.Conn) error {
	br := bufio.NewReaderSize(conn, 8<<10)
	greeting, err := readLine(br)
	if err != nil {
		return fmt.Errorf("read greeting: %w", err)
	}
	if f := strings.Fields(strings.ToUpper(greeting)); len(f) < 2 || f[0] != "*" || f[1] != "OK" {
		return fmt.Errorf("the server greets with %q", redact.Foreign(greeting, 200)) // PREAUTH too
	}
	if _, err := conn.Write([]byte("S0 STARTTLS\r\n")); err != nil {
		return err
	}
	for range 100 {
		line, err := readLine(br)
		if err != nil {
			return fmt.Errorf("read answer: %w", err)
		}
		f := strings.Fields(strings.ToUpper(line))
		if len(f) < 2 || f[0] != "S0" {
			continue
		}
		if f[1] != "OK" {
			return fmt.Errorf("the server refuses: %q", redact.Foreign(line, 200))
		}
		if br.Buffered() > 0 {
			return errors.New("the server sent unencrypted data after its OK to STARTTLS: somebody may be in between")
		}
		return nil
	}
	return errors.New("the server does not answer the command")
}

// readLine reads a line of at most 8 KiB.
func readLine(br *bufio.Reader) (string, error) {
	b, err := br.ReadSlice('\n')
	if err != nil {
		return "", err
	}
	return strings.TrimRight(string(b), "\r\n"), nil
}
