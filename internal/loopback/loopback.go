// Package loopback tells addresses that can only be this machine from all others: to
// those alone secrets may go in the clear.
//
// It goes by what is written and asks no name server.
package loopback

import (
	"net"
	"net/netip"
)

// Host reports whether a host as written, a name or an address without brackets, can
// only be this machine.
func Host(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.Unmap().IsLoopback()
}

// HostPort reports the same of host:port.
func HostPort(hostport string) bool {
	host, _, err := net.SplitHostPort(hostport)
	return err == nil && Host(host)
}
