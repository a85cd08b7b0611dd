package seal

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"rtmtgrab/internal/atomicfile"
)

// A Ring is the keys of one store:
//
//	seal.key            the secret key, mode 0600
//	seal.pub            its public key
//	seal-retired.pub    the public keys of those before it
//
// A store with a public key had a secret one: where that is missing it is lost, and not
// made again. The zero value has no keys and makes none.
type Ring struct{ Dir string }

// ErrNone is of a store in which no key was made yet.
var ErrNone = errors.New("no key was made yet")

// An UnusableError is that a store's secret key is damaged, lost or cannot be read. It is
// never made again by itself: Rotate does so.
type UnusableError struct{ Err error }

func (e *UnusableError) Error() string {
	return "the collector's signing key cannot be used: " + e.Err.Error()
}

// Unwrap is what is wrong with it.
func (e *UnusableError) Unwrap() error { return e.Err }

func (r Ring) file(name string) string { return filepath.Join(r.Dir, name) }
func (r Ring) keyFile() string         { return r.file("seal.key") }
func (r Ring) publicFile() string      { return r.file("seal.pub") }
func (r Ring) retiredFile() string     { return r.file("seal-retired.pub") }

// Load is the key that signs: ErrNone, or an *UnusableError.
func (r Ring) Load() (*Key, error) {
	if r.Dir == "" {
		return nil, ErrNone
	}
	b, err := readSmall(r.keyFile(), maxSecret)
	if errors.Is(err, fs.ErrNotExist) {
		if _, perr := os.Lstat(r.publicFile()); perr == nil {
			return nil, &UnusableError{fmt.Errorf("%s is not there any more, and %s is", r.keyFile(), r.publicFile())}
		}
		return nil, ErrNone
	}
	if err != nil {
		return nil, &UnusableError{err}
	}
	k, err := parseSecret(b)
	if err != nil {
		return nil, &UnusableError{fmt.Errorf("%s: %w", r.keyFile(), err)}
	}
	return k, nil
}

// Key is Load, and makes the first key of a store.
func (r Ring) Key() (*Key, error) {
	k, err := r.Load()
	if err == nil && r.published(k.Public) || err != nil && (!errors.Is(err, ErrNone) || r.Dir == "") {
		return k, err
	}
	unlock, err := r.lock()
	if err != nil {
		return nil, err
	}
	defer unlock()
	k, err = r.Load() // another process may have made it
	if errors.Is(err, ErrNone) {
		if k, err = newKey(); err == nil {
			err = atomicfile.WriteBytes(r.keyFile(), k.file())
		}
	}
	if err != nil {
		return nil, err
	}
	return k, r.publish(k.Public)
}

// published reports whether the public key lies beside the secret one.
func (r Ring) published(p PublicKey) bool {
	b, err := readSmall(r.publicFile(), maxKeysFile)
	return err == nil && bytes.Equal(b, p.File())
}

// publish writes the public key. Another one that was there is listed as retired first.
func (r Ring) publish(p PublicKey) error {
	if r.published(p) {
		return nil
	}
	if was, err := ReadPublicKeyFile(r.publicFile()); err == nil {
		if err := r.retire(slices.DeleteFunc(was, func(o PublicKey) bool { return o == p })...); err != nil {
			return err
		}
	}
	return atomicfile.WriteBytes(r.publicFile(), p.File())
}

// retire lists keys as retired.
func (r Ring) retire(keys ...PublicKey) error {
	all, err := r.Retired()
	if err != nil {
		return err
	}
	n := len(all)
	for _, k := range keys {
		if !slices.Contains(all, k) {
			all = append(all, k)
		}
	}
	if len(all) == n {
		return nil
	}
	var b []byte
	for _, k := range all {
		b = append(b, k.File()...)
	}
	return atomicfile.WriteBytes(r.retiredFile(), b)
}

// Retired are the public keys of the secret keys before, the oldest first.
func (r Ring) Retired() ([]PublicKey, error) {
	keys, err := ReadPublicKeyFile(r.retiredFile())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return keys, err
}

// Public is the public key of the store, also where the secret one cannot be used.
func (r Ring) Public() (PublicKey, error) {
	keys, err := ReadPublicKeyFile(r.publicFile())
	if errors.Is(err, fs.ErrNotExist) {
		return PublicKey{}, ErrNone
	}
	if err != nil {
		return PublicKey{}, err
	}
	return keys[0], nil
}

// Rotate makes a new key. The public one of the key before stays listed, and what is
// damaged is set aside.
func (r Ring) Rotate() (*Key, error) {
	if err := atomicfile.MkdirAll(r.Dir); err != nil {
		return nil, err
	}
	unlock, err := r.lock()
	if err != nil {
		return nil, err
	}
	defer unlock()
	was, err := r.Load()
	if err == nil {
		err = r.retire(was.Public)
	} else if _, lerr := os.Lstat(r.keyFile()); lerr == nil {
		_, err = atomicfile.SetAside(r.keyFile())
	} else {
		err = nil // lost, or there never was one
	}
	if err != nil {
		return nil, err
	}
	if p, perr := r.Public(); perr == nil {
		if err := r.retire(p); err != nil { // before the secret key goes
			return nil, err
		}
	}
	k, err := newKey()
	if err != nil {
		return nil, err
	}
	if err := atomicfile.WriteBytes(r.keyFile(), k.file()); err != nil {
		return nil, err
	}
	return k, r.publish(k.Public)
}

func (r Ring) lock() (unlock func(), err error) {
	if err := atomicfile.MkdirAll(r.Dir); err != nil {
		return nil, err
	}
	return atomicfile.WaitLock(r.file("seal.lock"))
}
