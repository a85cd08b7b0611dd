package httpproxy

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
)

// maxAnswer bounds what a proxy may answer before it passes anything on.
const maxAnswer = 64 << 10

// Dial connects to host:port by TLS's port of proxy, or straight if proxy is nil or names
// none for it: what is then spoken there is the caller's. roots are whom an https:// proxy's
// certificate is believed from; nil: the system's. The context is good for the whole dial.
func Dial(ctx context.Context, proxy Func, roots *tls.Config, address string) (net.Conn, error) {
	u, err := choose(proxy, address)
	if err != nil {
		return nil, err
	}
	if u == nil {
		return new(net.Dialer).DialContext(ctx, "tcp", address)
	}
	conn, err := dialProxy(ctx, u, roots)
	if err != nil {
		return nil, fmt.Errorf("proxy %s: %w", u.Host, err)
	}
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	err = connect(conn, u, address)
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if err != nil {
		conn.Close()
		return nil, fmt.Errorf("proxy %s: %w", u.Host, err)
	}
	return conn, nil
}

func choose(proxy Func, address string) (*url.URL, error) {
	if proxy == nil {
		return nil, nil
	}
	u, err := proxy(&http.Request{URL: &url.URL{Scheme: "https", Host: address}})
	if err != nil {
		return nil, errors.New("proxy: the environment's is no URL (not shown, as it may hold a password)")
	}
	if u != nil && u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("proxy %s: %s:// is no HTTP proxy: write http:// or https://", u.Host, u.Scheme)
	}
	return u, nil
}

func dialProxy(ctx context.Context, u *url.URL, roots *tls.Config) (net.Conn, error) {
	port := u.Port()
	switch {
	case port != "":
	case u.Scheme == "https":
		port = "443"
	default:
		port = "80"
	}
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", net.JoinHostPort(u.Hostname(), port))
	if err != nil || u.Scheme != "https" {
		return conn, err
	}
	c := &tls.Config{MinVersion: tls.VersionTLS12}
	if roots != nil {
		c.RootCAs = roots.RootCAs
	}
	c.ServerName = u.Hostname()
	over := tls.Client(conn, c)
	if err := over.HandshakeContext(ctx); err != nil {
		conn.Close()
		return nil, err
	}
	return over, nil
}

// connect asks the proxy on conn to pass on to address.
func connect(conn net.Conn, u *url.URL, address string) error {
	req := &http.Request{Method: http.MethodConnect, URL: &url.URL{Opaque: address}, Host: address, Header: http.Header{}}
	if u.User != nil {
		pw, _ := u.User.Password()
		req.Header.Set("Proxy-Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(u.User.Username()+":"+pw)))
	}
	if err := req.Write(conn); err != nil {
		return err
	}
	r := bufio.NewReader(io.LimitReader(conn, maxAnswer))
	resp, err := http.ReadResponse(r, req)
	if err != nil {
		return fmt.Errorf("it does not answer CONNECT as a proxy does: %w", err)
	}
	resp.Body.Close() // of CONNECT there is none
	switch {
	case resp.StatusCode == http.StatusProxyAuthRequired:
		return errors.New("it wants a login, or another one (407): write user and password into the proxy's URL, in a file")
	case resp.StatusCode != http.StatusOK:
		return fmt.Errorf("it does not pass on to %s: it answers %d", address, resp.StatusCode)
	case r.Buffered() > 0:
		return errors.New("it sent more than its answer")
	}
	return nil
}
