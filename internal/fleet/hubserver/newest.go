package hubserver

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

// A certificate is a server's, as its folder has it at each handshake: what cannot be used is
// told once, and the one before goes on.
type certificate struct {
	dir string
	log *slog.Logger

	mu   sync.Mutex
	mark string // of the files that were read last
	pair *tls.Certificate
}

// newest has c show the certificate that is in the server's folder by then.
func newest(c *tls.Config, dir string, log *slog.Logger) {
	if len(c.Certificates) != 1 {
		return // own.conf has something of its own
	}
	f := &certificate{dir: dir, log: log, mark: marks(dir), pair: &c.Certificates[0]}
	c.GetCertificate = func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return f.now(), nil }
	c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return f.now(), nil }
	c.Certificates = nil
}

func (f *certificate) now() *tls.Certificate {
	f.mu.Lock()
	defer f.mu.Unlock()
	mark := marks(f.dir)
	if mark == f.mark {
		return f.pair
	}
	f.mark = mark
	pair, err := tls.LoadX509KeyPair(filepath.Join(f.dir, "cert.pem"), filepath.Join(f.dir, "key.pem"))
	switch {
	case err == nil:
		f.pair = &pair
		f.say(slog.LevelInfo, "hub server: a certificate changed and is in use")
	default:
		f.say(slog.LevelWarn, "hub server: the certificate changed and cannot be used, the one before goes on", "err", err)
	}
	return f.pair
}

func (f *certificate) say(level slog.Level, what string, args ...any) {
	if f.log != nil {
		f.log.Log(context.Background(), level, what, args...)
	}
}

// marks tell whether the certificate's files changed.
func marks(dir string) string {
	var b strings.Builder
	for _, name := range []string{"cert.pem", "key.pem"} {
		if fi, err := os.Stat(filepath.Join(dir, name)); err == nil {
			fmt.Fprintf(&b, "%s %d %d;", name, fi.Size(), fi.ModTime().UnixNano())
		}
	}
	return b.String()
}
