package oauth

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// life is how long a signed assertion is good for; since is how far back it
// begins, for clocks differ.
const (
	life  = 10 * time.Minute
	since = 30 * time.Second
)

var encoding = base64.RawURLEncoding

// sign makes a JWT. header is added to what its method says of itself.
func sign(method jwt.SigningMethod, key *rsa.PrivateKey, header map[string]any, claims jwt.MapClaims) (string, error) {
	token := jwt.NewWithClaims(method, claims)
	maps.Copy(token.Header, header)
	return token.SignedString(key)
}

// clientAssertion proves who the client is by its certificate: to Entra by PS256
// and x5t#S256 alone, to others by RS256, which all know.
func (s *Source) clientAssertion(audience string) (string, error) {
	text, err := s.cfg.Certificate()
	if err != nil {
		return "", err
	}
	key, cert, err := parsePair(text)
	if err != nil {
		return "", err
	}
	now := s.now()
	if now.After(cert.NotAfter) {
		return "", fmt.Errorf("expired on %s", cert.NotAfter.UTC().Format(time.DateOnly))
	}
	long, short := sha256.Sum256(cert.Raw), sha1.Sum(cert.Raw)
	header := map[string]any{"x5t#S256": encoding.EncodeToString(long[:])}
	var method jwt.SigningMethod = jwt.SigningMethodPS256
	if !s.cfg.Entra {
		method, header["x5t"] = jwt.SigningMethodRS256, encoding.EncodeToString(short[:])
	}
	return sign(method, key, header, jwt.MapClaims{
		"aud": audience, "iss": s.cfg.ClientID, "sub": s.cfg.ClientID, "jti": rand.Text(),
		"nbf": now.Add(-since).Unix(), "iat": now.Add(-since).Unix(), "exp": now.Add(life).Unix(),
	})
}

// parsePair finds an RSA key and the certificate that belongs to it.
func parsePair(text string) (key *rsa.PrivateKey, cert *x509.Certificate, err error) {
	var certs []*x509.Certificate
	rest := []byte(text)
	for {
		var b *pem.Block
		if b, rest = pem.Decode(rest); b == nil {
			break
		}
		switch {
		case b.Type == "CERTIFICATE":
			c, err := x509.ParseCertificate(b.Bytes)
			if err != nil {
				return nil, nil, errors.New("a certificate in it is damaged")
			}
			certs = append(certs, c)
		case b.Type == "ENCRYPTED PRIVATE KEY":
			return nil, nil, errors.New("its key is encrypted: store it without a passphrase (openssl pkcs8 -in OLD -out NEW), mode 0600")
		case strings.HasSuffix(b.Type, "PRIVATE KEY"):
			if key, err = parseKey(b); err != nil {
				return nil, nil, err
			}
		}
	}
	if key == nil || len(certs) == 0 {
		return nil, nil, errors.New("no key or no certificate in it: both must be in one PEM file")
	}
	for _, c := range certs {
		if key.PublicKey.Equal(c.PublicKey) {
			return key, c, nil
		}
	}
	return nil, nil, errors.New("its certificate belongs to another key")
}

func parseKey(b *pem.Block) (*rsa.PrivateKey, error) {
	if b.Type == "RSA PRIVATE KEY" {
		if k, err := x509.ParsePKCS1PrivateKey(b.Bytes); err == nil {
			return k, nil
		}
		return nil, errors.New("its key is damaged or encrypted")
	}
	k, err := x509.ParsePKCS8PrivateKey(b.Bytes)
	if err != nil {
		return nil, errors.New("its key is damaged or in an unknown format")
	}
	key, ok := k.(*rsa.PrivateKey)
	if !ok {
		return nil, errors.New("its key is not RSA")
	}
	return key, nil
}

// A serviceAccount is Google's key file.
type serviceAccount struct {
	Type  string `json:"type"`
	Email string `json:"client_email"`
	Key   string `json:"private_key"`
	KeyID string `json:"private_key_id"`
}

func (s *Source) account() (*serviceAccount, error) {
	text, err := s.cfg.ServiceAccount()
	if err != nil {
		return nil, fmt.Errorf("service account: %w", err)
	}
	a := &serviceAccount{}
	if json.Unmarshal([]byte(text), a) != nil || a.Type != "service_account" || a.Email == "" || a.Key == "" {
		return nil, errors.New("service account: not a service account key in JSON")
	}
	return a, nil
}

// assertion asks in the account's name for the mailbox's user.
func (a *serviceAccount) assertion(cfg Config, now time.Time) (string, error) {
	block, _ := pem.Decode([]byte(a.Key))
	if block == nil {
		return "", errors.New("its private_key is not PEM")
	}
	key, err := parseKey(block)
	if err != nil {
		return "", err
	}
	header := map[string]any{}
	if a.KeyID != "" {
		header["kid"] = a.KeyID
	}
	return sign(jwt.SigningMethodRS256, key, header, jwt.MapClaims{
		"iss": a.Email, "sub": cfg.User, "scope": strings.Join(cfg.Scopes, " "), "aud": cfg.TokenURL,
		"iat": now.Add(-since).Unix(), "exp": now.Add(life).Unix(),
	})
}
