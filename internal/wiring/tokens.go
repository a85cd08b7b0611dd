package wiring

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"rtmtgrab/internal/config"
	"rtmtgrab/internal/denied"
	"rtmtgrab/internal/oauth"
)

// TokenSource is the source of a user's access tokens, nil without OAuth2.
func TokenSource(cfg *config.Config, o *config.OAuth, user string) (*oauth.Source, error) {
	if o == nil {
		return nil, nil
	}
	roots, err := o.Roots()
	if err != nil {
		return nil, err
	}
	return oauth.New(oauth.Config{
		TokenURL: o.TokenURL, ClientID: o.ClientID, Scopes: o.Scopes, Entra: o.Provider == config.ProviderMicrosoft, User: user,
		Secret: reading(o.ClientSecret), Certificate: reading(o.Certificate), ServiceAccount: reading(o.ServiceAccount), RefreshToken: reading(o.RefreshToken),
		Roots: roots, File: filepath.Join(cfg.Store, "tokens", tokenName(o, user)),
	}), nil
}

// reading reads a secret, nil if none is named.
func reading(s config.Secret) func() (string, error) {
	if s.IsZero() {
		return nil
	}
	return s.Read
}

// tokenName tells apart on disk whose refresh token it is.
func tokenName(o *config.OAuth, user string) string {
	sum := sha256.Sum256([]byte(strings.Join([]string{o.TokenURL, o.ClientID, user}, "\x00")))
	return hex.EncodeToString(sum[:8]) + ".json"
}

// A tokenShelf keeps the sources of access tokens, so that those who log in as one
// user share a token, and a reload of the configuration costs none where neither the
// settings nor the secrets' contents changed. It is safe for concurrent use; a nil
// one keeps nothing.
type TokenSources struct {
	mu       sync.Mutex
	refused  map[string]*denied.Book  // by protocol
	now, was map[string]*oauth.Source // by tokenKey: asked for since the last turn, and before it
}

// Refused are the logins by a protocol that servers have just refused; nil: nobody remembers them.
func (s *TokenSources) Refused(protocol string) *denied.Book {
	if s == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.refused == nil {
		s.refused = map[string]*denied.Book{}
	}
	if s.refused[protocol] == nil {
		s.refused[protocol] = &denied.Book{}
	}
	return s.refused[protocol]
}

// Turn begins with another configuration: sources for which nobody asks until the
// next turn are forgotten then.
func (s *TokenSources) Turn() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.was, s.now = s.now, nil
}

// Source is tokens, from the shelf if it is there.
func (s *TokenSources) Source(cfg *config.Config, o *config.OAuth, user string) (*oauth.Source, error) {
	if s == nil || o == nil {
		return TokenSource(cfg, o, user)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	key := tokenKey(o, user)
	found := s.now[key]
	if found == nil {
		found = s.was[key]
	}
	if found == nil {
		var err error
		if found, err = TokenSource(cfg, o, user); err != nil {
			return nil, err
		}
	}
	if s.now == nil {
		s.now = map[string]*oauth.Source{}
	}
	s.now[key] = found
	return found, nil
}

// tokenKey is a hash of all that a user's tokens depend on, secrets included. What
// cannot be read counts as another content.
func tokenKey(o *config.OAuth, user string) string {
	parts := []string{o.Provider, o.TokenURL, o.ClientID, user, strings.Join(o.Scopes, " ")}
	for _, secret := range []config.Secret{o.ClientSecret, o.Certificate, o.ServiceAccount, o.RefreshToken} {
		text, err := "", error(nil)
		if !secret.IsZero() {
			text, err = secret.Read()
		}
		parts = append(parts, secret.Source(), text, errorText(err))
	}
	if o.CAFile != "" {
		pem, err := os.ReadFile(o.CAFile)
		parts = append(parts, string(pem), errorText(err))
	}
	text, _ := json.Marshal(parts) // strings always can be
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
