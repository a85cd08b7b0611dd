// Package pages serves health and metrics of a collector where its configuration says.
//
// It guarantees that a reload whose address cannot be had leaves them where they are. It does
// not know what is served.
package pages

import (
	"fmt"
	"log/slog"
	"net"
	"net/http"

	"rtmtgrab/internal/advice"
	"rtmtgrab/internal/config"
	"rtmtgrab/internal/openhttp"
)

// Pages are health and metrics.
type Pages struct {
	Handler http.Handler
	Log     *slog.Logger

	now openhttp.Server
}

// Serve begins to serve as configured.
func (w *Pages) Serve(h config.HTTP) error {
	if h.Listen == "" {
		return nil
	}
	l, err := net.Listen("tcp", h.Listen)
	if err != nil {
		return advice.WithHint(fmt.Errorf("http.listen: %w", err), "is another process listening there? Choose another port, or remove http:")
	}
	if !h.Loopback() {
		w.Log.Warn("health and metrics are open to everyone who can reach this address: there is no authentication", "listen", h.Listen)
	}
	w.now = openhttp.Serve("health and metrics", h.Listen, l, nil, w.Handler, w.Log)
	w.Log.Info("health and metrics", "listen", l.Addr())
	return nil
}

// ServeAnew changes to another address after a reload; if that cannot be had
// the old one stays.
func (w *Pages) ServeAnew(h config.HTTP) error {
	if h.Listen == w.now.Listen {
		return nil
	}
	old := w.now
	if h.Listen == "" {
		w.now = openhttp.Server{}
	} else if err := w.Serve(h); err != nil {
		w.Log.Error("reload: health and metrics stay at the old address", "err", err, "listen", old.Listen)
		return err
	}
	old.Close()
	return nil
}

// Close ends that.
func (w *Pages) Close() { w.now.Close() }
