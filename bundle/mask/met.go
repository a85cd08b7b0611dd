package mask

import (
	"encoding/binary"

	"rtmtgrab/bundle/mask/find"
)

// A met is the values that a pass came upon, and what it wants to remember of each. A log has
// the same few over and over: those it met last are found without a map.
type met struct {
	last [1 << metBits]*value
	all  [find.Classes]map[string]*value
}

const metBits = 9

// maxSeen bounds what is remembered of each class.
const maxSeen = 1 << 15

// A value is one of a class, in its canonical form.
type value struct {
	class find.Class
	v     string
	as    string // its pseudonym, where that is asked for
}

// look is what is remembered of a value; nil: it was not met.
func (m *met) look(c find.Class, v []byte) *value {
	at := &m.last[placeOf(c, v)]
	if l := *at; l != nil && l.class == c && l.v == string(v) {
		return l
	}
	l := m.all[c][string(v)]
	if l != nil {
		*at = l
	}
	return l
}

// note remembers a value.
func (m *met) note(c find.Class, v []byte, as string) *value {
	l := &value{c, string(v), as}
	if m.all[c] == nil || len(m.all[c]) > maxSeen {
		m.all[c] = map[string]*value{}
	}
	m.all[c][l.v] = l
	m.last[placeOf(c, v)] = l
	return l
}

// placeOf is a value's place among the last ones.
func placeOf(c find.Class, v []byte) uint64 {
	var h uint64
	switch n := len(v); {
	case n >= 8:
		h = binary.LittleEndian.Uint64(v) ^ binary.LittleEndian.Uint64(v[n-8:])*0xc2b2ae3d27d4eb4f
	case n >= 4:
		h = uint64(binary.LittleEndian.Uint32(v)) | uint64(binary.LittleEndian.Uint32(v[n-4:]))<<32
	case n > 0:
		h = uint64(v[0]) | uint64(v[n/2])<<8 | uint64(v[n-1])<<16
	}
	return (h ^ uint64(c)<<56) * 0x9e3779b97f4a7c15 >> (64 - metBits)
}
