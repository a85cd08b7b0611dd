// Package fleetconf is what the key fleet: of the configuration says: which hub a collector
// belongs to, and as whom. It does not know how a hub is reached.
package fleetconf

import (
	"crypto/x509"
	"fmt"
	"net/url"
	"strings"

	"rtmtgrab/internal/config/secret"
	"rtmtgrab/internal/fleet"
)

// A Fleet is a collector's place among others.
type Fleet struct {
	Servers []string      `yaml:"servers,some"` // URLs: tls://, nats:// on loopback, wss://
	Tenant  string        `yaml:"tenant"`       // as the hub knows it
	Name    string        `yaml:"name"`         // the collector's; no two of a tenant have the same
	Creds   secret.Secret `yaml:"creds"`        // a NATS credentials file (a JWT and its seed), or the seed of an nkey alone
	Cert    Certificate   `yaml:"certificate"`  // or a client certificate
	CAFile  string        `yaml:"ca_file,path"` // PEM; empty: the system's authorities. See Roots
	ca      secret.CA     // what CAFile held when it was judged
	Proxy   secret.Proxy  `yaml:"proxy"` // for wss://, as elsewhere: a URL or "none"; nothing: what the environment says
	Names   bool          `yaml:"names"` // the fleet's list may name phones

	Share bool `yaml:"share"` // what is copied for incidents that are not sealed is put on the hub, encrypted to the site's other collectors

	Requests bool `yaml:"requests"` // whoever has credentials of the tenant may have this collector grab
}

// Begin sets what holds where keys are left out.
func (f *Fleet) Begin() { f.Requests = true }

// A Certificate is a client's.
type Certificate struct {
	CertFile string `yaml:"cert_file,path"`
	KeyFile  string `yaml:"key_file,path"`
}

// Roots is the authorities of CAFile, or nil for the system's if there is none.
func (f *Fleet) Roots() (*x509.CertPool, error) { return secret.Roots(f.CAFile, f.ca) }

// A Judge is what a configuration is checked with.
type Judge struct {
	Given  func(path string) bool // the file gives it, and it may be judged
	Bad    func(path, format string, args ...any)
	Text   func(path, value string) bool // a text that must be there
	CA     func(path, file string) secret.CA
	Secret func(path string, s secret.Secret)
	Pair   func(path, certFile, keyFile string)
}

// Check checks the section, at the path at.
func (f *Fleet) Check(at string, j Judge) {
	f.ca = j.CA(at+".ca_file", f.CAFile)
	if len(f.Servers) == 0 {
		j.Bad(at+".servers", "required key is missing: name the hub's servers, such as tls://hub.example.com:4222 or wss://hub.example.com:443")
	}
	for i, s := range f.Servers {
		if err := CheckServer(s); err != nil {
			j.Bad(fmt.Sprintf("%s.servers[%d]", at, i), "%s", err)
		}
	}
	if mixed(f.Servers) {
		j.Bad(at+".servers", "name either tls:// or wss:// servers: a connection changes from one to another, and not its kind; use wss:// where a firewall passes 443 alone, or a proxy is in the way")
	}
	for _, n := range []struct{ key, value string }{{"tenant", f.Tenant}, {"name", f.Name}} {
		if !j.Text(at+"."+n.key, n.value) {
			continue
		}
		if err := fleet.CheckName(n.value); err != nil {
			j.Bad(at+"."+n.key, "%s", err)
		}
	}
	f.checkLogin(at, j)
	j.Secret(at+".proxy", f.Proxy.Secret)
}

func (f *Fleet) checkLogin(at string, j Judge) {
	j.Secret(at+".creds", f.Creds)
	if f.Creds.IsZero() == (f.Cert == (Certificate{})) {
		j.Bad(at, "set creds or certificate, one of them: by it the hub knows this collector")
	}
	if f.Cert != (Certificate{}) {
		j.Pair(at+".certificate", f.Cert.CertFile, f.Cert.KeyFile)
	}
}

// mixed reports whether some of the servers are reached by websocket, and others not.
func mixed(servers []string) bool {
	web := 0
	for _, s := range servers {
		if strings.HasPrefix(strings.ToLower(s), "ws") {
			web++
		}
	}
	return web > 0 && web < len(servers)
}

// CheckServer says what is wrong with a hub's URL; nil: nothing.
func CheckServer(s string) error {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" {
		return fmt.Errorf("write the server as a URL, such as tls://hub.example.com:4222 or wss://hub.example.com:443")
	}
	if u.User != nil {
		return fmt.Errorf("a URL with a login in it is not taken: give creds, nkey or certificate")
	}
	switch u.Scheme {
	case "tls", "wss":
		return nil
	case "nats", "ws":
		if h := u.Hostname(); h == "localhost" || h == "::1" || strings.HasPrefix(h, "127.") {
			return nil
		}
		return fmt.Errorf("%s:// is not encrypted: write tls:// or wss://, or a loopback address", u.Scheme)
	}
	return fmt.Errorf("%q is no way to a hub: write tls:// or wss://", u.Scheme+"://")
}
