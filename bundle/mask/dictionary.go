package mask

import "strings"

// shortest is how many letters a name must have to be looked for wherever it may stand.
const shortest = 4

// A dictionary is what is known to be raw.
type dictionary struct {
	filter    [1 << 10]uint64
	names     map[string]bool // true: wherever it is seen
	macs      map[uint64]bool
	macFilter [1 << 10]uint64
	addrs     map[string]string
	domains   map[string]bool
}

func newDictionary(t *Table, domains map[string]bool) *dictionary {
	t.mu.RLock()
	defer t.mu.RUnlock()
	d := &dictionary{names: make(map[string]bool, len(t.given[names])), macs: make(map[uint64]bool, len(t.given[macs])), addrs: map[string]string{}, domains: domains}
	for v := range t.given[names] {
		d.names[v] = distinct(v)
		if d.names[v] {
			h := nameHash([]byte(v))
			d.filter[h>>6] |= 1 << (h & 63)
		}
	}
	for v := range t.given[macs] {
		if k, ok := macKey([]byte(v)); ok {
			d.macs[k] = true
			h := macHash(k)
			d.macFilter[h>>6] |= 1 << (h & 63)
		}
	}
	for v, as := range t.given[addrs] {
		d.addrs[v] = as
	}
	return d
}

// distinct reports whether a name is told from other words wherever it stands.
func distinct(v string) bool {
	if len(v) < shortest || common[v] || topLevels[v] || neutral[v] || keyKinds[v] != keyNone {
		return false
	}
	digits := strings.ContainsAny(v, "0123456789")
	letters := anyOf([]byte(v), isLetter)
	return letters && (digits || len(v) >= 6)
}

func nameHash(w []byte) uint16 {
	n := len(w)
	h := uint32(lower(w[0])) | uint32(lower(w[1]))<<8 | uint32(lower(w[n-1]))<<16 | uint32(n)<<24
	return uint16(h * 2654435761 >> 16)
}

func macHash(k uint64) uint16 { return uint16(k * 0x9e3779b97f4a7c15 >> 48) }

func (d *dictionary) maybe(w []byte) bool {
	h := nameHash(w)
	return d.filter[h>>6]&(1<<(h&63)) != 0
}

func (d *dictionary) hasMAC(k uint64) bool {
	h := macHash(k)
	return d.macFilter[h>>6]&(1<<(h&63)) != 0 && d.macs[k]
}

// has reports whether a value is known to be raw; nil knows nothing.
func (d *dictionary) has(c class, v []byte) bool {
	if d == nil {
		return false
	}
	switch c {
	case names:
		var buf [64]byte
		return d.names[string(appendLower(buf[:0], v))]
	case macs:
		k, ok := macKey(v)
		return ok && d.hasMAC(k)
	case addrs:
		_, ok := d.addrs[string(v)]
		return ok
	}
	return false
}
