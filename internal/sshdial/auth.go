package sshdial

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"rtmtgrab/internal/redact"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"
)

// Ways to log in, Auth.Kind.
const (
	AuthKey      = "key"
	AuthAgent    = "agent"
	AuthPassword = "password"
)

// How a password is submitted, Auth.Login.
const (
	LoginAuto                = "auto" // password if the server offers it, else keyboard-interactive; the zero value is the same
	LoginPassword            = "password"
	LoginKeyboardInteractive = "keyboard-interactive"
)

// Auth is the one method of a login. The functions are called by Dial, once,
// before anything is sent.
type Auth struct {
	Kind string // AuthKey, AuthAgent, AuthPassword

	KeyPEM     func() (string, error) // AuthKey: the private key, OpenSSH or PEM
	Passphrase func() (string, error) // AuthKey: asked if the key is encrypted; may be nil

	Agent  string // AuthAgent: which key, "SHA256:…" or a public key as in authorized_keys
	Socket string // AuthAgent: the agent's socket or pipe; empty: $SSH_AUTH_SOCK, on Windows OpenSSH's pipe

	Password func() (string, error) // AuthPassword
	Login    string                 // AuthPassword: LoginAuto, …
}

// A credential is what an Auth holds: a signer or a password.
type credential struct {
	signer   ssh.MultiAlgorithmSigner // nil: password
	password string
	login    string
	close    func() // of the agent's connection
}

// load fetches the key or the secret; nothing has been sent to the host yet. With
// legacy an RSA key may sign with SHA-1 where the server knows nothing better.
func (a Auth) load(ctx context.Context, legacy bool) (*credential, error) {
	c := &credential{close: func() {}, login: a.Login}
	var signer ssh.Signer
	var err error
	switch {
	case a.Kind == AuthKey && a.KeyPEM != nil:
		signer, err = a.loadKey()
	case a.Kind == AuthAgent:
		signer, c.close, err = a.loadAgent(ctx)
	case a.Kind == AuthPassword && a.Password != nil:
		c.password, err = a.Password()
		redact.Add(c.password)
		if err == nil && c.password == "" {
			err = errors.New("the password is empty")
		}
	default:
		err = fmt.Errorf("no login method is configured (%q)", a.Kind)
	}
	if err == nil && !slices.Contains([]string{"", LoginAuto, LoginPassword, LoginKeyboardInteractive}, a.Login) {
		err = fmt.Errorf("unknown way to submit a password: %q", a.Login)
	}
	if err == nil && signer != nil {
		c.signer, err = modern(signer, legacy)
	}
	if err != nil {
		c.close()
		return nil, err
	}
	return c, nil
}

func (a Auth) loadKey() (ssh.Signer, error) {
	text, err := a.KeyPEM()
	if err != nil {
		return nil, fmt.Errorf("read the private key: %w", err)
	}
	pem := []byte(text)
	s, err := ssh.ParsePrivateKey(pem)
	if _, encrypted := errors.AsType[*ssh.PassphraseMissingError](err); encrypted {
		if a.Passphrase == nil {
			return nil, errors.New("the private key is encrypted and no passphrase is configured")
		}
		phrase, err := a.Passphrase()
		if err != nil {
			return nil, fmt.Errorf("read the passphrase: %w", err)
		}
		redact.Add(phrase)
		s, err = ssh.ParsePrivateKeyWithPassphrase(pem, []byte(phrase))
		if errors.Is(err, x509.IncorrectPasswordError) {
			return nil, errors.New("the passphrase does not open the private key")
		}
		if err != nil {
			return nil, fmt.Errorf("decrypt the private key: %w", err)
		}
		return s, nil
	}
	switch {
	case err != nil && IsPublicKey(text):
		return nil, errors.New("this is a public key: name the private one, which has no .pub")
	case err != nil:
		return nil, fmt.Errorf("parse the private key: %w", err)
	}
	return s, nil
}

// IsPublicKey reports whether what should be a private key is a public one, in one of the
// forms that ssh-keygen and openssl write.
func IsPublicKey(text string) bool {
	text = strings.TrimSpace(text)
	head, _, _ := strings.Cut(text, "\n")
	if strings.HasPrefix(head, "---") {
		return strings.Contains(head, "BEGIN") && strings.Contains(head, "PUBLIC KEY")
	}
	_, _, _, _, err := ssh.ParseAuthorizedKey([]byte(text))
	return err == nil
}

// modern keeps SHA-1 away from a signer: x/crypto falls back to it where a
// server does not name its algorithms. With legacy it may.
func modern(s ssh.Signer, legacy bool) (ssh.MultiAlgorithmSigner, error) {
	as, ok := s.(ssh.AlgorithmSigner)
	if !ok {
		return nil, errors.New("this key signs with SHA-1 only; make an ECDSA or RSA key")
	}
	switch typ := s.PublicKey().Type(); {
	case typ == ssh.KeyAlgoRSA:
		return ssh.NewSignerWithAlgorithms(as, rsaSignatures(legacy))
	case slices.Contains(ssh.SupportedAlgorithms().PublicKeyAuths, typ):
		return ssh.NewSignerWithAlgorithms(as, []string{typ})
	default:
		return nil, fmt.Errorf("keys of type %s are not used; make an ECDSA or RSA key", typ)
	}
}

// material is what the ledger hashes: another key or password, another material.
func (c *credential) material() []byte {
	if c.signer != nil {
		return append([]byte("key\x00"), c.signer.PublicKey().Marshal()...)
	}
	return []byte("password\x00" + c.password)
}

// method is the method to use of those that the server offers; empty if it does
// not offer what is configured.
func (c *credential) method(offered []string) string {
	want := []string{"publickey"}
	switch {
	case c.signer != nil:
	case c.login == LoginPassword:
		want = []string{"password"}
	case c.login == LoginKeyboardInteractive:
		want = []string{"keyboard-interactive"}
	default:
		want = []string{"password", "keyboard-interactive"}
	}
	for _, m := range want {
		if slices.Contains(offered, m) {
			return m
		}
	}
	return ""
}
