package main

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"regexp"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"rtmtgrab/internal/advice"
	"rtmtgrab/internal/collector/health/status"
)

// maxConns is how many may be connected to /healthz and /metrics at once.
const maxConns = 32

// web is the server of /healthz and /metrics.
type web struct {
	listen string // as configured; empty: there is none
	server *http.Server
	done   chan struct{}
}

// serveHTTP begins to serve as configured.
func (w *watching) serveHTTP() error {
	h := w.cfg.Load().HTTP
	if h.Listen == "" {
		return nil
	}
	l, err := net.Listen("tcp", h.Listen)
	if err != nil {
		return advice.WithHint(fmt.Errorf("http.listen: %w", err), "does another process listen there? Choose another port, or leave http: away")
	}
	if !h.Loopback() {
		w.log.Warn("health and metrics are open to whoever reaches this address: nobody is asked who he is", "listen", h.Listen)
	}
	w.web = serveWeb(h.Listen, l, webMux(w.status, w.metrics, w.log), w.log)
	w.log.Info("health and metrics", "listen", l.Addr())
	return nil
}

// serveHTTPAnew changes to another address after a reload; if that cannot be had
// the old one stays.
func (w *watching) serveHTTPAnew() {
	h := w.cfg.Load().HTTP
	if h.Listen == w.web.listen {
		return
	}
	old := w.web
	if h.Listen == "" {
		w.web = web{}
	} else if err := w.serveHTTP(); err != nil {
		w.log.Error("reload: health and metrics stay where they were", "err", err, "listen", old.listen)
		return
	}
	old.close()
}

// serveWeb serves on l, which is listen of the configuration, until it is closed.
func serveWeb(listen string, l net.Listener, h http.Handler, log *slog.Logger) web {
	s := web{listen, newServer(h, log), make(chan struct{})}
	go s.serve(newLimited(l, maxConns), log)
	return s
}

func newServer(h http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: 30 * time.Second,
		IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug)}
}

func (s web) serve(l net.Listener, log *slog.Logger) {
	defer close(s.done)
	if err := s.server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		log.Error("health and metrics are not served any more", "err", err)
	}
}

// close stops at once.
func (s web) close() {
	if s.server != nil {
		s.server.Close()
		<-s.done
	}
}

// webMux is what anyone may ask.
func webMux(report func() status.Report, m *metrics, log *slog.Logger) http.Handler {
	look := &lately{report: report}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(rw http.ResponseWriter, _ *http.Request) { healthz(rw, look.get()) })
	mux.Handle("GET /metrics", promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn)}))
	return mux
}

// lately makes a report at most once a second, however many ask.
type lately struct {
	report func() status.Report
	mu     sync.Mutex
	last   status.Report
}

func (l *lately) get() status.Report {
	l.mu.Lock()
	defer l.mu.Unlock()
	if age := time.Since(l.last.Now); age < 0 || age > time.Second {
		l.last = l.report()
	}
	return l.last
}

// addressRE finds mail addresses: they are of no concern to who asks for health.
var addressRE = regexp.MustCompile(`[^\s"'<>(),;:/]+@[^\s"'<>(),;:/]+`)

// healthz says "ok", or what is in the way, a line for each problem.
func healthz(rw http.ResponseWriter, r status.Report) {
	rw.Header().Set("Content-Type", "text/plain; charset=utf-8")
	rw.Header().Set("Cache-Control", "no-store")
	if r.Works {
		io.WriteString(rw, "ok\n")
		return
	}
	rw.WriteHeader(http.StatusServiceUnavailable)
	for _, p := range r.Problems {
		if p.Blocks {
			fmt.Fprintln(rw, addressRE.ReplaceAllString(p.What, "…"))
		}
	}
}

// limited is a listener with a bound on the connections that are open at once.
type limited struct {
	net.Listener
	free   chan struct{}
	closed chan struct{}
	once   sync.Once
}

func newLimited(l net.Listener, n int) *limited {
	return &limited{Listener: l, free: make(chan struct{}, n), closed: make(chan struct{})}
}

func (l *limited) Accept() (net.Conn, error) {
	select {
	case l.free <- struct{}{}:
	case <-l.closed:
		return nil, net.ErrClosed
	}
	c, err := l.Listener.Accept()
	if err != nil {
		<-l.free
		return nil, err
	}
	return &limitedConn{Conn: c, l: l}, nil
}

func (l *limited) Close() error {
	l.once.Do(func() { close(l.closed) })
	return l.Listener.Close()
}

type limitedConn struct {
	net.Conn
	l    *limited
	once sync.Once
}

func (c *limitedConn) Close() error {
	c.once.Do(func() { <-c.l.free })
	return c.Conn.Close()
}
