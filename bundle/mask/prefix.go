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
// be to what is raw: each that is loses its place in its subnet, and whoever reads a network
// that is used should not take it for this one.
const salts = 16

// chooseSalts chooses the permutation of each block that has none.
func (t *Table) chooseSalts(raw []string) {
	of := map[string][]netip.Addr{}
	near := map[netip.Prefix]bool{}
	for _, v := range raw {
		a, err := netip.ParseAddr(v)
		if err != nil {
			continue
		}
		name := find.BlockOf(a).Name
		of[name] = append(of[name], a)
		for _, p := range surroundings(a) {
			near[p] = true
		}
	}
	for name, as := range of {
		if _, chosen := t.salts[name]; !chosen && name != "" {
			t.salts[name] = t.bestSalt(name, as, near)
		}
	}
}

// bestSalt is the one with the fewest addresses in networks that are near raw ones.
func (t *Table) bestSalt(name string, as []netip.Addr, near map[netip.Prefix]bool) int {
	best, least := 0, -1
	for salt := range salts {
		t.salts[name] = salt
		n := 0
		for _, a := range as[:min(len(as), 2048)] {
			for _, p := range surroundings(t.permute(a, find.BlockOf(a))) {
				if near[p] {
					n++
				}
			}
		}
		if least < 0 || n < least {
			best, least = salt, n
		}
		if n == 0 {
			break
		}
	}
	return best
}

// surroundings are an address and the networks that it is in.
func surroundings(a netip.Addr) [3]netip.Prefix {
	bits := [3]int{32, 24, 16}
	if a.Is6() {
		bits = [3]int{128, 64, 48}
	}
	var out [3]netip.Prefix
	for i, n := range bits {
		out[i], _ = a.Prefix(n)
	}
	return out
}
