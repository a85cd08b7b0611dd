package find

import (
	"bytes"
	"cmp"
	"maps"
	"strings"
)

// Shortest is how many letters a name must have to be looked for wherever it may stand.
const Shortest = 4

// A Dictionary is what is known to be raw.
type Dictionary struct {
	filter    [1 << 10]uint64
	short     [1 << 10]uint64 // of the names that count where names stand
	byName    map[string]bool // true: wherever it is seen
	byMAC     map[uint64]bool
	macFilter [1 << 10]uint64
	byAddr    map[string]bool
	domains   words
}

// NewDictionary is one of what a table gave pseudonyms to, of domains, and of the pseudonyms:
// what stands in a masked text is found as what stood in the raw one was, or something else
// would be seen there. everywhere: short names count wherever they are seen, too.
func NewDictionary(given *[Classes]map[string]string, domains map[string]bool, everywhere bool) *Dictionary {
	d := &Dictionary{byName: make(map[string]bool, 2*len(given[Names])), byMAC: make(map[uint64]bool, 2*len(given[MACs])), byAddr: make(map[string]bool, 2*len(given[Addrs]))}
	for v, as := range given[Names] {
		d.name(v, distinct(v) || everywhere && len(v) >= 3)
		if !everywhere {
			d.name(as, distinct(v))
		}
	}
	for v, as := range given[MACs] {
		d.mac(v)
		d.mac(as)
	}
	for v, as := range given[Addrs] {
		d.byAddr[v], d.byAddr[as] = true, true
	}
	all := make(map[string]bool, 2*len(domains))
	for v := range domains {
		all[v], all[otherDomain(v, given[Names])] = true, true
	}
	d.domains = words{newFilter(maps.Keys(all)), all}
	return d
}

// name takes a name in. everywhere: it counts wherever it is seen.
func (d *Dictionary) name(v string, everywhere bool) {
	d.byName[v] = everywhere
	if len(v) < 2 {
		return
	}
	h, filter := nameHash([]byte(v)), &d.short
	if everywhere {
		filter = &d.filter
	}
	filter[h>>6] |= 1 << (h & 63)
}

func (d *Dictionary) mac(v string) {
	if k, ok := macKey([]byte(v)); ok {
		d.byMAC[k] = true
		h := macHash(k)
		d.macFilter[h>>6] |= 1 << (h & 63)
	}
}

// otherDomain is what becomes of a domain when its labels are replaced.
func otherDomain(v string, given map[string]string) string {
	names := v[:len(v)-kept([]byte(v))]
	var out []string
	for at := 0; at < len(names); {
		n, _ := labelEnd([]byte(names[at:]))
		label := names[at : at+n]
		out = append(out, cmp.Or(given[label], label))
		at += n + 1
	}
	return strings.Join(out, ".") + v[len(names):]
}

// distinct reports whether a name is told from other words wherever it stands.
func distinct(v string) bool {
	if len(v) < Shortest || common.in[v] || topLevels.in[v] || neutral.in[v] || keyKinds[v] != keyNone {
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

func (d *Dictionary) maybe(w []byte) bool {
	h := nameHash(w)
	return d.filter[h>>6]&(1<<(h&63)) != 0
}

func (d *Dictionary) maybeShort(w []byte) bool {
	h := nameHash(w)
	return d.short[h>>6]&(1<<(h&63)) != 0
}

func (d *Dictionary) hasMAC(k uint64) bool {
	h := macHash(k)
	return d.macFilter[h>>6]&(1<<(h&63)) != 0 && d.byMAC[k]
}

// ofDomain reports whether a name is that of a domain that is known, or of a host in one.
func (d *Dictionary) ofDomain(w []byte) bool {
	if len(w) > 255 {
		return false
	}
	var buf [256]byte
	for {
		if d.domains.filter.maybe(w) && d.domains.has(appendLower(buf[:0], w)) {
			return true
		}
		i := bytes.IndexByte(w, '.')
		if i < 0 {
			return false
		}
		w = w[i+1:]
	}
}

// has reports whether a value is known to be raw; nil knows nothing.
func (d *Dictionary) has(c Class, v []byte) bool {
	if d == nil {
		return false
	}
	switch c {
	case Names:
		var buf [64]byte
		return d.byName[string(appendLower(buf[:0], v))]
	case MACs:
		k, ok := macKey(v)
		return ok && d.hasMAC(k)
	case Addrs:
		return d.byAddr[string(v)]
	}
	return false
}
