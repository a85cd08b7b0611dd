// Package openhttp serves HTTP to whoever can reach an address, with bounds on what a
// stranger costs: on connections, on the time for a request, on its header.
//
// Who only holds connections open, silent or in the middle of a request, keeps nobody else
// out. It does not know what is served, and bounds no body.
package openhttp

import (
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// A Server is one that was begun; the zero Server serves nowhere.
type Server struct {
	Listen string // as configured; empty: there is none
	http   *http.Server
	what   string // for the log
	done   chan struct{}
}

// Serve serves on l, which is listen of the configuration, until it is closed. What says
// what in the log. With a cfg it speaks TLS.
func Serve(what, listen string, l net.Listener, cfg *tls.Config, h http.Handler, log *slog.Logger) Server {
	if cfg != nil {
		l = tls.NewListener(l, cfg)
	}
	s := Server{listen, newServer(h, log), what, make(chan struct{})}
	go s.serve(l, log)
	return s
}

func newServer(h http.Handler, log *slog.Logger) *http.Server {
	c := &crowd{}
	return &http.Server{Handler: c.answering(h), ConnState: c.state, ConnContext: c.context, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: 30 * time.Second,
		IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug)}
}

func (s Server) serve(l net.Listener, log *slog.Logger) {
	defer close(s.done)
	if err := s.http.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		log.Error(s.what+" server stopped", "err", err)
	}
}

// Close stops at once.
func (s Server) Close() {
	if s.http != nil {
		s.http.Close()
		<-s.done
	}
}
