package lab

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/pem"
	"fmt"
	"net"

	"golang.org/x/crypto/ssh"
)

// A Login is a throw-away key pair for logging in.
type Login struct {
	PEM        []byte // private key, OpenSSH's own format, not encrypted
	Signer     ssh.Signer
	Public     ssh.PublicKey
	Authorized []byte // the line for authorized_keys, with its line end
}

// NewLogin makes an ECDSA P-384 key, the kind that the appliance's algorithms allow.
func NewLogin() (*Login, error) {
	key, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make login key: %w", err)
	}
	return newLogin(key)
}

func newLogin(key crypto.Signer) (*Login, error) {
	block, err := ssh.MarshalPrivateKey(key, "grab laboratory")
	if err != nil {
		return nil, fmt.Errorf("encode login key: %w", err)
	}
	signer, err := ssh.NewSignerFromSigner(key)
	if err != nil {
		return nil, fmt.Errorf("use login key: %w", err)
	}
	pub := signer.PublicKey()
	return &Login{PEM: pem.EncodeToMemory(block), Signer: signer, Public: pub, Authorized: ssh.MarshalAuthorizedKey(pub)}, nil
}

// NewHostKey makes a host key: kind is "ecdsa" (P-256) or "rsa" (2048 bits).
func NewHostKey(kind string) (ssh.Signer, error) {
	var key crypto.Signer
	var err error
	switch kind {
	case "ecdsa":
		key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case "rsa":
		key, err = rsa.GenerateKey(rand.Reader, 2048)
	default:
		return nil, fmt.Errorf("make host key: kind %q is not known", kind)
	}
	if err != nil {
		return nil, fmt.Errorf("make host key: %w", err)
	}
	return ssh.NewSignerFromSigner(key)
}

// KnownHosts is a known_hosts file that pins the present keys of the Expressways.
func KnownHosts(peers ...*Expressway) []byte {
	var b bytes.Buffer
	for _, e := range peers {
		host, port, err := net.SplitHostPort(e.Addr())
		if err != nil {
			continue
		}
		fmt.Fprintf(&b, "[%s]:%s %s", host, port, ssh.MarshalAuthorizedKey(e.HostKey()))
	}
	return b.Bytes()
}
