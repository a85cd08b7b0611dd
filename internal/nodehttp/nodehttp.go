// Package nodehttp asks one appliance one thing over HTTPS.
//
// It guarantees that nothing goes to another address than the appliance's, and to a certificate
// that is trusted: one of those that are pinned, or one of an authority for one of its names;
// that no redirect is followed, no cookie kept and no connection used twice, for that would
// hide a renewed certificate; and that an appliance which says nothing, or little, is given up.
// A body is a stream. It does not know what is asked.
package nodehttp

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"time"

	"rtmtgrab/internal/httpproxy"
	"rtmtgrab/internal/pin"
)

const (
	dialLimit  = 15 * time.Second
	writeLimit = 30 * time.Second // for one request's head and body
	firstByte  = 90 * time.Second // nodes under load need 30 s
	stallLimit = 30 * time.Second // without a byte of a body
	maxHead    = 64 << 10
)

// A Node is an appliance and how it is known.
type Node struct {
	Address string         // host:port
	Names   []string       // others that its certificate may be for
	Roots   *x509.CertPool // nil: the system's
	Pins    []pin.Pin      // not empty: one of these certificates, whoever signed it
	Proxy   httpproxy.Func // nil: none

	FirstByte time.Duration // until an answer begins; zero: 90 s
}

// Do makes a request and returns its answer when its head has come. The body ends the
// connection when it is closed, or says too little for too long.
func (n *Node) Do(ctx context.Context, r *http.Request) (*http.Response, error) {
	asking, cancel := context.WithCancel(ctx)
	reply, err := (&http.Client{Transport: n.transport(), CheckRedirect: notFollowed}).Do(r.WithContext(asking))
	if err != nil {
		cancel()
		return nil, err
	}
	reply.Body = watch(reply.Body, cancel)
	return reply, nil
}

func notFollowed(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// transport is of one request.
func (n *Node) transport() *http.Transport {
	first := n.FirstByte
	if first <= 0 {
		first = firstByte
	}
	dialer := &net.Dialer{Timeout: dialLimit}
	return &http.Transport{
		Proxy: n.Proxy, TLSClientConfig: n.tlsConfig(), TLSHandshakeTimeout: dialLimit,
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := dialer.DialContext(ctx, network, address)
			if err != nil {
				return nil, err
			}
			return &limited{conn}, nil
		},
		ResponseHeaderTimeout: first, MaxResponseHeaderBytes: maxHead,
		DisableCompression: true, DisableKeepAlives: true,
		TLSNextProto: map[string]func(string, *tls.Conn) http.RoundTripper{}, // HTTP/1.1
	}
}

// limited is a connection whose writes end in time.
type limited struct{ net.Conn }

func (l *limited) Write(b []byte) (int, error) {
	if err := l.SetWriteDeadline(time.Now().Add(writeLimit)); err != nil {
		return 0, err
	}
	return l.Conn.Write(b)
}
