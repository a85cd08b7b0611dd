package seal

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"golang.org/x/crypto/blake2b"
)

// A Key signs.
type Key struct {
	Public PublicKey
	secret ed25519.PrivateKey
}

// Format prints a key as its public half: logs and errors show no secret.
func (k Key) Format(f fmt.State, _ rune) { io.WriteString(f, "key "+k.Public.ID.String()) }

// newKey makes one.
func newKey() (*Key, error) {
	public, secret, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	k := &Key{secret: secret}
	rand.Read(k.Public.ID[:])
	copy(k.Public.key[:], public)
	return k, nil
}

// The secret key in minisign's format: algorithm, no derivation from a password,
// algorithm of the check sum, salt and limits of the derivation (unused), ID, key, check sum.
const (
	secretStart = algorithm + "\x00\x00" + "B2"
	unused      = 32 + 8 + 8
	secretSize  = len(secretStart) + unused + 8 + ed25519.PrivateKeySize + blake2b.Size256
	maxSecret   = 4 << 10 // of the file
)

// file is the contents of the secret key's file.
func (k *Key) file() []byte {
	sum := k.sum()
	b := slices.Concat([]byte(secretStart), make([]byte, unused), k.Public.ID[:], k.secret, sum[:])
	return fmt.Appendf(nil, "%sminisign secret key of a grab collector %s, not encrypted\n%s\n", commentStart, k.Public.ID, base64.StdEncoding.EncodeToString(b))
}

func (k *Key) sum() [blake2b.Size256]byte {
	return blake2b.Sum256(slices.Concat([]byte(algorithm), k.Public.ID[:], k.secret))
}

// parseSecret reads the file of a secret key. No error says what is in it.
func parseSecret(file []byte) (*Key, error) {
	comment, rest, _ := strings.Cut(string(file), "\n")
	line, end, _ := strings.Cut(rest, "\n")
	b, err := base64.StdEncoding.Strict().DecodeString(line)
	if err != nil || end != "" || !strings.HasPrefix(comment, commentStart) || len(b) != secretSize || string(b[:len(secretStart)]) != secretStart {
		return nil, errors.New("it is no unencrypted minisign secret key")
	}
	b = b[len(secretStart)+unused:]
	k := &Key{secret: ed25519.PrivateKey(slices.Clone(b[8 : 8+ed25519.PrivateKeySize]))}
	copy(k.Public.ID[:], b)
	copy(k.Public.key[:], k.secret[ed25519.SeedSize:])
	sum := k.sum()
	if string(sum[:]) != string(b[8+ed25519.PrivateKeySize:]) {
		return nil, errors.New("its check sum is wrong")
	}
	if !ed25519.NewKeyFromSeed(k.secret.Seed()).Equal(k.secret) {
		return nil, errors.New("its public half is not of its secret half")
	}
	return k, nil
}
