package main

import (
	"crypto/sha256"
	"encoding/hex"
	"path/filepath"
	"strings"

	"rtmtgrab/internal/config"
	"rtmtgrab/internal/oauth"
)

// tokens is the source of a mailbox's access tokens, nil if it has a password.
func tokens(cfg *config.Config, m *config.Mail) (*oauth.Source, error) {
	o := m.OAuth
	if o == nil {
		return nil, nil
	}
	roots, err := o.Roots()
	if err != nil {
		return nil, err
	}
	return oauth.New(oauth.Config{
		TokenURL: o.TokenURL, ClientID: o.ClientID, Scopes: o.Scopes, Entra: o.Provider == config.ProviderMicrosoft, User: m.User,
		Secret: reading(o.ClientSecret), Certificate: reading(o.Certificate), ServiceAccount: reading(o.ServiceAccount), RefreshToken: reading(o.RefreshToken),
		Roots: roots, File: filepath.Join(cfg.Store, "tokens", tokenName(m)),
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
func tokenName(m *config.Mail) string {
	sum := sha256.Sum256([]byte(strings.Join([]string{m.OAuth.TokenURL, m.OAuth.ClientID, m.User}, "\x00")))
	return hex.EncodeToString(sum[:8]) + ".json"
}
