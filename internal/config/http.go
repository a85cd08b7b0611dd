package config

import (
	"rtmtgrab/internal/config/scalar"
	"rtmtgrab/internal/loopback"
)

// HTTP is where a running grab watch shows its health and its metrics, without
// asking who reads them.
type HTTP struct {
	Listen string   `yaml:"listen"` // address:port; empty: nowhere
	Hosts  []string `yaml:"hosts"`  // names besides Listen's, localhost and addresses by which it may be called
}

// defaultHTTPPort is that of an address without a port.
const defaultHTTPPort = 9618

var hostName = once(`^[A-Za-z0-9_]([A-Za-z0-9._-]{0,251}[A-Za-z0-9_.])?$`)

// Loopback reports whether only this machine can reach it.
func (h HTTP) Loopback() bool { return loopback.HostPort(h.Listen) }

func checkHTTP(c *checker) {
	if h := &c.cfg.HTTP; h.Listen != "" {
		c.address("http.listen", &h.Listen, defaultHTTPPort)
	}
	for i, name := range c.cfg.HTTP.Hosts {
		if at := indexed("http.hosts", i); c.required(at, name) && !hostName().MatchString(name) {
			c.bad(at, "%s is not a host name: write it without a scheme and a port", scalar.Quote(name))
		}
	}
}
