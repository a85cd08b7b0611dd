package advice

import (
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"rtmtgrab/internal/config"
	"rtmtgrab/internal/cucm"
	"rtmtgrab/internal/diagnostics"
	"rtmtgrab/internal/smtpout"
	"rtmtgrab/mailwatch"
)

// alert is one of TLS as crypto/tls returns it.
type alert uint8

func (alert) Error() string { return "tls: protocol version not supported" }

// TestForTLS: an error of TLS has the next move that mends it, whoever the server is: nobody is
// sent to the firewall, or to pin what has expired.
func TestForTLS(t *testing.T) {
	now := time.Now()
	leaf := &x509.Certificate{Subject: pkix.Name{CommonName: "mail"}, Issuer: pkix.Name{CommonName: "Between"}, RawSubject: []byte("a"), RawIssuer: []byte("b"),
		NotBefore: now.Add(-48 * time.Hour), NotAfter: now.Add(-time.Hour), DNSNames: []string{"a.example.com", "b.example.com"}}
	later := *leaf
	later.NotBefore, later.NotAfter = now.Add(time.Hour), now.Add(48*time.Hour)
	authority := *leaf
	authority.IsCA, authority.Subject.CommonName = true, "Root"
	common := *leaf
	common.DNSNames = nil
	believed := func(err error) error { return &tls.CertificateVerificationError{Err: err} }
	for name, c := range map[string]struct {
		err  error
		want string
		not  []string
	}{
		"expired":           {believed(x509.CertificateInvalidError{Cert: leaf, Reason: x509.Expired}), "the server's certificate was good until " + leaf.NotAfter.UTC().Format("2 Jan 2006"), []string{"ca_file", "pin", "firewall"}},
		"not yet":           {believed(x509.CertificateInvalidError{Cert: &later, Reason: x509.Expired}), "this machine's clock right if it is behind", []string{"pin", "firewall"}},
		"expired authority": {believed(x509.CertificateInvalidError{Cert: &authority, Reason: x509.Expired}), `the authority "Root" was good until`, []string{"pin", "firewall"}},
		"another name":      {believed(x509.HostnameError{Certificate: leaf, Host: "c"}), "the certificate is for a.example.com, b.example.com: write", []string{"pin", "firewall"}},
		"common name":       {believed(x509.HostnameError{Certificate: &common, Host: "c"}), "subject alternative names", []string{"pin", "firewall"}},
		"too old":           {&net.OpError{Op: "remote error", Err: alert(70)}, "TLS of 1.2", []string{"ca_file", "pin", "firewall"}},
		"too old, unasked":  {errors.New("tls: server selected unsupported protocol version 301"), "TLS of 1.2", []string{"ca_file", "pin", "firewall"}},
		"between":           {believed(x509.UnknownAuthorityError{Cert: leaf}), `signed by "Between"`, []string{"firewall"}},
	} {
		kind, stage := cucm.KindCertificate, mailwatch.StageTLS
		if strings.HasPrefix(name, "too old") {
			kind = cucm.KindUnreachable
		}
		for of, hint := range map[string]string{
			"mail":        ForMail(&config.Mail{}, &mailwatch.StageError{Stage: stage, Err: c.err}),
			"smtp":        ForSMTP(&smtpout.Error{Stage: smtpout.StageTLS, Err: c.err}),
			"CUCM":        ForCUCM(&cucm.Error{Kind: kind, Address: "cucm01:8443", Err: c.err}),
			"diagnostics": ForDiagnostics(&diagnostics.Error{Kind: diagnostics.KindCertificate, Err: c.err}),
			"webhook":     ForWebhook(c.err),
		} {
			if !strings.Contains(hint, c.want) {
				t.Errorf("%s, %s: %q", name, of, hint)
			}
			for _, not := range c.not {
				if strings.Contains(hint, not) && !(not == "ca_file" && name == "expired authority") {
					t.Errorf("%s, %s speaks of %s: %q", name, of, not, hint)
				}
			}
		}
	}
}
