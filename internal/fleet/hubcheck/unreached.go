package hubcheck

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"rtmtgrab/internal/fleet/hub"
	"rtmtgrab/internal/tlsfault"
)

// unreached says why a server is not connected, and what to do.
func unreached(err error, o hub.Options) (detail, hint string) {
	detail = strings.TrimPrefix(err.Error(), hub.ErrDown.Error()+": ")
	if hub.Refused(err) {
		return refused(err, o)
	}
	if d, h := certificate(err); d != "" {
		return d, h
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return "what answers there speaks no TLS", "compare the port: tls:// is the hub's port for clients (4222), wss:// the one for websockets (443)"
	}
	switch {
	case strings.HasPrefix(detail, "credentials:"):
		return detail, "look at fleet.creds: it is the file of this collector that grab hub init made, readable by the user that runs grab"
	case strings.HasPrefix(detail, "proxy"):
		return detail, "look at fleet.proxy, or HTTPS_PROXY: the proxy has to pass CONNECT on to the hub's port"
	case errors.Is(err, nats.ErrSecureConnWanted):
		return "the server speaks no TLS", "give it a certificate: a collector sends nothing in the clear; grab hub init makes one"
	case tlsfault.Old(err):
		return "the server knows no TLS of 1.2 or later", "update it: what is older is not safe"
	case isTimeout(err):
		return "no answer in time: " + detail, "see that the server runs and is not overloaded, and that a firewall lets what it sends through"
	case tlsAlert(err):
		return "the server breaks off TLS: " + detail, "if it wants a client's certificate, set fleet.certificate to one that it knows"
	}
	if dns, ok := errors.AsType[*net.DNSError](err); ok {
		return "the name " + dns.Name + " is not found", "look at fleet.servers and at this machine's name servers"
	}
	if _, ok := errors.AsType[*net.OpError](err); ok {
		return "unreachable: " + detail, "the collector dials out: let it through the firewall to this port, or use wss:// on 443, through a proxy (fleet.proxy) where there is one; see that the server runs"
	}
	return detail, "look at fleet: in the configuration and into the hub server's log"
}

// decided reports whether another attempt would end as this one did.
func decided(err error) bool {
	d, _ := certificate(err)
	return d != "" || hub.Refused(err)
}

func refused(err error, o hub.Options) (detail, hint string) {
	const anew = "make them anew (grab hub init DIR --tenant T --renew NAME) and bring them here"
	if at := ended(o); !at.IsZero() {
		return "refused: the credentials ended at " + at.Format(time.RFC3339), anew
	}
	switch {
	case errors.Is(err, nats.ErrAuthExpired), errors.Is(err, nats.ErrAccountAuthExpired):
		return "refused: the hub says that the credentials, or the tenant's account, have ended; compare the clocks too", anew
	case errors.Is(err, nats.ErrAuthRevoked):
		return "refused: these credentials were made anew, and the old ones are good for nothing", "bring the new ones here"
	}
	return "the hub refuses the credentials", "they are of another hub, were made anew or revoked, or the tenant's account is not on the servers yet: grab hub init DIR brings it there"
}

// certificate says what is wrong with the server's certificate.
func certificate(err error) (detail, hint string) {
	if e, ok := errors.AsType[x509.CertificateInvalidError](err); ok && e.Reason == x509.Expired {
		return "the server's certificate is not good now: " + e.Error(), "renew it (grab hub init DIR renews its own; take the server's folder to it again), and compare the clocks"
	}
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return "the server's certificate is by an authority that is not known here", "set fleet.ca_file to that authority: of grab hub init it is ca.pem in its folder"
	}
	if e, ok := errors.AsType[x509.HostnameError](err); ok {
		return "the server's certificate is for another name: " + e.Error(), "write one of its names into fleet.servers, or have it made for this one"
	}
	if e, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return "the server's certificate is not believed: " + e.Error(), "look at the certificate and at fleet.ca_file"
	}
	return "", ""
}

// tlsAlert reports whether the server broke TLS off.
func tlsAlert(err error) bool {
	_, ok := tlsfault.Alert(err)
	return ok || errors.Is(err, nats.ErrTLS)
}

func isTimeout(err error) bool {
	e, ok := errors.AsType[net.Error](err)
	return ok && e.Timeout()
}
