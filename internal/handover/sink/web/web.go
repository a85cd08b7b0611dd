// Package web is what sinks that speak HTTP have in common: a client that ends whatever
// the peer does, and what its answers and failures mean for a delivery.
//
// It guarantees that a redirect is never followed, so that nothing, and no credential,
// comes to another host than the configured one; that certificates are verified; that a
// peer which takes or says nothing for a while is given up; that what a peer says is
// bounded; and that no error holds a secret. It does not know what is uploaded.
package web

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	"rtmtgrab/internal/httpproxy"
)

// DefaultStall is Client.Stall's zero value.
const DefaultStall = time.Minute

// A Client says how a server is reached.
type Client struct {
	Roots       *x509.CertPool         // nil: the system's
	Certificate func() (string, error) // PEM: the client's certificate and its key; nil: none
	Proxy       func() (string, error) // URL, or "none"; nil: what the environment says

	Stall  time.Duration // without a byte that the peer takes, and it is given up; zero: DefaultStall
	Answer time.Duration // from the last byte that it took to its answer; zero: 5 min, for it may hash and store
}

// Patience is how long an answer may take.
func (c Client) Patience() time.Duration {
	if c.Answer > 0 {
		return c.Answer
	}
	return 5 * time.Minute
}

// HTTP makes a client for one delivery. After it close is due.
func (c Client) HTTP() (client *http.Client, close func(), err error) {
	conf := &tls.Config{RootCAs: c.Roots, MinVersion: tls.VersionTLS12}
	if c.Certificate != nil {
		pem, err := c.Certificate()
		if err != nil {
			return nil, nil, Setting(err)
		}
		cert, err := tls.X509KeyPair([]byte(pem), []byte(pem))
		if err != nil {
			return nil, nil, Setting(fmt.Errorf("the client's certificate: %w", err))
		}
		conf.Certificates = []tls.Certificate{cert}
	}
	proxy, err := httpproxy.Of(c.Proxy)
	if err != nil {
		return nil, nil, Setting(err)
	}
	stall := c.Stall
	if stall <= 0 {
		stall = DefaultStall
	}
	dialer := &net.Dialer{Timeout: min(stall, 30*time.Second)}
	t := &http.Transport{
		Proxy: proxy, TLSClientConfig: conf, TLSHandshakeTimeout: min(stall, 30*time.Second),
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := dialer.DialContext(ctx, network, address)
			if err != nil {
				return nil, err
			}
			return &patient{Conn: conn, stall: stall}, nil
		},
		ResponseHeaderTimeout: c.Patience(), ExpectContinueTimeout: min(stall, 3*time.Second), MaxResponseHeaderBytes: 64 << 10,
		OnProxyConnectResponse: proxied,
		WriteBufferSize:        64 << 10, DisableCompression: true, MaxConnsPerHost: 16, MaxIdleConnsPerHost: 16,
		TLSNextProto: map[string]func(string, *tls.Conn) http.RoundTripper{}, // HTTP/1.1: its uploads are as fast as the line, whatever windows a server grants
	}
	client = &http.Client{Transport: t, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return client, t.CloseIdleConnections, nil
}

var errProxyLogin = errors.New("the proxy refuses the login")

// proxied judges what a proxy answered to CONNECT, before the transport does.
func proxied(_ context.Context, _ *url.URL, _ *http.Request, resp *http.Response) error {
	if resp.StatusCode == http.StatusProxyAuthRequired {
		return errProxyLogin
	}
	return nil
}

// patient is a connection whose writes end when the peer takes nothing for a while.
// Reading waits for answers, which the transport bounds.
type patient struct {
	net.Conn
	stall time.Duration
}

func (p *patient) Write(b []byte) (n int, err error) {
	for n < len(b) { // in parts: a slow line may take long for all of it, not for one
		if err := p.Conn.SetWriteDeadline(time.Now().Add(p.stall)); err != nil {
			return n, err
		}
		m, err := p.Conn.Write(b[n:min(len(b), n+16<<10)])
		n += m
		if err != nil {
			return n, err
		}
	}
	return n, nil
}

// Bounded is a body of which so many bytes can be read, for so long.
func Bounded(body io.ReadCloser, limit int64, d time.Duration) io.ReadCloser {
	return &bounded{Reader: io.LimitReader(body, limit), body: body, end: time.AfterFunc(d, func() { body.Close() })}
}

type bounded struct {
	io.Reader
	body io.Closer
	end  *time.Timer
}

func (b *bounded) Close() error {
	b.end.Stop()
	return b.body.Close()
}
