package openhttp

import (
	"io"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// Names are those by which a server may be called, beside localhost and addresses.
type Names struct {
	Listen string   // address:port; its host is one
	More   []string // which Key adds
	Key    string   // of the configuration
}

// ByName is h for those who call this server by an address, as localhost, or by a name
// that is configured. A page in somebody's browser whose own name was made to lead here
// calls it by that name, and learns nothing.
func ByName(h http.Handler, names func() Names) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		n := names()
		if n.called(r.Host) {
			h.ServeHTTP(rw, r)
			return
		}
		rw.Header().Set("Content-Type", "text/plain; charset=utf-8")
		rw.Header().Set("X-Content-Type-Options", "nosniff")
		rw.WriteHeader(http.StatusMisdirectedRequest)
		io.WriteString(rw, "grab does not answer to this name: ask by its IP address, or add the name to "+n.Key+"\n")
	})
}

// called reports whether a Host header names us. HTTP/1.0 may be without one; browsers are
// not.
func (n Names) called(host string) bool {
	if host == "" {
		return true
	}
	name := bare(host)
	if _, err := netip.ParseAddr(name); err == nil || name == "localhost" {
		return true
	}
	return name != "" && (name == bare(n.Listen) || slices.ContainsFunc(n.More, func(h string) bool { return name == bare(h) }))
}

// bare is a host without port, brackets and final dot, in small letters.
func bare(hostport string) string {
	host := hostport
	if h, _, err := net.SplitHostPort(hostport); err == nil {
		host = h
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	return strings.ToLower(strings.TrimSuffix(host, "."))
}
