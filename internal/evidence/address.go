package evidence

import (
	"net/netip"
	"strings"
)

// BareAddress is an address or name without its port, folded.
func BareAddress(a string) string {
	a = strings.ToLower(strings.TrimSpace(a))
	if ap, err := netip.ParseAddrPort(a); err == nil {
		return ap.Addr().Unmap().String()
	}
	if ip, err := netip.ParseAddr(strings.Trim(a, "[]")); err == nil {
		return ip.Unmap().String()
	}
	host, _, _ := strings.Cut(a, ":")
	return strings.TrimSuffix(host, ".")
}
