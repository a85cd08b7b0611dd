package poll

import (
	"crypto/x509"
	"fmt"
	"io"
	"log/slog"
	"testing"

	"rtmtgrab/internal/cucm"
	"rtmtgrab/internal/lab/cucmlab"
)

// Nodes that come to a large cluster are polled with the others from the next round on.
func TestSessionOfNewNodes(t *testing.T) {
	var names []string
	for i := range oneByOne + 2 {
		names = append(names, fmt.Sprintf("cucm%02d.example.com", i+1))
	}
	lab, err := cucmlab.New(t.Context(), cucmlab.Config{Nodes: names})
	if err != nil {
		t.Fatal(err)
	}
	defer lab.Close()
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(lab.CAPEM())
	account := lab.Account(cucmlab.RoleRealtime)
	asked := cucm.New(cucm.Config{Cluster: "c1", Publisher: lab.Nodes()[0].Addr(), User: account.User, Password: func() (string, error) { return account.Password, nil },
		Roots: roots, Proxy: func() (string, error) { return "none", nil }})
	var nodes []cucm.Node
	for _, n := range lab.Nodes() {
		nodes = append(nodes, cucm.Node{Name: n.FQDN, Address: n.Addr()})
	}
	c := &cluster{Poller: &Poller{Log: slog.New(slog.NewTextHandler(io.Discard, nil))}, name: "c1", asked: asked}
	defer c.endSession()
	for _, most := range []int{oneByOne + 1, oneByOne + 1, oneByOne + 2} {
		all, err := c.collect(t.Context(), asked, nodes[:most])
		if err != nil || len(all) != most {
			t.Errorf("%d nodes answered, want %d: %v", len(all), most, err)
		}
	}
}
