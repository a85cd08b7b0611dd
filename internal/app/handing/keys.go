package handing

import (
	"errors"
	"fmt"
	"io"

	"rtmtgrab/bundle/seal"
	"rtmtgrab/internal/advice"
)

// A PublicKey is one of a collector, for scripts.
type PublicKey struct {
	ID  string `json:"id"`
	Key string `json:"key"`
}

// Keys are the public keys of a collector.
type Keys struct {
	PublicKey
	Usable  bool        `json:"usable"` // bundles are signed
	Error   string      `json:"error,omitempty"`
	Retired []PublicKey `json:"retired"` // the oldest first

	current seal.PublicKey
	retired []seal.PublicKey
}

func public(k seal.PublicKey) PublicKey { return PublicKey{k.ID.String(), k.String()} }

// Show is the public key of a store, and those before it.
func Show(r seal.Ring) (Keys, error) {
	var k Keys
	var err error
	if k.current, err = r.Public(); err != nil {
		if errors.Is(err, seal.ErrNone) {
			err = advice.WithHint(err, "`grab init`, and the first `grab watch` or `grab now` with this store, make it")
		}
		return k, err
	}
	if k.retired, err = r.Retired(); err != nil {
		return k, err
	}
	k.PublicKey, k.Retired = public(k.current), []PublicKey{}
	for _, old := range k.retired {
		k.Retired = append(k.Retired, public(old))
	}
	_, err = r.Load()
	if k.Usable = err == nil; err != nil {
		k.Error = err.Error()
	}
	return k, nil
}

// Rotate makes a new key, and shows all.
func Rotate(r seal.Ring) (Keys, error) {
	if _, err := r.Rotate(); err != nil {
		return Keys{}, fmt.Errorf("rotate the signing key: %w", err)
	}
	return Show(r)
}

// Write prints the key as the file that `minisign -p` takes, and with all also those
// before it: the file that `grab verify --trust` takes.
func (k Keys) Write(out, errOut io.Writer, all bool) error {
	if !k.Usable {
		fmt.Fprintln(errOut, "grab: warning:", k.Error+"; bundles are not signed. `grab key rotate` makes a new key")
	}
	if all {
		for _, old := range k.retired {
			if _, err := out.Write(old.File()); err != nil {
				return err
			}
		}
	}
	_, err := out.Write(k.current.File())
	return err
}
