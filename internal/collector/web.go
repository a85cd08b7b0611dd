package collector

import (
	"fmt"
	"log/slog"
	"net"
	"net/http"

	"rtmtgrab/internal/advice"
	"rtmtgrab/internal/config"
	"rtmtgrab/internal/openhttp"
)

// web serves health and metrics where the configuration says.
type web struct {
	handler http.Handler
	log     *slog.Logger
	now     openhttp.Server
}

// serve begins to serve as configured.
func (w *web) serve(h config.HTTP) error {
	if h.Listen == "" {
		return nil
	}
	l, err := net.Listen("tcp", h.Listen)
	if err != nil {
		return advice.WithHint(fmt.Errorf("http.listen: %w", err), "is another process listening there? Choose another port, or remove http:")
	}
	if !h.Loopback() {
		w.log.Warn("health and metrics are open to everyone who can reach this address: there is no authentication", "listen", h.Listen)
	}
	w.now = openhttp.Serve("health and metrics", h.Listen, l, nil, w.handler, w.log)
	w.log.Info("health and metrics", "listen", l.Addr())
	return nil
}

// serveAnew changes to another address after a reload; if that cannot be had
// the old one stays.
func (w *web) serveAnew(h config.HTTP) error {
	if h.Listen == w.now.Listen {
		return nil
	}
	old := w.now
	if h.Listen == "" {
		w.now = openhttp.Server{}
	} else if err := w.serve(h); err != nil {
		w.log.Error("reload: health and metrics stay at the old address", "err", err, "listen", old.Listen)
		return err
	}
	old.Close()
	return nil
}

func (w *web) close() { w.now.Close() }
