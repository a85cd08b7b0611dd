package testserver

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/pem"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"
)

// A Key is a pair of SSH keys made for a test.
type Key struct {
	Private crypto.Signer
	Public  ssh.PublicKey
	PEM     []byte // the private key as OpenSSH writes it, not encrypted
}

// NewKey makes a key pair; typ is rsa (2048 bits), ecdsa (P-384) or ed25519.
func NewKey(tb testing.TB, typ string) Key {
	tb.Helper()
	var k Key
	var err error
	switch typ {
	case "rsa":
		k.Private, err = rsa.GenerateKey(rand.Reader, 2048)
	case "ecdsa":
		k.Private, err = ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	case "ed25519":
		_, k.Private, err = ed25519.GenerateKey(rand.Reader)
	default:
		err = fmt.Errorf("unknown key type %q", typ)
	}
	must(tb, err)
	block, err := ssh.MarshalPrivateKey(k.Private, "test")
	must(tb, err)
	k.PEM = pem.EncodeToMemory(block)
	k.Public, err = ssh.NewPublicKey(k.Private.Public())
	must(tb, err)
	return k
}

// Encrypted is the private key in PEM, encrypted by ssh-keygen with a passphrase
// (with one round of key derivation: tests need not wait for sixteen).
func (k Key) Encrypted(tb testing.TB, passphrase string) []byte {
	tb.Helper()
	name := filepath.Join(tb.TempDir(), "key")
	must(tb, os.WriteFile(name, k.PEM, 0o600))
	out, err := exec.Command(Need(tb, "ssh-keygen"), "-q", "-p", "-a", "1", "-P", "", "-N", passphrase, "-f", name).CombinedOutput()
	if err != nil {
		tb.Fatalf("ssh-keygen: %v: %s", err, out)
	}
	b, err := os.ReadFile(name)
	must(tb, err)
	return b
}

// ReadOnlySFTP are the options of least privilege for AuthorizedKey: read-only
// SFTP, no shell and no commands.
const ReadOnlySFTP = `restrict,command="internal-sftp -R"`

// AuthorizedKey is a line of authorized_keys; options may be empty.
func AuthorizedKey(pub ssh.PublicKey, options string) string {
	return strings.TrimSpace(options + " " + strings.TrimSpace(string(ssh.MarshalAuthorizedKey(pub))))
}
