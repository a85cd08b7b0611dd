package find

import "net/netip"

// A Block is addresses of one nature, which pseudonyms keep: what is private stays private.
type Block struct {
	Name string // "": such an address is nobody's, and stays
	Bits int    // that all of them have in common
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

// BlockOf is the block of an address.
func BlockOf(a netip.Addr) Block {
	if a.Is4In6() {
		a = a.Unmap()
	}
	for _, b := range blocks {
		if b.prefix.Contains(a) {
			return Block{b.name, b.prefix.Bits()}
		}
	}
	return Block{}
}
