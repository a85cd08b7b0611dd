package prt

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync"
	"time"
)

const (
	maxConns  = 256 // at once
	strangers = 8   // of those, from elsewhere: they get their answer, and no more room
)

// A Server listens for a Receiver.
type Server struct {
	Addr string // as it listens
	http *http.Server
	done chan struct{}
}

// Serve begins to listen, with a certificate or, if it is nil, without TLS. Close ends it.
func Serve(addr string, cert *Certificate, v *Receiver) (*Server, error) {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, err
	}
	s := &Server{Addr: l.Addr().String(), done: make(chan struct{})}
	s.http = &http.Server{Handler: v, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: idle, WriteTimeout: longest + time.Minute, MaxHeaderBytes: 16 << 10,
		ErrorLog: slog.NewLogLogger(v.Log.Handler(), slog.LevelDebug)}
	l = &guarded{Listener: l, v: v}
	if cert != nil {
		s.http.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: cert.get, NextProtos: []string{"http/1.1"}}
		l = tls.NewListener(l, s.http.TLSConfig)
	}
	go func() {
		defer close(s.done)
		if err := s.http.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			v.Log.Error("phones' problem reports are not received any more", "err", err)
		}
	}()
	return s, nil
}

// stopping is how long uploads may go on that have begun when a server is closed.
const stopping = 5 * time.Second

// Close lets go of the address, and ends uploads.
func (s *Server) Close() {
	if s == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), stopping)
	defer cancel()
	if s.http.Shutdown(ctx) != nil {
		s.http.Close()
	}
	<-s.done
}

// guarded bounds the connections at once, so that those who may not send take no room from
// those who may.
type guarded struct {
	net.Listener
	v *Receiver

	mu       sync.Mutex
	all, odd int
}

func (g *guarded) Accept() (net.Conn, error) {
	for {
		c, err := g.Listener.Accept()
		if err != nil {
			return nil, err
		}
		from := sender(c.RemoteAddr().String())
		odd := !g.v.Settings().allows(from)
		if g.enter(odd) {
			return &counted{Conn: c, leave: sync.OnceFunc(func() { g.leave(odd) })}, nil
		}
		c.Close()
		if odd {
			g.v.refused(from, "", refuse(FromElsewhere, "%s is in none of the networks that reports may come from (prt.networks)", from))
		} else {
			g.v.refused(from, "", refuse(Busy, "%d connections are open", maxConns))
		}
	}
}

func (g *guarded) enter(odd bool) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if odd {
		if g.odd >= strangers {
			return false
		}
		g.odd++
		return true
	}
	if g.all >= maxConns {
		return false
	}
	g.all++
	return true
}

func (g *guarded) leave(odd bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if odd {
		g.odd--
	} else {
		g.all--
	}
}

type counted struct {
	net.Conn
	leave func()
}

func (c *counted) Close() error {
	c.leave()
	return c.Conn.Close()
}

// A Certificate is a server's, read anew when its file changes.
type Certificate struct {
	cert, key string

	mu   sync.Mutex
	now  *tls.Certificate
	at   time.Time // of the file
	next time.Time // to look again
}

// NewCertificate reads one.
func NewCertificate(certFile, keyFile string) (*Certificate, error) {
	c := &Certificate{cert: certFile, key: keyFile}
	return c, c.read()
}

func (c *Certificate) read() error {
	info, err := os.Stat(c.cert)
	if err != nil {
		return err
	}
	pair, err := tls.LoadX509KeyPair(c.cert, c.key)
	if err != nil {
		return err
	}
	c.now, c.at = &pair, info.ModTime()
	return nil
}

// get looks at most once a minute whether the file has changed. A new one that cannot be used
// leaves the old in force.
func (c *Certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := time.Now(); now.After(c.next) {
		c.next = now.Add(time.Minute)
		if info, err := os.Stat(c.cert); err == nil && !info.ModTime().Equal(c.at) {
			c.read() // the next look tries again
		}
	}
	return c.now, nil
}
