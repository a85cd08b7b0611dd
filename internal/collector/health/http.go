package health

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"regexp"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"rtmtgrab/internal/collector/health/status"
)

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
