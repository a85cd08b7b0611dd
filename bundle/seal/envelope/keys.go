package envelope

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rsa"
	"errors"
	"fmt"
	"io"

	"filippo.io/age"
	"filippo.io/age/agessh"
	"filippo.io/age/armor"
	"golang.org/x/crypto/ssh"

	"rtmtgrab/internal/atomicfile"
)

// Keys open what is encrypted.
type Keys struct{ list []age.Identity }

// A Passphrase gives the passphrase of a key's file.
type Passphrase func(file string) (string, error)

// What is wrong with a passphrase.
var (
	ErrNoPassphrase    = errors.New("it is encrypted with a passphrase, and none was given")
	ErrWrongPassphrase = errors.New("the passphrase does not open it")
)

// UnlockKeys reads files of secret keys: those of age-keygen, and SSH keys, which may be encrypted
// with a passphrase too: by `age -p`, or as ssh-keygen does. ask is asked for each that is; nil:
// nobody knows one. No error says what is in a file.
func UnlockKeys(ask Passphrase, files ...string) (Keys, error) {
	var k Keys
	for _, name := range files {
		b, err := readSmall(name)
		if err != nil {
			return Keys{}, fmt.Errorf("key: %w", err)
		}
		list, err := parseKeys(b, func() (string, error) {
			if ask == nil {
				return "", ErrNoPassphrase
			}
			return ask(name)
		})
		if err != nil {
			return Keys{}, fmt.Errorf("key %s: %w", name, err)
		}
		k.list = append(k.list, list...)
	}
	if len(k.list) == 0 {
		return k, errors.New("no key")
	}
	return k, nil
}

func parseKeys(b []byte, ask func() (string, error)) ([]age.Identity, error) {
	trimmed := bytes.TrimSpace(b)
	switch {
	case bytes.HasPrefix(trimmed, []byte(armor.Header)):
		return unlockAge(armor.NewReader(bytes.NewReader(trimmed)), ask)
	case bytes.HasPrefix(b, []byte(magic)):
		return unlockAge(bytes.NewReader(b), ask)
	case bytes.Contains(b, []byte("-----BEGIN")):
		return parseSSH(b, ask)
	}
	return parseAge(b)
}

func parseAge(b []byte) ([]age.Identity, error) {
	list, err := age.ParseIdentities(bytes.NewReader(b))
	if err != nil {
		return nil, errors.New("no key of age-keygen, and no SSH key") // age's own error may quote a line
	}
	return list, nil
}

// maxWork bounds what a passphrase may cost: 1 GiB of memory. That of `age -p` is 18, 256 MiB.
const maxWork = 20

// A lock is an identity that asks for a passphrase when it comes upon what is encrypted
// with one, and remembers how that went: what age says is words.
type lock struct {
	ask func() (string, error)
	err error
}

func (l *lock) Unwrap(stanzas []*age.Stanza) ([]byte, error) {
	if len(stanzas) != 1 || stanzas[0].Type != "scrypt" {
		l.err = errors.New("it is encrypted to a key and not with a passphrase: is it the bundle? A key's file is wanted here")
		return nil, age.ErrIncorrectIdentity
	}
	var words string
	if words, l.err = l.ask(); l.err != nil {
		return nil, age.ErrIncorrectIdentity
	}
	id, err := age.NewScryptIdentity(words)
	if err != nil {
		l.err = ErrWrongPassphrase // it is empty
		return nil, age.ErrIncorrectIdentity
	}
	id.SetMaxWorkFactor(maxWork)
	key, err := id.Unwrap(stanzas)
	if errors.Is(err, age.ErrIncorrectIdentity) {
		l.err = ErrWrongPassphrase
	}
	return key, err
}

// unlockAge reads keys that `age -p` has encrypted.
func unlockAge(r io.Reader, ask func() (string, error)) ([]age.Identity, error) {
	l := &lock{ask: ask}
	plain, err := age.Decrypt(r, l)
	if l.err != nil {
		return nil, l.err
	}
	if err != nil {
		return nil, fmt.Errorf("it begins like a file of age's, and is damaged: %w", err)
	}
	b, err := io.ReadAll(io.LimitReader(plain, maxFile))
	if err != nil {
		return nil, fmt.Errorf("it is damaged: %w", err)
	}
	return parseAge(b)
}

// parseSSH reads a key of ssh-keygen.
func parseSSH(b []byte, ask func() (string, error)) ([]age.Identity, error) {
	id, err := agessh.ParseIdentity(b)
	if _, locked := errors.AsType[*ssh.PassphraseMissingError](err); locked {
		id, err = unlockSSH(b, ask)
	}
	if err != nil {
		return nil, err
	}
	return []age.Identity{id}, nil
}

// unlockSSH reads one that has a passphrase.
func unlockSSH(b []byte, ask func() (string, error)) (age.Identity, error) {
	words, err := ask()
	if err != nil {
		return nil, err
	}
	raw, err := ssh.ParseRawPrivateKeyWithPassphrase(b, []byte(words))
	if err != nil {
		return nil, ErrWrongPassphrase // or it is damaged: that cannot be told
	}
	switch k := raw.(type) {
	case *ed25519.PrivateKey:
		return agessh.NewEd25519Identity(*k)
	case ed25519.PrivateKey:
		return agessh.NewEd25519Identity(k)
	case *rsa.PrivateKey:
		return agessh.NewRSAIdentity(k)
	}
	return nil, fmt.Errorf("an SSH key of this kind opens nothing that age encrypts: %T", raw)
}

// NewKey makes a secret key, writes its file as age-keygen does, and returns its recipient.
func NewKey(file string) (recipient string, err error) {
	id, err := age.GenerateX25519Identity()
	if err != nil {
		return "", err
	}
	recipient = id.Recipient().String()
	return recipient, atomicfile.WriteBytes(file, fmt.Appendf(nil, "# public key: %s\n%s\n", recipient, id))
}
