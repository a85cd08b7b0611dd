package oauth

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/url"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"
	"golang.org/x/oauth2"

	"rtmtgrab/internal/atomicfile"
)

// kept is the file of a rotated refresh token.
type kept struct {
	First string `json:"first"` // hash of the configured token that it descends from
	Token string `json:"refresh_token"`
}

func (s *Source) file() atomicfile.JSON[kept] { return atomicfile.JSON[kept]{Path: s.cfg.File} }

// refresh gets a token by the newest refresh token. If it was rotated, the new one
// is on disk before the access token is returned. A lock keeps other processes
// from using up the same token meanwhile.
func (s *Source) refresh(ctx context.Context) (*oauth2.Token, error) {
	first, err := s.cfg.RefreshToken()
	if err != nil {
		return nil, fmt.Errorf("refresh token: %w", err)
	}
	if err := atomicfile.MkdirAll(filepath.Dir(s.cfg.File)); err != nil {
		return nil, fmt.Errorf("save refresh token: %w", err)
	}
	lock, err := s.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer lock.Unlock()
	sum := sha256.Sum256([]byte("grab refresh token\x00" + first))
	old, err := s.newest(first, hex.EncodeToString(sum[:]))
	if err != nil {
		return nil, err
	}
	t, err := s.exchange(ctx, s.cfg.TokenURL, s.cfg.Scopes, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {old.Token}})
	if err != nil {
		return nil, err
	}
	if t.RefreshToken != "" && t.RefreshToken != old.Token {
		s.pending = &kept{First: old.First, Token: t.RefreshToken}
		if err := s.settle(); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// newest is the refresh token to use: what descends from the configured one, or
// that itself. A token that is configured anew takes the place of what was kept.
func (s *Source) newest(first, hash string) (kept, error) {
	if err := s.settle(); err != nil {
		return kept{}, err
	}
	k, _, err := s.file().Load()
	switch {
	case err != nil:
		return kept{}, fmt.Errorf("read the saved refresh token: %w", err)
	case k.First == hash && k.Token != "":
		return k, nil
	}
	return kept{First: hash, Token: first}, nil
}

// settle saves a rotated token, again if it could not be saved before: the old
// one may be void by now.
func (s *Source) settle() error {
	if s.pending == nil {
		return nil
	}
	if err := s.file().Save(*s.pending); err != nil {
		return fmt.Errorf("save the new refresh token: %w", err)
	}
	s.pending = nil
	return nil
}

func (s *Source) lock(ctx context.Context) (*flock.Flock, error) {
	name := s.cfg.File + ".lock"
	f := flock.New(name, flock.SetPermissions(0o600))
	ctx, cancel := context.WithTimeout(ctx, 2*requestLimit)
	defer cancel()
	_, err := f.TryLockContext(ctx, 50*time.Millisecond)
	atomicfile.Adopt(name)
	if err != nil {
		return nil, fmt.Errorf("lock the refresh token: %w", err)
	}
	return f, nil
}
