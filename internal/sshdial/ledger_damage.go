package sshdial

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"rtmtgrab/internal/atomicfile"
)

const keySize = 32

// damage is why a record cannot be read, nil if it can or there is none. It may be of a
// refusal: it blocks the logins that it is of, and no others.
func (l *Ledger) damage(name, host string) error {
	r, there, err := attemptIn(l.file(name)).Load()
	if err == nil && there && r.Host != host {
		err = fmt.Errorf("%s is damaged: it is of another host", l.file(name))
	}
	return err
}

// blockedByDamage is the error of a login whose record cannot be read.
func (a *attempt) blockedByDamage() error {
	damage := a.ledger.damage(a.name(), a.row.Host)
	if damage == nil || a.override {
		return nil
	}
	refusal := a.row
	refusal.Refused = true
	if info, err := os.Lstat(a.ledger.file(a.name())); err == nil {
		refusal.Last = info.ModTime().UTC()
	}
	return &Error{Kind: KindLoginBlocked, Refusal: &refusal, Err: fmt.Errorf("an earlier login may have been refused: %w", damage)}
}

// replaceDamage sets a record aside that cannot be read, when a person has asked for the
// login all the same; what it may have said goes on until a login succeeds.
func (a *attempt) replaceDamage() error {
	if a.ledger.damage(a.name(), a.row.Host) == nil {
		return nil
	}
	if _, err := atomicfile.SetAside(a.ledger.file(a.name())); err != nil {
		return err
	}
	refusal := a.row
	refusal.Secret, refusal.Key = "", "" // it may have been any
	refusal.Refused, refusal.First, refusal.Last = true, a.ledger.time(), a.ledger.time()
	return a.write(refusal)
}

// loadKey reads the ledger's key. One that is damaged is set aside and made anew, and what
// is recorded then speaks of every secret: of which it was nobody can tell.
func (l *Ledger) loadKey() ([]byte, error) {
	name := filepath.Join(l.Dir, ".key")
	key, err := readKey(name)
	if err == nil {
		return key, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		if _, err := atomicfile.SetAside(name); err != nil {
			return nil, err
		}
	}
	rows, err := l.rows()
	if err != nil {
		return nil, err
	}
	for file, r := range rows {
		r.Secret = ""
		if err := attemptIn(filepath.Join(l.Dir, file)).Save(r); err != nil {
			return nil, err
		}
	}
	key = make([]byte, keySize)
	rand.Read(key)
	return key, atomicfile.WriteBytes(name, key)
}

func readKey(name string) ([]byte, error) {
	info, err := os.Stat(name) // before it is opened: that waits for ever at a named pipe
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() != keySize {
		return nil, fmt.Errorf("%s is damaged", name)
	}
	return os.ReadFile(name)
}

// keyID tells keys apart: a record that was made with another speaks of every secret.
func keyID(key []byte) string {
	sum := sha256.Sum256(append([]byte("id of "), key...))
	return hex.EncodeToString(sum[:4])
}
