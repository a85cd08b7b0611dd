package share

import (
	"crypto/ed25519"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"

	"rtmtgrab/bundle/seal/envelope"
	"rtmtgrab/internal/atomicfile"
	"rtmtgrab/internal/config/fleetconf"
	"rtmtgrab/internal/fleet"
	"rtmtgrab/internal/incident"
)

// Keys are by what a collector signs what it lends, and opens what others lend to it.
type Keys struct {
	pair   envelope.Pair
	signer ed25519.PrivateKey
}

// Format shows no secret.
func (k Keys) String() string { return "keys of " + k.pair.Recipient() }

// GoString is String.
func (k Keys) GoString() string { return k.String() }

// keyFile is how they are kept, mode 0600.
type keyFile struct {
	Identity string `json:"identity"`
	Seed     string `json:"seed"`
}

// A Keyring gives the keys of a store, which are made when they are asked for the first time.
type Keyring func() (*Keys, error)

// Known is by what others are to know a collector; nil: it does not lend.
func (r Keyring) Known(f *fleetconf.Fleet, log *slog.Logger) *fleet.Lends {
	if f == nil || !f.Share {
		return nil
	}
	k, err := r()
	if err != nil {
		log.Error("nothing is lent to other collectors of a site, nor borrowed of them", "err", err)
		return nil
	}
	return k.Public()
}

// KeysIn is that of a store.
func KeysIn(st *incident.Store) Keyring {
	var mu sync.Mutex
	var have *Keys
	return func() (*Keys, error) {
		mu.Lock()
		defer mu.Unlock()
		var err error
		if have == nil {
			have, err = loadKeys(st)
		}
		return have, err
	}
}

func loadKeys(st *incident.Store) (*Keys, error) {
	path := filepath.Join(st.Dir, "fleet", "share.key")
	file := incident.File[keyFile](st, path)
	was, there, err := file.Load()
	if err == nil && there {
		k, err := was.keys()
		if err != nil {
			return nil, fmt.Errorf("%s: %w; if it cannot be brought back remove it, and others are made", path, err)
		}
		return k, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the keys by which slices are lent: %w", err)
	}
	k, err := newKeys()
	if err != nil {
		return nil, err
	}
	if err := atomicfile.MkdirAll(filepath.Dir(path)); err != nil {
		return nil, err
	}
	return k, file.Save(keyFile{k.pair.Secret(), hex.EncodeToString(k.signer.Seed())})
}

func newKeys() (*Keys, error) {
	id, err := envelope.NewPair()
	if err != nil {
		return nil, err
	}
	_, signer, err := ed25519.GenerateKey(nil)
	return &Keys{id, signer}, err
}

// keys reads what was kept. No error says what is in it.
func (f keyFile) keys() (*Keys, error) {
	id, err := envelope.ParsePair(f.Identity)
	seed, err2 := hex.DecodeString(f.Seed)
	if err != nil || err2 != nil || len(seed) != ed25519.SeedSize {
		return nil, errors.New("there are no keys in it")
	}
	return &Keys{id, ed25519.NewKeyFromSeed(seed)}, nil
}

// Public is by what others know it.
func (k *Keys) Public() *fleet.Lends {
	return &fleet.Lends{Recipient: k.pair.Recipient(), Signer: hex.EncodeToString(k.signer.Public().(ed25519.PublicKey))}
}
