package wiring

import (
	"context"
	"crypto/tls"
	"errors"

	"rtmtgrab/internal/config"
	"rtmtgrab/internal/smtpout"
)

// SMTPServer is the configured server for mails that are sent. shelf may be nil.
func SMTPServer(cfg *config.Config, shelf *TokenSources) (*smtpout.Server, error) {
	s := cfg.SMTP
	if s == nil {
		return nil, errors.New("no SMTP server is configured (smtp:)")
	}
	roots, err := s.Roots()
	if err != nil {
		return nil, err
	}
	out := &smtpout.Server{Addr: s.Server, TLS: s.TLS, User: s.User, Refused: shelf.Refused("smtp")}
	if !s.Password.IsZero() {
		out.Password = s.Password.Read
	}
	if roots != nil {
		out.TLSConfig = &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	}
	source, err := shelf.Source(cfg, s.OAuth, s.User)
	if source != nil {
		out.Token = func(ctx context.Context) (string, error) { return source.Token(ctx, "") }
	}
	return out, err
}
