package incident

import (
	"cmp"
	"net"
	"net/netip"
	"slices"
	"strings"
)

// A Node is one CUCM node by all the names under which alerts may speak of it: a mail
// says its short name, a poll its address, a webhook whatever a monitoring system calls it.
type Node struct {
	Cluster string   `json:"cluster,omitempty"` // empty: of any
	Name    string   `json:"name"`              // by which it is known here, unlike any other's
	Aliases []string `json:"aliases,omitempty"` // addresses, FQDNs, short names
}

// Nodes is the table of a configuration's nodes.
type Nodes []Node

// Known is the one name of a node that an alert of a cluster, which may be empty, spells
// somehow. A spelling that is in the table nowhere, or may mean several nodes, stays as it
// is, folded.
func (t Nodes) Known(cluster, spelled string) string {
	name := bareNode(spelled)
	if name == "" {
		return ""
	}
	of := t.ofCluster(cluster)
	if n := of.the(func(s string) bool { return bareNode(s) == name }); n != "" {
		return n
	}
	return cmp.Or(of.the(func(s string) bool { return sameNode(s, name) }), name)
}

// ofCluster are the nodes that may be of a cluster; of one that the table does not know any may be.
func (t Nodes) ofCluster(cluster string) Nodes {
	cluster = strings.TrimSpace(cluster)
	same := func(n Node) bool { return strings.EqualFold(strings.TrimSpace(n.Cluster), cluster) }
	if cluster == "" || !slices.ContainsFunc(t, same) {
		return t
	}
	var of Nodes
	for _, n := range t {
		if n.Cluster == "" || same(n) {
			of = append(of, n)
		}
	}
	return of
}

// the is the name of the only node of which a spelling is such, "" if there is none or several.
func (t Nodes) the(such func(spelled string) bool) (name string) {
	for _, n := range t {
		if !such(n.Name) && !slices.ContainsFunc(n.Aliases, such) {
			continue
		}
		if name != "" {
			return ""
		}
		name = FoldNode(n.Name)
	}
	return name
}

// bareNode is a node as it is spelled, folded, without brackets and port. Addresses are
// written in one way.
func bareNode(spelled string) string {
	name := FoldNode(spelled)
	if host, _, err := net.SplitHostPort(name); err == nil {
		name = FoldNode(host)
	}
	name = strings.TrimSuffix(strings.TrimPrefix(name, "["), "]")
	if ip, err := netip.ParseAddr(name); err == nil {
		return ip.Unmap().String()
	}
	return name
}

// Add adds a node under all its names. One that has none in common with those there are
// gets a name unlike any other's.
func (t Nodes) Add(n Node) Nodes {
	n.Name = strings.TrimSpace(n.Name)
	if n.Name == "" {
		return t
	}
	twin := func(o Node) bool { return bareNode(o.Name) == bareNode(n.Name) }
	if i := slices.IndexFunc(t, twin); i >= 0 && n.Cluster != "" {
		n.Aliases = append(slices.Clone(n.Aliases), n.Name)
		n.Name += "@" + n.Cluster
	}
	return append(t, n)
}

// AddNamed adds a node of which only one spelling is known, unless the table knows it.
func (t Nodes) AddNamed(spelled string) Nodes {
	name := bareNode(spelled)
	known := func(s string) bool { return sameNode(s, name) }
	if name == "" || slices.ContainsFunc(t, func(n Node) bool { return known(n.Name) || slices.ContainsFunc(n.Aliases, known) }) {
		return t
	}
	return append(t, Node{Name: name})
}
