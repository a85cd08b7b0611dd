package health

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

	"rtmtgrab/internal/collector/health/status"
)

// Web is the server of /healthz and /metrics.
type Web struct {
	Listen string // as configured; empty: there is none
	HTTP   *http.Server
	done   chan struct{}
}

// Serve serves on l, which is listen of the configuration, until it is closed.
func Serve(listen string, l net.Listener, h http.Handler, log *slog.Logger) Web {
	s := Web{listen, newServer(h, log), make(chan struct{})}
	go s.serve(l, log)
	return s
}

func newServer(h http.Handler, log *slog.Logger) *http.Server {
	c := &crowd{}
	return &http.Server{Handler: c.answering(h), ConnState: c.state, ConnContext: c.context, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: 30 * time.Second,
		IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug)}
}

func (s Web) serve(l net.Listener, log *slog.Logger) {
	defer close(s.done)
	if err := s.HTTP.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		log.Error("health and metrics server stopped", "err", err)
	}
}

// Close stops at once.
func (s Web) Close() {
	if s.HTTP != nil {
		s.HTTP.Close()
		<-s.done
	}
}

// Handler is what anyone may ask.
func Handler(report func() status.Report, m *Metrics, log *slog.Logger) http.Handler {
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

// healthz says "ok", or what is in the way, a line for each problem and for each site
// that somebody has paused.
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
	for _, s := range r.Sites {
		if s.Paused != nil && s.Paused.By != status.BySchedule {
			fmt.Fprintln(rw, addressRE.ReplaceAllString("site "+s.Site+" is "+s.Why, "…"))
		}
	}
}
