// Package httpproxy is by which HTTP proxy a server is reached, as a configuration says
// it.
//
// It guarantees that no error quotes the proxy, whose URL may hold a password, and that
// package redact knows that password.
package httpproxy

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"rtmtgrab/internal/redact"
)

// Func is http.Transport's Proxy.
type Func = func(*http.Request) (*url.URL, error)

// Of reads a proxy: a URL, or "none". text nil, or no text: what the environment says
// (HTTPS_PROXY, NO_PROXY).
func Of(text func() (string, error)) (Func, error) {
	if text == nil {
		return http.ProxyFromEnvironment, nil
	}
	s, err := text()
	switch {
	case err != nil:
		return nil, fmt.Errorf("proxy: %w", err)
	case s == "":
		return http.ProxyFromEnvironment, nil
	case s == "none":
		return nil, nil
	}
	u, err := url.Parse(s)
	if err != nil || u.Host == "" {
		return nil, errors.New("proxy: this is not a URL (not shown, as it may hold a password)")
	}
	if p, ok := u.User.Password(); ok {
		redact.Add(p)
	}
	return http.ProxyURL(u), nil
}
