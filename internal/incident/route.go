package incident

import (
	"net/netip"
	"slices"
	"strings"
)

// Route names every site that claims the cluster or the node; sites that claim
// nothing at all take what no other claims. None means that the alert is unrouted.
// Names compare without regard to case; a short name is the same node as an FQDN
// that begins with it, an address only as itself.
func Route(sites []Site, cluster, node string) []string {
	var claimed, rest []string
	for _, s := range sites {
		switch {
		case len(s.Clusters) == 0 && len(s.Nodes) == 0:
			rest = append(rest, s.Name)
		case claims(s, cluster, node):
			claimed = append(claimed, s.Name)
		}
	}
	if len(claimed) > 0 {
		return claimed
	}
	return rest
}

func claims(s Site, cluster, node string) bool {
	cluster = strings.TrimSpace(cluster)
	return cluster != "" && slices.ContainsFunc(s.Clusters, func(c string) bool {
		return strings.EqualFold(strings.TrimSpace(c), cluster)
	}) || slices.ContainsFunc(s.Nodes, func(n string) bool { return sameNode(n, node) })
}

// sameNode reports whether two spellings may name one node.
func sameNode(a, b string) bool {
	a, b = foldNode(a), foldNode(b)
	if a == "" || b == "" {
		return false
	}
	ipA, errA := netip.ParseAddr(a)
	ipB, errB := netip.ParseAddr(b)
	if errA == nil || errB == nil {
		return errA == nil && errB == nil && ipA.Unmap() == ipB.Unmap()
	}
	shortA, domainA, _ := strings.Cut(a, ".")
	shortB, domainB, _ := strings.Cut(b, ".")
	return shortA == shortB && (domainA == "" || domainB == "" || domainA == domainB)
}

func foldNode(n string) string {
	return strings.ToLower(strings.TrimSuffix(strings.TrimSpace(n), "."))
}
