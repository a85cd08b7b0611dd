package evidence

import (
	"slices"
	"testing"
)

func TestContentsCheck(t *testing.T) {
	good := Contents{BodiesLogged: "yes", Credentials: 3, OwnAddresses: []string{"192.0.2.1"}, PeersNamed: []string{"2001:db8::1"}}
	if err := good.Check(); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*Contents){
		"word":      func(c *Contents) { c.BodiesLogged = "perhaps" },
		"number":    func(c *Contents) { c.Credentials = -1 },
		"address":   func(c *Contents) { c.PeersNamed = []string{"\x1b[31m"} },
		"addresses": func(c *Contents) { c.OwnAddresses = slices.Repeat([]string{"192.0.2.1"}, MaxAddresses+1) },
	} {
		c := good
		if spoil(&c); c.Check() == nil {
			t.Errorf("%s: %+v passes", name, c)
		}
	}
}
