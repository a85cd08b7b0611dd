package advice

import (
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"time"

	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/tlsfault"
)

// ForTLS is the next move after an error of TLS where that is the same whoever the server is; ""
// where it is none of those, as with an authority that is not known. address is the setting that
// names the server.
func ForTLS(err error, address string) string {
	if e, ok := errors.AsType[x509.CertificateInvalidError](err); ok && e.Reason == x509.Expired && e.Cert != nil {
		return forDates(e.Cert, time.Now())
	}
	if e, ok := errors.AsType[x509.HostnameError](err); ok && e.Certificate != nil {
		return forNames(e.Certificate, address)
	}
	switch {
	case tlsfault.Old(err):
		return "the server knows no TLS of 1.2 or later, and what is older is not safe: update it, or let it allow TLS 1.2"
	case tlsfault.OurCertificate(err):
		return "the server asks for a client's certificate, or does not know the one that it was shown: let it do without, or check the port"
	}
	return ""
}

// forDates is of a certificate that is not good at this time.
func forDates(c *x509.Certificate, now time.Time) string {
	whose, whither := "the server's certificate", "have it renewed there"
	if c.IsCA {
		whose, whither = "the certificate of the authority "+named(c), "have the server's signed by a newer one, and put that into the ca_file of this server"
	}
	const day = "2 Jan 2006 15:04 UTC"
	if now.Before(c.NotBefore) {
		return fmt.Sprintf("%s is good from %s on: set this machine's clock right if it is behind, else wait until then or %s", whose, c.NotBefore.UTC().Format(day), whither)
	}
	return fmt.Sprintf("%s was good until %s: %s. Only if that is not past yet set this machine's clock right", whose, c.NotAfter.UTC().Format(day), whither)
}

// maxNames of a certificate are told.
const maxNames = 5

// forNames is of a certificate that is not for the name by which the server is called.
func forNames(c *x509.Certificate, address string) string {
	names := append([]string{}, c.DNSNames...)
	for _, ip := range c.IPAddresses {
		names = append(names, ip.String())
	}
	if len(names) == 0 {
		return "the certificate is for no name but its common name, which counts no more: have it made anew with subject alternative names"
	}
	more := ""
	if len(names) > maxNames {
		names, more = names[:maxNames], ", ..."
	}
	return "the certificate is for " + evidence.Printable(strings.Join(names, ", "), 300) + more + ": write one of these names into " + address + ", or have it made anew for the one that stands there"
}

// issuedBy is who signed a certificate whose authority is not known, in brackets.
func issuedBy(err error) string {
	e, ok := errors.AsType[x509.UnknownAuthorityError](err)
	switch {
	case !ok || e.Cert == nil:
		return ""
	case string(e.Cert.RawIssuer) == string(e.Cert.RawSubject):
		return " (it signed itself)"
	}
	issuer := &x509.Certificate{Subject: e.Cert.Issuer}
	return " (signed by " + named(issuer) + "; if that is no root the server should send its certificate too)"
}

// named is whose certificate it is, for people.
func named(c *x509.Certificate) string {
	name := c.Subject.CommonName
	if name == "" {
		name = c.Subject.String()
	}
	return evidence.Printable(fmt.Sprintf("%q", name), 200)
}

// ForWebhook names the next move after a notice could not be posted.
func ForWebhook(err error) string {
	if hint := ForTLS(err, "the webhook's url"); hint != "" {
		return hint
	}
	if by := issuedBy(err); by != "" {
		return "this machine does not know the authority of the server's certificate: add it to the system's" + by
	}
	if tlsfault.Plain(err) {
		return "what answers there speaks no TLS: check the port in the webhook's url"
	}
	return "check notify: in the configuration; docs/notices.md says what each channel needs"
}
