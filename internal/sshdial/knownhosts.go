package sshdial

import (
	"errors"
	"io"
	"os"
	"strings"

	"github.com/skeema/knownhosts"

	"rtmtgrab/internal/plaintext"
)

// maxKnownHosts bounds a known_hosts file that has to be written anew to be read.
const maxKnownHosts = 16 << 20

// A KnownHostsError is that a known_hosts file cannot be read.
type KnownHostsError struct{ Err error }

func (e *KnownHostsError) Error() string { return "read known_hosts: " + e.Err.Error() }

// Unwrap is what is wrong with it.
func (e *KnownHostsError) Unwrap() error { return e.Err }

// ReadKnownHosts reads a known_hosts file, also one that an editor on Windows has saved. An
// error is a *KnownHostsError.
func ReadKnownHosts(name string) (*knownhosts.HostKeyDB, error) {
	text, err := marked(name)
	if err != nil {
		return nil, &KnownHostsError{err}
	}
	if text != nil {
		return ParseKnownHosts(text, name)
	}
	db, err := knownhosts.NewDB(name)
	if err != nil {
		return nil, &KnownHostsError{err}
	}
	return db, nil
}

// ParseKnownHosts reads the text of a known_hosts file; name is what its errors call it. What
// parses it reads files alone: the text is one for that long.
func ParseKnownHosts(text []byte, name string) (_ *knownhosts.HostKeyDB, err error) {
	f, err := os.CreateTemp("", "grab-known-hosts-")
	if err != nil {
		return nil, &KnownHostsError{err}
	}
	defer os.Remove(f.Name())
	_, err = f.Write(text)
	if err := errors.Join(err, f.Close()); err != nil {
		return nil, &KnownHostsError{err}
	}
	db, err := knownhosts.NewDB(f.Name())
	if err != nil {
		return nil, &KnownHostsError{errors.New(strings.ReplaceAll(err.Error(), f.Name(), name))}
	}
	return db, nil
}

// marked is the text of a file that begins with the mark of an editor; nil: it has none.
func marked(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	head := make([]byte, plaintext.MarkLen)
	n, _ := io.ReadFull(f, head) // what cannot be read has no mark: whoever parses it says why
	if !plaintext.Marked(head[:n]) {
		return nil, nil
	}
	rest, err := io.ReadAll(io.LimitReader(f, maxKnownHosts))
	if err != nil {
		return nil, err
	}
	return plaintext.Of(append(head[:n], rest...)), nil
}
