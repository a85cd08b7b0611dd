// Package tlsfault tells what an error of TLS is about, by its type.
//
// It does not know whose fault it is, nor what to do.
package tlsfault

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"reflect"
	"strings"
)

// Certificate reports whether the peer's certificate is not believed.
func Certificate(err error) bool {
	_, verify := errors.AsType[*tls.CertificateVerificationError](err)
	_, unknown := errors.AsType[x509.UnknownAuthorityError](err)
	_, name := errors.AsType[x509.HostnameError](err)
	_, invalid := errors.AsType[x509.CertificateInvalidError](err)
	return verify || unknown || name || invalid
}

// Alert is the alert (RFC 8446, section 6) by which the peer broke TLS off, false if it did not.
// Of connections crypto/tls has a type of its own for them, a number that it does not export.
func Alert(err error) (number uint8, ok bool) {
	op, ok := errors.AsType[*net.OpError](err)
	if !ok || op.Op != "remote error" {
		return 0, false
	}
	v := reflect.ValueOf(op.Err)
	if v.Kind() != reflect.Uint8 {
		return 0, false
	}
	return uint8(v.Uint()), true
}

// OurCertificate reports whether the peer broke TLS off because of the certificate that it was
// shown, or because there was none.
func OurCertificate(err error) bool {
	const first, last, unknownAuthority, required = 42, 46, 48, 116 // bad_certificate to certificate_unknown
	n, ok := Alert(err)
	return ok && (n >= first && n <= last || n == unknownAuthority || n == required)
}

// Old reports whether the peer knows only versions of TLS that are not safe any more.
func Old(err error) bool {
	const protocolVersion, insufficientSecurity = 70, 71
	if n, ok := Alert(err); ok {
		return n == protocolVersion || n == insufficientSecurity
	}
	// A server of before 2018 does not know that we would break off, and names its own version:
	// of that crypto/tls has no type.
	return err != nil && strings.Contains(err.Error(), "tls: server selected unsupported protocol version")
}

// Plain reports whether what answers speaks no TLS.
func Plain(err error) bool {
	_, record := errors.AsType[tls.RecordHeaderError](err)
	return record || errors.Is(err, http.ErrSchemeMismatch)
}
