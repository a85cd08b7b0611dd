package envelope

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"filippo.io/age"

	"rtmtgrab/internal/atomicfile"
)

// An Own is a key that a program keeps for files that only it reads: in Dir
//
//	NAME.key    the secret key, as age-keygen writes it, mode 0600
//	NAME.pub    its public half
//
// A folder with a public key had a secret one: where that is missing it is lost. It is made
// once and never made again by itself, for what is encrypted to it would be lost too.
type Own struct {
	Dir  string
	Name string
}

// ErrNoOwn is of a folder in which no key was made yet.
var ErrNoOwn = errors.New("no key was made yet")

// A LostKeyError is that a key is damaged, lost or cannot be read.
type LostKeyError struct{ Err error }

func (e *LostKeyError) Error() string { return "the key cannot be used: " + e.Err.Error() }

// Unwrap is what is wrong with it.
func (e *LostKeyError) Unwrap() error { return e.Err }

// KeyFile is where the secret key lies.
func (o Own) KeyFile() string { return filepath.Join(o.Dir, o.Name+".key") }

func (o Own) publicFile() string { return filepath.Join(o.Dir, o.Name+".pub") }

// load is the secret key: ErrNoOwn, or a *LostKeyError.
func (o Own) load() (*age.X25519Identity, error) {
	b, err := readSmall(o.KeyFile())
	if errors.Is(err, fs.ErrNotExist) {
		if _, perr := os.Lstat(o.publicFile()); perr == nil {
			return nil, &LostKeyError{fmt.Errorf("%s is not there any more, and %s is", o.KeyFile(), o.publicFile())}
		}
		return nil, ErrNoOwn
	}
	if err != nil {
		return nil, &LostKeyError{err}
	}
	list, err := age.ParseIdentities(bytes.NewReader(b))
	if err != nil || len(list) != 1 {
		return nil, &LostKeyError{fmt.Errorf("%s: it is no key of age-keygen", o.KeyFile())} // age's own error may quote a line
	}
	id, ok := list[0].(*age.X25519Identity)
	if !ok {
		return nil, &LostKeyError{fmt.Errorf("%s: it is another kind of key", o.KeyFile())}
	}
	return id, nil
}

// Make makes the key if there is none yet. Whoever calls it has a lock.
func (o Own) Make() error {
	id, err := o.load()
	if errors.Is(err, ErrNoOwn) {
		if id, err = age.GenerateX25519Identity(); err != nil {
			return err
		}
		err = atomicfile.WriteBytes(o.KeyFile(), fmt.Appendf(nil, "# public key: %s\n%s\n", id.Recipient(), id))
	}
	if err != nil {
		return err
	}
	public := []byte(id.Recipient().String() + "\n")
	if was, err := readSmall(o.publicFile()); err == nil && bytes.Equal(was, public) {
		return nil
	}
	return atomicfile.WriteBytes(o.publicFile(), public)
}

// Encrypt encrypts to the key.
func (o Own) Encrypt(plain []byte) ([]byte, error) {
	id, err := o.load()
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	w, err := age.Encrypt(&b, id.Recipient())
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(plain); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// Decrypt is the other way round, of at most so many bytes. ErrNoKey: it is encrypted to
// another key.
func (o Own) Decrypt(sealed []byte, most int64) ([]byte, error) {
	id, err := o.load()
	if err != nil {
		return nil, err
	}
	r, err := age.Decrypt(bytes.NewReader(sealed), id)
	if errors.As(err, new(*age.NoIdentityMatchError)) {
		return nil, ErrNoKey
	}
	if err != nil {
		return nil, err
	}
	plain, err := io.ReadAll(io.LimitReader(r, most+1))
	if err == nil && int64(len(plain)) > most {
		err = fmt.Errorf("more than %d MiB", most>>20)
	}
	return plain, err
}
