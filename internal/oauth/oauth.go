// Package oauth gets OAuth2 access tokens for a mailbox from a token endpoint:
// by client credentials (secret or certificate), by a service account's signed
// assertion, or by a refresh token.
//
// It guarantees that a token is renewed before it ends, that a rotated refresh
// token is safe on disk before the access token that came with it is given to
// anyone, that every request ends within 30 s and reads at most 1 MiB, and that
// neither secrets nor tokens stand in its errors. It asks the endpoint once for
// each call of Token at most. It does not know what tokens are good for.
package oauth

import (
	"context"
	"crypto/x509"
	"errors"
	"net/http"
	"sync"
	"time"

	"golang.org/x/oauth2"
)

// How long tokens are used.
const (
	early    = 5 * time.Minute // a token is renewed this long before it ends, or at four fifths of its life
	longest  = 24 * time.Hour  // no token is used for longer
	unstated = 5 * time.Minute // the life of a token of which the endpoint does not say it
	last     = 30 * time.Second
)

// A Config says where tokens come from. RefreshToken decides the grant, then
// ServiceAccount; else it is client credentials. Secrets are read anew for every
// request, and nil where there is none.
type Config struct {
	TokenURL string
	ClientID string
	Scopes   []string
	Entra    bool   // the client assertion is signed as Microsoft's endpoint wants it
	User     string // for whom a service account asks

	Secret         func() (string, error) // client secret
	Certificate    func() (string, error) // PEM: an RSA key and its certificate
	ServiceAccount func() (string, error) // Google's JSON
	RefreshToken   func() (string, error) // the first one

	Roots *x509.CertPool // of the endpoint; nil: the system's
	File  string         // keeps a rotated refresh token; needed with RefreshToken
}

// A Source gives access tokens. It is safe for concurrent use.
type Source struct {
	cfg    Config
	client *http.Client
	now    func() time.Time
	turn   chan struct{} // holds one while a token is asked for

	mu    sync.Mutex
	token *oauth2.Token // nil until the first is fetched
	renew time.Time     // from then on a new one is fetched
	given int           // how often the token was given

	pending *kept // under turn: a rotated refresh token that could not be saved yet
}

// New is a Source without a token yet.
func New(cfg Config) *Source {
	return &Source{cfg: cfg, client: newClient(cfg.Roots), now: time.Now, turn: make(chan struct{}, 1)}
}

// Token is an access token that lasts for a while. refused is one that its
// receiver has just refused, or empty: if it had been given before it is dropped
// and a new one fetched; one that was given for the first time is given again,
// for another would fare no better. What the endpoint says is an *Error.
func (s *Source) Token(ctx context.Context, refused string) (string, error) {
	select {
	case s.turn <- struct{}{}:
	case <-ctx.Done():
		return "", ctx.Err()
	}
	defer func() { <-s.turn }()
	old, given := s.present()
	if old != nil && refused != "" && old.AccessToken == refused {
		if given <= 1 {
			return refused, nil
		}
		old = nil
	}
	if old != nil && s.now().Before(s.renew) {
		return s.give(old), nil
	}
	t, err := s.fetch(ctx)
	if err == nil {
		return s.give(t), nil
	}
	if e, ok := errors.AsType[*Error](err); ok && !e.Refused() && old != nil && s.now().Add(last).Before(old.Expiry) {
		return s.give(old), nil // the endpoint is away for the moment; the old token still lasts
	}
	return "", err
}

// Until is when the present token ends, zero if there is none.
func (s *Source) Until() time.Time {
	if t, _ := s.present(); t != nil {
		return t.Expiry
	}
	return time.Time{}
}

func (s *Source) present() (t *oauth2.Token, given int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.token, s.given
}

// give counts and, if the token is new, sets how long it is used.
func (s *Source) give(t *oauth2.Token) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.token != t {
		life := unstated
		if !t.Expiry.IsZero() {
			life = min(time.Until(t.Expiry), longest)
		}
		t.Expiry = s.now().Round(0).Add(life) // by the wall clock: the other one stands still while a machine sleeps
		s.token, s.given, s.renew = t, 0, t.Expiry.Add(-min(early, life/5))
	}
	s.given++
	return t.AccessToken
}
