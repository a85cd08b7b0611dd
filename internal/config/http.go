package config

import "rtmtgrab/internal/loopback"

// HTTP is where a running grab watch shows its health and its metrics, without
// asking who reads them.
type HTTP struct {
	Listen string `yaml:"listen"` // address:port; empty: nowhere
}

// defaultHTTPPort is that of an address without a port.
const defaultHTTPPort = 9618

// Loopback reports whether only this machine can reach it.
func (h HTTP) Loopback() bool { return loopback.HostPort(h.Listen) }

func checkHTTP(c *checker) {
	if h := &c.cfg.HTTP; h.Listen != "" {
		c.address("http.listen", &h.Listen, defaultHTTPPort)
	}
}
