package collector

import (
	"fmt"
	"net"

	"rtmtgrab/internal/advice"
	"rtmtgrab/internal/collector/health"
)

// serveHTTP begins to serve as configured.
func (w *Collector) serveHTTP() error {
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
	w.web = health.Serve(h.Listen, l, health.Handler(w.Status, w.metrics, w.log), w.log)
	w.log.Info("health and metrics", "listen", l.Addr())
	return nil
}

// serveHTTPAnew changes to another address after a reload; if that cannot be had
// the old one stays.
func (w *Collector) serveHTTPAnew() {
	h := w.cfg.Load().HTTP
	if h.Listen == w.web.Listen {
		return
	}
	old := w.web
	if h.Listen == "" {
		w.web = health.Web{}
	} else if err := w.serveHTTP(); err != nil {
		w.log.Error("reload: health and metrics stay where they were", "err", err, "listen", old.Listen)
		return
	}
	old.Close()
}
