package evidence

import (
	"errors"
	"net/netip"
	"slices"
)

// Contents is what the records of one host say beside when: what a look over them finds.
type Contents struct {
	BodiesLogged string   `json:"bodies_logged"` // as in Host, and the other fields too
	Credentials  int64    `json:"credentials"`
	OwnAddresses []string `json:"own_addresses"`
	PeersNamed   []string `json:"peers_named"`
}

// MaxAddresses is how many addresses one Contents names at most, of either kind.
const MaxAddresses = 4096

// Check returns an error unless this is what a look can find.
func (c *Contents) Check() error {
	if !slices.Contains([]string{"yes", "no", "mixed", "unknown"}, c.BodiesLogged) {
		return errors.New("whether messages are logged in full is none of the four words")
	}
	if c.Credentials < 0 {
		return errors.New("a number of credentials below zero")
	}
	for _, list := range [][]string{c.OwnAddresses, c.PeersNamed} {
		if len(list) > MaxAddresses {
			return errors.New("more addresses than can be")
		}
		for _, a := range list {
			if _, err := netip.ParseAddr(a); err != nil {
				return errors.New("an address that is none")
			}
		}
	}
	return nil
}

// Tell puts it into a host's row.
func (c *Contents) Tell(h *Host) {
	h.BodiesLogged, h.Credentials, h.OwnAddresses, h.PeersNamed = c.BodiesLogged, c.Credentials, c.OwnAddresses, c.PeersNamed
}
