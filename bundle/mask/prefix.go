package mask

import (
	"net/netip"
	"strconv"
)

// A block is addresses of one nature, which pseudonyms keep: what is private stays private.
type block struct {
	name string // "": such an address is nobody's, and stays
	bits int    // that all of them have in common
}

var blocks = []struct {
	prefix netip.Prefix
	name   string
}{
	{netip.MustParsePrefix("0.0.0.0/8"), ""},
	{netip.MustParsePrefix("10.0.0.0/8"), "10"},
	{netip.MustParsePrefix("100.64.0.0/10"), "100.64"},
	{netip.MustParsePrefix("127.0.0.0/8"), ""},
	{netip.MustParsePrefix("169.254.0.0/16"), "169.254"},
	{netip.MustParsePrefix("172.16.0.0/12"), "172.16"},
	{netip.MustParsePrefix("192.168.0.0/16"), "192.168"},
	{netip.MustParsePrefix("224.0.0.0/3"), ""}, // multicast, masks
	{netip.MustParsePrefix("0.0.0.0/0"), "public"},
	{netip.MustParsePrefix("2000::/3"), "global"},
	{netip.MustParsePrefix("fe80::/10"), "fe80"},
	{netip.MustParsePrefix("fc00::/7"), "fc00"},
}

func blockOf(a netip.Addr) block {
	if a.Is4In6() {
		a = a.Unmap()
	}
	for _, b := range blocks {
		if b.prefix.Contains(a) {
			return block{b.name, b.prefix.Bits()}
		}
	}
	return block{}
}

// addr is a pseudonym of an address in which every subnet is kept, whatever its length: two
// addresses have as many leading bits in common as their pseudonyms. A later try is another
// one of the same subnet.
func (t *Table) addr(v string, try int) string {
	a, err := netip.ParseAddr(v)
	if err != nil {
		return ""
	}
	b := blockOf(a)
	out := t.permute(a, b)
	for blockOf(out).name != b.name { // of the public ones some are not
		out = t.permute(out, b)
	}
	if try > 0 {
		raw := out.AsSlice()
		h := t.prf("other", v, strconv.Itoa(try))
		raw[len(raw)-1] ^= h[0]
		if try > 300 { // that subnet is full
			raw[len(raw)-2] ^= h[1]
		}
		if try > 900 && b.bits > 8 { // and its block, too
			raw = append([]byte{10}, h[2:5]...)
			b = block{"10", 8}
		}
		out, _ = netip.AddrFromSlice(raw)
	}
	if blockOf(out).name != b.name {
		return ""
	}
	return out.String()
}

// permute flips each bit beyond those of the block by chance that follows from the bits
// before it.
func (t *Table) permute(a netip.Addr, b block) netip.Addr {
	raw := a.AsSlice()
	out := make([]byte, len(raw))
	salt := strconv.Itoa(t.salts[b.name])
	for i, c := range raw {
		chance := t.prf("prefix", b.name, salt, string(raw[:i]))
		node := 1
		for bit := range 8 {
			v := int(c>>(7-bit)) & 1
			flip := 0
			if 8*i+bit >= b.bits {
				flip = int(chance[node/8]>>(node%8)) & 1
			}
			out[i] = out[i]<<1 | byte(v^flip)
			node = node<<1 | v
		}
	}
	r, _ := netip.AddrFromSlice(out)
	return r
}

// salts is how many permutations are tried, to find one that takes as few addresses as may
// be to one that is raw: each of these leaves its place in its subnet.
const salts = 16

// chooseSalts chooses the permutation of each block that has none.
func (t *Table) chooseSalts(raw []string) {
	of := map[string][]netip.Addr{}
	is := map[netip.Addr]bool{}
	for _, v := range raw {
		if a, err := netip.ParseAddr(v); err == nil {
			name := blockOf(a).name
			of[name] = append(of[name], a)
			is[a] = true
		}
	}
	for name, as := range of {
		if _, chosen := t.salts[name]; chosen || name == "" {
			continue
		}
		best, least := 0, len(as)+1
		for salt := range salts {
			t.salts[name] = salt
			n := 0
			for _, a := range as[:min(len(as), 4096)] {
				if is[t.permute(a, blockOf(a))] {
					n++
				}
			}
			if n < least {
				best, least = salt, n
			}
			if n == 0 {
				break
			}
		}
		t.salts[name] = best
	}
}
