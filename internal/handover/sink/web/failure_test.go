package web

import (
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"testing"

	"rtmtgrab/internal/handover/sink"
)

type alert uint8

func (alert) Error() string { return "tls: protocol version not supported" }

// TestFailedByTLS: what TLS is in the way of is no matter of the firewall.
func TestFailedByTLS(t *testing.T) {
	for name, c := range map[string]struct {
		err   error
		cause sink.Cause
	}{
		"too old":          {&net.OpError{Op: "remote error", Err: alert(70)}, sink.Certificate},
		"too old, unasked": {errors.New("tls: server selected unsupported protocol version 301"), sink.Certificate},
		"not believed":     {&tls.CertificateVerificationError{Err: errors.New("x")}, sink.Certificate},
		"no TLS":           {http.ErrSchemeMismatch, sink.Certificate},
		"refused":          {&net.OpError{Op: "dial", Err: errors.New("connection refused")}, sink.Unreachable},
	} {
		e, ok := errors.AsType[*sink.Error](Failed(t.Context(), c.err, false))
		if !ok || e.Cause != c.cause || e.Permanent {
			t.Errorf("%s: %+v", name, e)
		}
	}
}
