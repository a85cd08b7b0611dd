package webhook

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"reflect"
	"slices"
	"sync"

	"rtmtgrab/internal/advice"
	"rtmtgrab/internal/config"
	"rtmtgrab/internal/openhttp"
)

// A Door lets senders in where the configuration says. Its methods but Names are not for
// concurrent use.
type Door struct {
	Handler http.Handler
	Log     *slog.Logger

	server openhttp.Server
	as     *config.Intake // served; nil: nothing is

	busy sync.RWMutex // a request is being answered

	mu    sync.Mutex
	names openhttp.Names
}

// Names are those by which senders may call it.
func (d *Door) Names() openhttp.Names {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.names
}

// Serve begins to serve as configured; nil: nowhere.
func (d *Door) Serve(in *config.Intake) error {
	if in == nil {
		return nil
	}
	conf, names, err := certificate(in)
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", in.Listen)
	if err != nil {
		return advice.WithHint(fmt.Errorf("alerts.webhook.listen: %w", err), "is another process listening there? Choose another port, or remove alerts.webhook")
	}
	d.mu.Lock()
	d.names = openhttp.Names{Listen: in.Listen, More: slices.Concat(in.Hosts, names), Key: "alerts.webhook.hosts"}
	d.mu.Unlock()
	d.server, d.as = openhttp.Serve("webhook", in.Listen, l, conf, openhttp.ByName(http.HandlerFunc(d.answer), d.Names), d.Log), in
	d.Log.Info("webhook for alerts", "listen", l.Addr(), "tls", conf != nil)
	return nil
}

// certificate is how to speak TLS, nil: not at all, and the names in the certificate.
func certificate(in *config.Intake) (*tls.Config, []string, error) {
	if in.TLS == nil {
		return nil, nil, nil
	}
	cert, err := tls.LoadX509KeyPair(in.TLS.CertFile, in.TLS.KeyFile)
	if err != nil {
		return nil, nil, advice.WithHint(fmt.Errorf("alerts.webhook.tls: %w", err), "cert_file has the certificate and those above it, key_file its key without a passphrase, both in PEM")
	}
	var names []string
	if leaf, err := x509.ParseCertificate(cert.Certificate[0]); err == nil {
		names = leaf.DNSNames
	}
	return &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}, names, nil
}

// ServeAnew serves as configured after a reload, with the certificate as it is now. What
// cannot be had leaves the old in place, where that is still possible.
func (d *Door) ServeAnew(in *config.Intake) error {
	if in != nil && d.as != nil && in.TLS == nil && reflect.DeepEqual(*in, *d.as) || in == d.as {
		return nil
	}
	old, was := d.server, d.as
	if in != nil && was != nil && in.Listen == was.Listen { // the address is ours: it has to be let go first
		if _, _, err := certificate(in); err != nil {
			d.Log.Error("reload: the webhook for alerts stays as it was", "err", err)
			return err
		}
		old.Close()
		d.server, d.as = openhttp.Server{}, nil
		return d.Serve(in)
	}
	if in == nil {
		d.server, d.as = openhttp.Server{}, nil
	} else if err := d.Serve(in); err != nil {
		d.Log.Error("reload: the webhook for alerts stays as it was", "err", err)
		return err
	}
	old.Close()
	return nil
}

func (d *Door) answer(rw http.ResponseWriter, r *http.Request) {
	d.busy.RLock()
	defer d.busy.RUnlock()
	d.Handler.ServeHTTP(rw, r)
}

// Close stops at once, and waits for what is being written to disk.
func (d *Door) Close() {
	d.server.Close()
	d.busy.Lock()
	defer d.busy.Unlock()
}
