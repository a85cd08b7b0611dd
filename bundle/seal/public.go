package seal

import (
	"bufio"
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"rtmtgrab/internal/plaintext"
)

const (
	algorithm    = "Ed" // of keys
	algorithmPre = "ED" // of signatures over a BLAKE2b-512 hash
	commentStart = "untrusted comment: "
	trustedStart = "trusted comment: "
)

// An ID tells keys apart. It is random and proves nothing.
type ID [8]byte

// String is the ID as minisign prints it.
func (id ID) String() string { return fmt.Sprintf("%016X", binary.LittleEndian.Uint64(id[:])) }

// A PublicKey checks signatures.
type PublicKey struct {
	ID  ID
	key [ed25519.PublicKeySize]byte
}

// String is the key in one line, as `minisign -P` takes it.
func (p PublicKey) String() string {
	return base64.StdEncoding.EncodeToString(slices.Concat([]byte(algorithm), p.ID[:], p.key[:]))
}

// File is the contents of a file that `minisign -p` takes.
func (p PublicKey) File() []byte {
	return fmt.Appendf(nil, "%sminisign public key %s\n%s\n", commentStart, p.ID, p)
}

// ParsePublicKey reads a key of one line.
func ParsePublicKey(line string) (PublicKey, error) {
	var p PublicKey
	b, err := base64.StdEncoding.Strict().DecodeString(line)
	if err != nil || strings.ContainsAny(line, "\r\n") || len(b) != len(algorithm)+len(p.ID)+len(p.key) || string(b[:2]) != algorithm {
		return p, errors.New("not a minisign public key: one begins with RW and has 56 characters")
	}
	copy(p.ID[:], b[2:])
	copy(p.key[:], b[2+len(p.ID):])
	return p, nil
}

// Bounds on a file of public keys.
const (
	maxKeys     = 10_000
	maxKeysFile = 1 << 20
)

// ReadPublicKeys reads a file of one or more keys, each in a line. Comments and empty
// lines between them are passed over.
func ReadPublicKeys(r io.Reader) ([]PublicKey, error) {
	b, err := io.ReadAll(io.LimitReader(r, maxKeysFile+1))
	if err != nil {
		return nil, err
	}
	if len(b) > maxKeysFile {
		return nil, fmt.Errorf("larger than %d KiB", maxKeysFile>>10)
	}
	var keys []PublicKey
	lines := bufio.NewScanner(bytes.NewReader(plaintext.Of(b)))
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") || strings.HasPrefix(line, strings.TrimSpace(commentStart)) {
			continue
		}
		p, err := ParsePublicKey(line)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		if keys = append(keys, p); len(keys) > maxKeys {
			return nil, fmt.Errorf("more than %d keys", maxKeys)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	if len(keys) == 0 {
		return nil, errors.New("no minisign public key in it")
	}
	return keys, nil
}

// ReadPublicKeyFile is ReadPublicKeys of a file.
func ReadPublicKeyFile(path string) ([]PublicKey, error) {
	b, err := readSmall(path, maxKeysFile)
	if err != nil {
		return nil, err
	}
	keys, err := ReadPublicKeys(bytes.NewReader(b))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return keys, nil
}

// Named reads what a person gives as a key: the key itself, or a file that holds one.
func Named(arg string) ([]PublicKey, error) {
	if p, err := ParsePublicKey(strings.TrimSpace(arg)); err == nil {
		return []PublicKey{p}, nil
	}
	return ReadPublicKeyFile(arg)
}

// readSmall reads a regular file, and only that: a pipe could block for ever.
func readSmall(path string, most int64) ([]byte, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is not a file", path)
	case info.Size() > most:
		return nil, fmt.Errorf("%s is larger than %d bytes", path, most)
	}
	return os.ReadFile(path)
}
