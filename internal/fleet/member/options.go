package member

import (
	"crypto/tls"
	"fmt"
	"strings"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"

	"rtmtgrab/internal/config"
	"rtmtgrab/internal/fleet"
	"rtmtgrab/internal/fleet/hub"
)

// Options are how the hub of a configuration is reached, straight.
func Options(cfg *config.Config) (hub.Options, error) {
	f := cfg.Fleet
	o := hub.Options{Servers: f.Servers, Name: f.Name, Inbox: "_INBOX_" + fleet.Token(f.Name)}
	roots, err := f.Roots()
	if err != nil {
		return o, err
	}
	o.TLS = &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	if f.Cert.CertFile != "" {
		pair, err := tls.LoadX509KeyPair(f.Cert.CertFile, f.Cert.KeyFile)
		if err != nil {
			return o, fmt.Errorf("fleet.certificate: %w", err)
		}
		o.TLS.Certificates = []tls.Certificate{pair}
		return o, nil
	}
	creds, err := f.Creds.Read()
	if err != nil {
		return o, fmt.Errorf("fleet.creds: %w", err)
	}
	if strings.Contains(creds, "NATS USER JWT") {
		o.Login = nats.UserCredentialBytes([]byte(creds))
		return o, nil
	}
	pair, err := nkeys.FromSeed([]byte(strings.TrimSpace(creds)))
	if err != nil {
		return o, fmt.Errorf("fleet.creds: neither a credentials file nor the seed of an nkey: %w", err)
	}
	public, err := pair.PublicKey()
	if err != nil {
		return o, fmt.Errorf("fleet.creds: %w", err)
	}
	o.Login = nats.Nkey(public, pair.Sign)
	return o, nil
}
