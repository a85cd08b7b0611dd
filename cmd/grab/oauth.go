package main

import (
	"crypto/sha256"
	"encoding/hex"
	"path/filepath"
	"strings"

	"rtmtgrab/internal/config"
	"rtmtgrab/internal/oauth"
)

// tokens is the source of a user's access tokens, nil without OAuth2.
func tokens(cfg *config.Config, o *config.OAuth, user string) (*oauth.Source, error) {
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
