package nodehttp

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"slices"

	"rtmtgrab/internal/pin"
)

// A pinError is of a node that shows another certificate than a pinned one.
type pinError struct{ shown pin.Pin }

func (e *pinError) Error() string {
	return "it is none of the pinned ones; it shows " + e.shown.String()
}

// tlsConfig verifies a node by pins, or else by roots and any of the node's names.
// A certificate that is itself among the roots, as a self-signed one is, needs no name.
func (n *Node) tlsConfig() *tls.Config {
	host, _, err := net.SplitHostPort(n.Address)
	if err != nil {
		host = n.Address
	}
	conf := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: host}
	conf.InsecureSkipVerify = true // VerifyConnection does it: by pin, or with all the names of a node
	conf.VerifyConnection = func(s tls.ConnectionState) error {
		if len(s.PeerCertificates) == 0 {
			return &tls.CertificateVerificationError{Err: errors.New("no certificate")}
		}
		if err := n.verify(s.PeerCertificates, append([]string{host}, n.Names...)); err != nil {
			return &tls.CertificateVerificationError{UnverifiedCertificates: s.PeerCertificates, Err: err}
		}
		return nil
	}
	return conf
}

func (n *Node) verify(certs []*x509.Certificate, names []string) error {
	leaf := certs[0]
	if shown := pin.Pin(sha256.Sum256(leaf.Raw)); len(n.Pins) > 0 {
		if slices.Contains(n.Pins, shown) {
			return nil
		}
		return &pinError{shown}
	}
	opts := x509.VerifyOptions{Roots: n.Roots, Intermediates: x509.NewCertPool()}
	for _, cert := range certs[1:] {
		opts.Intermediates.AddCert(cert)
	}
	chains, err := leaf.Verify(opts)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(chains, func(chain []*x509.Certificate) bool { return len(chain) == 1 }) {
		return nil
	}
	var first error
	for _, name := range names {
		err := leaf.VerifyHostname(name)
		if err == nil {
			return nil
		}
		if first == nil {
			first = err
		}
	}
	return fmt.Errorf("%w", first)
}
