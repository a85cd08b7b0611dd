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
		return Environment, nil
	}
	s, err := text()
	switch {
	case err != nil:
		return nil, fmt.Errorf("proxy: %w", err)
	case s == "":
		return Environment, nil
	case s == "none":
		return nil, nil
	}
	u, err := url.Parse(s)
	if err != nil || u.Host == "" {
		return nil, errors.New("proxy: this is not a URL (not shown, as it may hold a password)")
	}
	learn(u)
	return http.ProxyURL(u), nil
}

// Environment is a Func: what the environment says (HTTPS_PROXY, NO_PROXY).
func Environment(r *http.Request) (*url.URL, error) {
	u, err := http.ProxyFromEnvironment(r)
	if u != nil {
		learn(u)
	}
	return u, err
}

// learn lets a proxy's password be hidden in what anybody says: the proxy may quote it.
func learn(u *url.URL) {
	if p, ok := u.User.Password(); ok {
		redact.Add(p)
	}
}
