package envelope

import (
	"errors"
	"io"

	"filippo.io/age"
)

// A Pair is a key that one program has, and others encrypt to. It is X25519's.
type Pair struct{ identity *age.X25519Identity }

// NewPair makes one.
func NewPair() (Pair, error) {
	id, err := age.GenerateX25519Identity()
	return Pair{id}, err
}

// ParsePair reads what Secret wrote. No error says what is in it.
func ParsePair(secret string) (Pair, error) {
	id, err := age.ParseX25519Identity(secret)
	if err != nil {
		return Pair{}, errors.New("no key of age-keygen")
	}
	return Pair{id}, nil
}

// Secret is the pair as it is kept.
func (p Pair) Secret() string { return p.identity.String() }

// Recipient is to what others encrypt.
func (p Pair) Recipient() string { return p.identity.Recipient().String() }

// String shows no secret.
func (p Pair) String() string { return "key " + p.Recipient() }

// GoString is String.
func (p Pair) GoString() string { return p.String() }

// IsRecipient reports whether s is the recipient of a Pair.
func IsRecipient(s string) bool {
	_, err := age.ParseX25519Recipient(s)
	return err == nil
}

// EncryptTo encrypts what is written to it to recipients of Pairs, of which there has to be one. Its
// Close is the end of it, and does not close w.
func EncryptTo(w io.Writer, recipients ...string) (io.WriteCloser, error) {
	var list []age.Recipient
	for _, s := range recipients {
		r, err := age.ParseX25519Recipient(s)
		if err != nil {
			return nil, errors.New("no recipient of age-keygen")
		}
		list = append(list, r)
	}
	if len(list) == 0 {
		return nil, errors.New("no recipient")
	}
	return age.Encrypt(w, list...)
}

// Decrypt reads what was encrypted to the pair: ErrNoKey if it was not. What it has read is as it was
// encrypted, up to an error.
func (p Pair) Decrypt(r io.Reader) (io.Reader, error) {
	out, err := age.Decrypt(r, p.identity)
	if errors.As(err, new(*age.NoIdentityMatchError)) {
		err = ErrNoKey
	}
	return out, err
}
