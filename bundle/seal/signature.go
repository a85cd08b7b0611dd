package seal

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"hash"
	"slices"
	"strings"

	"golang.org/x/crypto/blake2b"
)

// MaxSignature is the most bytes that a signature's file may have.
const MaxSignature = 4 << 10

// What a signature is found to be that is not valid.
var (
	ErrWrong   = errors.New("the signature does not belong to these contents")
	ErrUnknown = errors.New("the signature is of a key that is not trusted")
)

// NewHash is the hash that is signed, of the contents.
func NewHash() hash.Hash {
	h, err := blake2b.New512(nil)
	if err != nil {
		panic(err) // only a key can be wrong, and there is none
	}
	return h
}

// A Signature is what a file NAME.minisig says.
type Signature struct {
	Key     ID
	Comment string // trusted: signed too
	over    [ed25519.SignatureSize]byte
	global  [ed25519.SignatureSize]byte // over the signature and the comment
}

// ParseSignature reads a signature's file, of which each byte has its meaning but for those
// of the first line.
func ParseSignature(b []byte) (Signature, error) {
	var s Signature
	if len(b) > MaxSignature {
		return s, fmt.Errorf("larger than %d bytes", MaxSignature)
	}
	lines := strings.Split(string(b), "\n")
	if bytes.IndexByte(b, '\r') >= 0 || len(lines) != 5 || lines[4] != "" || !strings.HasPrefix(lines[0], commentStart) || !strings.HasPrefix(lines[2], trustedStart) {
		return s, errors.New("not a minisign signature of four lines")
	}
	over, err1 := base64.StdEncoding.Strict().DecodeString(lines[1])
	global, err2 := base64.StdEncoding.Strict().DecodeString(lines[3])
	if err1 != nil || err2 != nil || len(over) != 2+len(s.Key)+len(s.over) || len(global) != len(s.global) {
		return s, errors.New("not a minisign signature: its base64 is damaged")
	}
	if string(over[:2]) != algorithmPre {
		return s, errors.New("not a prehashed minisign signature")
	}
	copy(s.Key[:], over[2:])
	copy(s.over[:], over[2+len(s.Key):])
	copy(s.global[:], global)
	s.Comment = lines[2][len(trustedStart):]
	return s, nil
}

// Check says whether the signature is one of the keys' over contents with that hash: nil,
// ErrUnknown or ErrWrong.
func (s Signature) Check(hash []byte, keys ...PublicKey) error {
	err := ErrUnknown
	for _, k := range keys {
		if k.ID != s.Key {
			continue
		}
		err = ErrWrong
		key := ed25519.PublicKey(k.key[:])
		if ed25519.Verify(key, hash, s.over[:]) && ed25519.Verify(key, slices.Concat(s.over[:], []byte(s.Comment)), s.global[:]) {
			return nil
		}
	}
	return err
}

// Sign is the file of a signature over contents. The trusted comment is signed too, and
// one line.
func (k *Key) Sign(contents []byte, comment string) []byte {
	h := blake2b.Sum512(contents)
	over := ed25519.Sign(k.secret, h[:])
	comment = strings.NewReplacer("\n", " ", "\r", " ").Replace(comment)
	global := ed25519.Sign(k.secret, slices.Concat(over, []byte(comment)))

	line := base64.StdEncoding.EncodeToString
	return fmt.Appendf(nil, "%ssignature of the collector's key %s\n%s\n%s%s\n%s\n", commentStart, k.Public.ID,
		line(slices.Concat([]byte(algorithmPre), k.Public.ID[:], over)), trustedStart, comment, line(global))
}
