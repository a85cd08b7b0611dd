package mask

import (
	"net/netip"
	"strconv"

	"rtmtgrab/bundle/mask/find"
)

// addr is a pseudonym of an address in which every subnet is kept, whatever its length: two
// addresses have as many leading bits in common as their pseudonyms. A later try is another
// one of the same subnet.
func (t *Table) addr(v string, try int) string {
	a, err := netip.ParseAddr(v)
	if err != nil {
		return ""
	}
	b := find.BlockOf(a)
	out := t.permute(a, b)
	for find.BlockOf(out).Name != b.Name { // of the public ones some are not
		out = t.permute(out, b)
	}
	if try > 0 {
		raw := out.AsSlice()
		h := t.prf("other", v, strconv.Itoa(try))
		raw[len(raw)-1] ^= h[0]
		if try > 300 { // that subnet is full
			raw[len(raw)-2] ^= h[1]
		}
		if try > 900 && b.Bits > 8 { // and its block, too
			raw = append([]byte{10}, h[2:5]...)
			b = find.Block{Name: "10", Bits: 8}
		}
		out, _ = netip.AddrFromSlice(raw)
	}
	if find.BlockOf(out).Name != b.Name {
		return ""
	}
	return out.String()
}

// permute flips each bit beyond those of the block by chance that follows from the bits
// before it.
func (t *Table) permute(a netip.Addr, b find.Block) netip.Addr {
	raw := a.AsSlice()
	out := make([]byte, len(raw))
	salt := strconv.Itoa(t.salts[b.Name])
	for i, c := range raw {
		chance := t.prf("prefix", b.Name, salt, string(raw[:i]))
		node := 1
		for bit := range 8 {
			v := int(c>>(7-bit)) & 1
			flip := 0
			if 8*i+bit >= b.Bits {
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
			name := find.BlockOf(a).Name
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
				if is[t.permute(a, find.BlockOf(a))] {
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
