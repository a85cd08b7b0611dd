package bundle

import (
	"crypto/sha256"
	"encoding/hex"
	"hash"
)

// A meter counts and hashes what is written to it, and keeps none of it.
type meter struct {
	hash hash.Hash
	n    int64
}

func newMeter() *meter { return &meter{hash: sha256.New()} }

func (m *meter) Write(p []byte) (int, error) {
	m.n += int64(len(p))
	return m.hash.Write(p)
}

func (m *meter) sum() string { return hex.EncodeToString(m.hash.Sum(nil)) }
