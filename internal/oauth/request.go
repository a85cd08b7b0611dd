package oauth

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"rtmtgrab/internal/httpproxy"
	"rtmtgrab/internal/loopback"
	"rtmtgrab/internal/redact"
)

const (
	requestLimit = 30 * time.Second // from the dial to the last byte
	maxHeader    = 64 << 10
)

// newClient makes the client of a token endpoint: by the system's proxy, without
// redirects (a secret goes where it was sent and nowhere else), and with limits.
// How much of an answer is read, 1 MiB, the oauth2 package bounds.
func newClient(roots *x509.CertPool) *http.Client {
	return &http.Client{
		Timeout:       requestLimit,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			Proxy:                  httpproxy.Environment,
			DialContext:            (&net.Dialer{Timeout: 15 * time.Second}).DialContext,
			TLSClientConfig:        &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
			TLSHandshakeTimeout:    15 * time.Second,
			MaxResponseHeaderBytes: maxHeader,
			DisableKeepAlives:      true, // there is a request an hour
			ForceAttemptHTTP2:      true,
		},
	}
}

// fetch asks the endpoint for a token by the grant that is configured.
func (s *Source) fetch(ctx context.Context) (*oauth2.Token, error) {
	if s.cfg.RefreshToken != nil {
		return s.refresh(ctx)
	}
	if s.cfg.ServiceAccount == nil {
		return s.exchange(ctx, s.cfg.TokenURL, s.cfg.Scopes, url.Values{})
	}
	account, err := s.account()
	if err != nil {
		return nil, err
	}
	assertion, err := account.assertion(s.cfg, s.now())
	if err != nil {
		return nil, fmt.Errorf("sign for the service account: %w", err)
	}
	return s.exchange(ctx, s.cfg.TokenURL, nil, url.Values{
		"grant_type": {"urn:ietf:params:oauth:grant-type:jwt-bearer"}, "assertion": {assertion}})
}

// exchange makes one request. form holds what the grant needs; without a
// grant_type it is client credentials.
func (s *Source) exchange(ctx context.Context, endpoint string, scopes []string, form url.Values) (*oauth2.Token, error) {
	if err := allowed(endpoint); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, requestLimit)
	defer cancel()
	redact.Add(form.Get("refresh_token"))
	redact.Add(form.Get("assertion"))
	conf := &clientcredentials.Config{ClientID: s.cfg.ClientID, TokenURL: endpoint, Scopes: scopes, EndpointParams: form, AuthStyle: oauth2.AuthStyleInParams}
	switch {
	case s.cfg.Secret != nil:
		secret, err := s.cfg.Secret()
		if err != nil {
			return nil, fmt.Errorf("client secret: %w", err)
		}
		conf.ClientSecret = secret
		redact.Add(secret)
	case s.cfg.Certificate != nil:
		assertion, err := s.clientAssertion(endpoint)
		if err != nil {
			return nil, fmt.Errorf("certificate: %w", err)
		}
		form.Set("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
		form.Set("client_assertion", assertion)
		redact.Add(assertion)
	}
	t, err := conf.Token(context.WithValue(ctx, oauth2.HTTPClient, s.client))
	if err != nil {
		return nil, told(ctx, endpoint, err)
	}
	redact.Add(t.AccessToken)
	redact.Add(t.RefreshToken)
	return t, nil
}

// allowed refuses to send secrets in the clear, but to this machine.
func allowed(endpoint string) error {
	u, err := url.Parse(endpoint)
	if err != nil || u.Host == "" {
		return fmt.Errorf("the token endpoint is not a URL https://HOST/PATH")
	}
	if u.Scheme == "https" || u.Scheme == "http" && loopback.Host(u.Hostname()) {
		return nil
	}
	return fmt.Errorf("the token endpoint %s://%s: http is allowed only for loopback addresses", u.Scheme, u.Host)
}
