package fleetview

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"

	"rtmtgrab/internal/advice"
	"rtmtgrab/internal/config"
	"rtmtgrab/internal/openhttp"
)

// Metrics prints the metrics of a fleet; with listen, an address, it serves them there until ctx ends.
func Metrics(ctx context.Context, cfg *config.Config, listen string, out io.Writer, log *slog.Logger) error {
	f, end, err := Figures(ctx, cfg, log)
	if err != nil {
		return err
	}
	defer end()
	if listen == "" {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, "/metrics", nil)
		if err != nil {
			return err
		}
		page := &page{Writer: out, header: http.Header{}, status: http.StatusOK}
		f.Handler().ServeHTTP(page, r)
		if page.status != http.StatusOK {
			return fmt.Errorf("metrics of the fleet: status %d", page.status)
		}
		return page.err
	}

	l, err := net.Listen("tcp", listen)
	if err != nil {
		return advice.WithHint(fmt.Errorf("--listen: %w", err), "is another process listening there? Choose another port")
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", f.Handler())
	s := openhttp.Serve("metrics of the fleet", listen, l, nil, openhttp.ByName(mux, func() openhttp.Names { return openhttp.Names{} }), log)
	defer s.Close()
	log.Info("metrics of the fleet", "listen", l.Addr())
	<-ctx.Done()
	return nil
}

// A page is an answer that is written as it comes.
type page struct {
	io.Writer
	header http.Header
	status int
	err    error
}

func (p *page) Header() http.Header    { return p.header }
func (p *page) WriteHeader(status int) { p.status = status }

func (p *page) Write(b []byte) (int, error) {
	n, err := p.Writer.Write(b)
	if err != nil {
		p.err = err
	}
	return n, err
}
