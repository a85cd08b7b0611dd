package hubinit

import (
	"bytes"
	"fmt"
	"path/filepath"

	"github.com/nats-io/nkeys"

	"rtmtgrab/internal/fleet"
)

// Kinds of an account's signing keys: what a user that one of them signed may do is written in
// the account, not in the user's credentials.
const (
	collectorKey = "collector"
	viewerKey    = "viewer"
)

// keys are whose names stand in folder keys.
type keys struct {
	operator nkeys.KeyPair
	system   nkeys.KeyPair
	tenants  map[string]tenantKeys
}

type tenantKeys struct {
	account   nkeys.KeyPair
	collector nkeys.KeyPair
	viewer    nkeys.KeyPair
}

// loadKeys reads all keys, and makes those that are missing.
func (m *maker) loadKeys() (err error) {
	m.keys.tenants = map[string]tenantKeys{}
	if m.keys.operator, err = m.key(nkeys.PrefixByteOperator, "operator.nk"); err != nil {
		return err
	}
	if m.keys.system, err = m.key(nkeys.PrefixByteAccount, "system.nk"); err != nil {
		return err
	}
	for _, t := range m.state.Tenants {
		var k tenantKeys
		dir := fleet.Token(t.Name)
		for name, to := range map[string]*nkeys.KeyPair{"account": &k.account, collectorKey: &k.collector, viewerKey: &k.viewer} {
			if *to, err = m.key(nkeys.PrefixByteAccount, "tenant-"+dir, name+".nk"); err != nil {
				return err
			}
		}
		m.keys.tenants[t.Name] = k
	}
	return nil
}

// key reads one key, or makes it.
func (f *folder) key(kind nkeys.PrefixByte, elem ...string) (nkeys.KeyPair, error) {
	path := append([]string{"keys"}, elem...)
	b, err := f.read(path...)
	if err != nil {
		return nil, err
	}
	if b != nil {
		k, err := nkeys.FromSeed(bytes.TrimSpace(b))
		if err == nil {
			if is, _, derr := nkeys.DecodeSeed(bytes.TrimSpace(b)); derr != nil || is != kind {
				err = fmt.Errorf("it is of another kind")
			}
		}
		if err != nil {
			return nil, fmt.Errorf("%s is damaged: bring it back from a copy; without it the hub has to be made anew, with all credentials", filepath.Join(path...))
		}
		return k, nil
	}
	k, err := nkeys.CreatePair(kind)
	if err != nil {
		return nil, err
	}
	seed, err := k.Seed()
	if err != nil {
		return nil, err
	}
	return k, f.write(append(seed, '\n'), path...)
}

// public is a key's public half; it never fails for a key that has a seed.
func public(k nkeys.KeyPair) string {
	p, err := k.PublicKey()
	if err != nil {
		return ""
	}
	return p
}
