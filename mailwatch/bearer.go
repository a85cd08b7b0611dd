package mailwatch

import (
	"context"
	"errors"
	"fmt"
	"net"
	"rtmtgrab/internal/redact"
	"strings"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-sasl"
)

// Mechanisms that take an access token.
const (
	mechXOAuth2     = "XOAUTH2"
	mechOAuthBearer = sasl.OAuthBearer
)

// openToken is enter with an access token, and once more with a new one if the
// server refused one that had been used before.
func (s *Server) openToken(ctx context.Context, dial dialFunc) (*session, error) {
	token, err := s.token(ctx, "")
	if err != nil {
		return nil, err
	}
	se, err := s.enter(ctx, dial, token)
	e, ok := errors.AsType[*StageError](err)
	if !ok || !e.Refused || e.Stage != StageLogin {
		return se, err
	}
	again, bad := s.token(ctx, token)
	switch {
	case bad != nil:
		return nil, &StageError{Stage: StageLogin, Refused: true, Err: fmt.Errorf("%w; no new token: %w", e.Err, bad)}
	case again == token:
		return nil, err
	}
	return s.enter(ctx, dial, again)
}

func (s *Server) token(ctx context.Context, refused string) (string, error) {
	token, err := s.Token(ctx, refused)
	if err == nil && strings.ContainsAny(token, "\x01\r\n") {
		err = errors.New("it has characters that a token cannot have")
	}
	if err != nil {
		if ctx.Err() != nil {
			return "", ctx.Err()
		}
		judged, ok := errors.AsType[interface {
			error
			Refused() bool
		}](err)
		return "", &StageError{Stage: StageLogin, Refused: ok && judged.Refused(), Err: fmt.Errorf("access token: %w", err)}
	}
	return token, nil
}

// mechanism chooses the way to log in: a SASL mechanism, or "" for the command
// LOGIN. The error is that there is none.
func (s *Server) mechanism(caps imap.CapSet) (string, error) {
	if s.Token == nil {
		plain := s.Login == LoginPlain || s.Login != LoginLogin && caps.Has(imap.AuthCap(sasl.Plain))
		if !plain && caps.Has(imap.CapLoginDisabled) {
			return "", errors.New("the server forbids LOGIN on this connection, and PLAIN is not chosen or not offered")
		}
		if plain {
			return sasl.Plain, nil
		}
		return "", nil
	}
	switch {
	case s.Login == LoginXOAuth2:
		return mechXOAuth2, nil
	case s.Login == LoginOAuthBearer, caps.Has(imap.AuthCap(mechOAuthBearer)):
		return mechOAuthBearer, nil
	case caps.Has(imap.AuthCap(mechXOAuth2)):
		return mechXOAuth2, nil
	}
	return "", errors.New("the server offers neither OAUTHBEARER nor XOAUTH2: it does not take access tokens on this port")
}

// A bearer is the client's part of XOAUTH2 and OAUTHBEARER. A refusal comes as a
// challenge, which has to be answered before the server gives its verdict.
type bearer struct {
	mech      string
	first     []byte
	challenge string // what the server said of the refusal, JSON as a rule
}

func newBearer(mech, user, addr, token string) *bearer {
	if mech == mechXOAuth2 {
		return &bearer{mech: mech, first: []byte("user=" + user + "\x01auth=Bearer " + token + "\x01\x01")}
	}
	host, port, _ := net.SplitHostPort(addr)
	name := strings.NewReplacer("=", "=3D", ",", "=2C").Replace(user)
	return &bearer{mech: mech, first: []byte("n,a=" + name + ",\x01host=" + host + "\x01port=" + port + "\x01auth=Bearer " + token + "\x01\x01")}
}

// Start gives the initial response.
func (b *bearer) Start() (mech string, ir []byte, err error) { return b.mech, b.first, nil }

// Next answers a refusal.
func (b *bearer) Next(challenge []byte) ([]byte, error) {
	if b.challenge == "" {
		b.challenge = redact.Foreign(string(challenge), 300)
	}
	if b.mech == mechXOAuth2 {
		return []byte{}, nil
	}
	return []byte{1}, nil
}

// told adds what the server said of a refusal.
func (b *bearer) told(err error) error {
	if err == nil || b.challenge == "" {
		return err
	}
	return fmt.Errorf("%w (the server said about the token: %s)", err, b.challenge)
}
