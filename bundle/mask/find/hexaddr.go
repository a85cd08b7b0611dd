package find

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"strings"
)

// How an IPv4 address may be spelled, as a set: Hit.At.
const (
	inHex     = 1 << iota // 0x0a000001
	backwards             // 0x0100000a, as on machines with the lowest byte first
	inUpper
	dashed // 10-0-0-1
)

// hexAddr finds an IPv4 address that is known, written as a number of hexadecimal digits.
func hexAddr(b []byte, from, to int, known *Dictionary) (h Hit, ok bool) {
	digits := b[from+2 : to]
	if !isHexes(digits) {
		return h, false
	}
	v := uint32(0)
	for _, c := range digits {
		v = v<<4 | uint32(unhex(c))
	}
	spelled := int32(inHex)
	if anyOf(digits, isUpper) {
		spelled |= inUpper
	}
	for range 2 {
		var a [4]byte
		if binary.BigEndian.PutUint32(a[:], v); spelled&backwards != 0 {
			binary.LittleEndian.PutUint32(a[:], v)
		}
		if text := netip.AddrFrom4(a).String(); known.byAddr[text] {
			return Hit{From: int32(from), To: int32(to), At: spelled, Class: Addrs, Rule: ruleIPv4, V: []byte(text)}, true
		}
		spelled |= backwards
	}
	return h, false
}

// SpellAddr appends an address in the spelling of a hit.
func SpellAddr(out []byte, h *Hit, as string) []byte {
	if h.At == dashed {
		return append(out, strings.ReplaceAll(as, ".", "-")...)
	}
	a, err := netip.ParseAddr(as)
	if h.At == 0 || err != nil || !a.Is4() {
		return append(out, as...)
	}
	raw := a.As4()
	v := binary.BigEndian.Uint32(raw[:])
	if h.At&backwards != 0 {
		v = binary.LittleEndian.Uint32(raw[:])
	}
	if h.At&inUpper != 0 {
		return fmt.Appendf(out, "0x%08X", v)
	}
	return fmt.Appendf(out, "0x%08x", v)
}
