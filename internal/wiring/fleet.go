package wiring

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"rtmtgrab/internal/config"
	"rtmtgrab/internal/fleet"
	"rtmtgrab/internal/fleet/hub"
	"rtmtgrab/internal/httpproxy"
)

// FleetHub is how the hub of the key fleet: is reached, which must be there. The credentials
// and a client certificate are read anew at each connection.
func FleetHub(cfg *config.Config, log *slog.Logger) (hub.Options, error) {
	f := cfg.Fleet
	if f == nil {
		return hub.Options{}, errors.New("this collector is in no fleet: there is no key fleet: in the configuration")
	}
	o := hub.Options{Servers: f.Servers, Name: f.Name, Inbox: fleet.InboxPrefix(f.Name), Creds: reading(f.Creds), Log: log}
	if encrypted(f.Servers) {
		roots, err := f.Roots()
		if err != nil {
			return hub.Options{}, fmt.Errorf("fleet: %w", err)
		}
		o.TLS = &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
		if f.Cert.CertFile != "" {
			o.TLS.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
				pair, err := tls.LoadX509KeyPair(f.Cert.CertFile, f.Cert.KeyFile)
				if err != nil {
					return nil, fmt.Errorf("client certificate: %w", err)
				}
				return &pair, nil
			}
		}
	}
	proxy, err := httpproxy.Of(reading(f.Proxy.Secret))
	if err != nil {
		return hub.Options{}, fmt.Errorf("fleet: %w", err)
	}
	o.Proxy = proxy
	return o, nil
}

// encrypted reports whether any of the servers is reached by TLS. Where none is, they are on
// this machine, and TLS is not offered: wss:// would be spoken where ws:// is written.
func encrypted(servers []string) bool {
	for _, s := range servers {
		if strings.HasPrefix(s, "tls://") || strings.HasPrefix(s, "wss://") {
			return true
		}
	}
	return false
}
