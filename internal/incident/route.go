package incident

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"rtmtgrab/internal/evidence"
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

// Names reports whether the site's configuration names the node.
func (s Site) Names(node string) bool {
	return slices.ContainsFunc(s.Nodes, func(n string) bool { return sameNode(n, node) })
}

// sameNode reports whether two spellings may name one node.
func sameNode(a, b string) bool {
	a, b = FoldNode(a), FoldNode(b)
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

// FoldNode is a node's name without what does not count.
func FoldNode(n string) string { return strings.ToLower(strings.TrimSuffix(strings.TrimSpace(n), ".")) }

// A Rule sends the alerts that meet all of its conditions to its sites. An empty
// condition is met by any alert. Texts compare without regard to case; * stands for
// any characters. A node is compared as Route does, unless there is a * in it. Of a
// mail that lies in several places each copy has a route; the alert goes to the sites
// of all.
type Rule struct {
	To      string // one of the mail's recipients
	Folder  string // in which the mail lay
	Cluster string
	Node    string
	Kind    string
	Sites   []string
}

// RouteAlert names the sites of an alert: those of the first rule that it meets, or
// else those that claim it (Route). why says which it was.
func RouteAlert(sites []Site, rules []Rule, a evidence.Alert) (names []string, why string) {
	if a.Relay != nil {
		return relayed(sites, a.Relay)
	}
	for i, r := range rules {
		if r.meets(a) {
			return slices.Clone(r.Sites), fmt.Sprintf("routes[%d] (%s)", i, r)
		}
	}
	no := ""
	if len(rules) > 0 {
		no = "no route matches; "
	}
	if names = polled(sites, a); len(names) > 0 {
		return names, no + "claimed by cluster " + fmt.Sprintf("%q", evidence.Printable(a.Cluster, 80)) + " of cucm:"
	}
	names = Route(sites, a.Cluster, a.Node)
	what := claimedBy(a.Cluster, a.Node)
	switch {
	case len(names) == 0:
		return nil, no + "no site claims " + what
	case slices.ContainsFunc(sites, func(s Site) bool { return s.Name == names[0] && claims(s, a.Cluster, a.Node) }):
		return names, no + "claimed by " + what
	}
	return names, no + "no site claims " + what + "; sites without clusters and nodes take the rest"
}

// relayed is the site to which another collector has sent the alert.
func relayed(sites []Site, r *evidence.Relay) (names []string, why string) {
	by := "collector " + fmt.Sprintf("%q", evidence.Printable(r.Collector, 80)) + " of the fleet"
	if !slices.ContainsFunc(sites, func(s Site) bool { return s.Name == r.Site }) {
		return nil, "sent by " + by + " to a site that is not configured here"
	}
	return []string{r.Site}, "sent by " + by
}

// Meant is by what the sites of an alert are its sites.
type Meant int

// In order of how surely it is meant.
const (
	ByRest  Meant = iota // nobody claims it, or there are none
	ByClaim              // its cluster or node is theirs
	ByRule               // a Rule names them
)

// MeantBy is by what RouteAlert names the sites of an alert.
func MeantBy(sites []Site, rules []Rule, a evidence.Alert) Meant {
	switch {
	case slices.ContainsFunc(rules, func(r Rule) bool { return r.meets(a) }):
		return ByRule
	case len(polled(sites, a)) > 0 || len(Claiming(sites, a.Cluster, a.Node)) > 0:
		return ByClaim
	}
	return ByRest
}

// Claiming names the sites that claim the cluster or the node.
func Claiming(sites []Site, cluster, node string) (names []string) {
	for _, s := range sites {
		if claims(s, cluster, node) {
			names = append(names, s.Name)
		}
	}
	return names
}

// polled are the sites that say that they are of the cluster of which a poll found the alert.
func polled(sites []Site, a evidence.Alert) (names []string) {
	for _, s := range sites {
		if a.Source == evidence.SourcePoll && slices.ContainsFunc(s.CUCM, func(c string) bool { return strings.EqualFold(c, a.Cluster) }) {
			names = append(names, s.Name)
		}
	}
	return names
}

// claimedBy is by what an alert could be claimed, in words.
func claimedBy(cluster, node string) string {
	var parts []string
	if cluster != "" {
		parts = append(parts, fmt.Sprintf("cluster %q", evidence.Printable(cluster, 80)))
	}
	if node != "" {
		parts = append(parts, fmt.Sprintf("node %q", evidence.Printable(node, 80)))
	}
	if len(parts) == 0 {
		return "an alert without cluster and node"
	}
	return strings.Join(parts, " or ")
}

func (r Rule) meets(a evidence.Alert) bool {
	return (r.To == "" || slices.ContainsFunc(a.Recipients, func(to string) bool { return alike(r.To, to) })) &&
		(r.Folder == "" || alike(r.Folder, a.Folder)) &&
		(r.Cluster == "" || alike(r.Cluster, strings.TrimSpace(a.Cluster))) &&
		(r.Node == "" || sameNode(r.Node, a.Node) || strings.Contains(r.Node, "*") && alike(r.Node, FoldNode(a.Node))) &&
		(r.Kind == "" || r.Kind == KindOf(a.Kind))
}

// Through names the sites to which an alert from the folder may go, by the rules up to one
// that takes all that comes from there. false: there is no such rule, and any site may be
// meant.
func Through(rules []Rule, folder string) (sites []string, bounded bool) {
	for _, r := range rules {
		if r.Folder != "" && !alike(r.Folder, folder) {
			continue
		}
		sites = append(sites, r.Sites...)
		if r.To == "" && r.Cluster == "" && r.Node == "" && r.Kind == "" {
			slices.Sort(sites)
			return slices.Compact(sites), true
		}
	}
	return nil, false
}

// String is the rule's conditions.
func (r Rule) String() string {
	var parts []string
	for _, p := range [][2]string{{"to", r.To}, {"folder", r.Folder}, {"cluster", r.Cluster}, {"node", r.Node}, {"kind", r.Kind}} {
		if p[1] != "" {
			parts = append(parts, p[0]+" "+p[1])
		}
	}
	return strings.Join(parts, ", ")
}

// alike reports whether s is what pattern says, * standing for any characters. It
// takes time in proportion to both lengths.
func alike(pattern, s string) bool {
	parts := strings.Split(strings.ToLower(pattern), "*")
	s = strings.ToLower(s)
	if len(parts) == 1 {
		return s == parts[0]
	}
	s, ok := strings.CutPrefix(s, parts[0])
	if !ok {
		return false
	}
	last := parts[len(parts)-1]
	for _, part := range parts[1 : len(parts)-1] {
		i := strings.Index(s, part)
		if i < 0 {
			return false
		}
		s = s[i+len(part):]
	}
	return strings.HasSuffix(s, last)
}
