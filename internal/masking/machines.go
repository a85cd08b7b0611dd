package masking

import (
	"regexp"

	"rtmtgrab/internal/evidence"
)

// machinesOf are the names of machines and sites that a manifest knows.
func machinesOf(m evidence.Manifest) []string {
	all := []string{m.Site}
	for _, h := range m.Hosts {
		all = append(append(all, h.Host), h.PeersNamed...)
	}
	for _, a := range m.Alerts {
		all = append(all, a.Cluster, a.Node)
	}
	all = append(all, collectorsOf(m)...)
	for _, c := range m.CUCM {
		all = append(all, c.Cluster)
		for _, n := range c.Nodes {
			all = append(all, n.Node)
		}
	}
	return all
}

// collectorsOf are the names of a fleet's collectors and of sites to which they sent alerts, as
// far as a manifest knows them.
func collectorsOf(m evidence.Manifest) (all []string) {
	for _, a := range m.Alerts {
		if a.Relay != nil {
			all = append(all, a.Relay.Site, a.Relay.Collector)
		}
	}
	for _, h := range m.Hosts {
		for _, f := range h.Files {
			for _, s := range f.Sources {
				if s.Collector != "" {
					all = append(all, s.Collector)
				}
			}
		}
	}
	for _, note := range m.Notes {
		for _, found := range linkRE.FindAllStringSubmatch(note, -1) {
			all = append(all, found[1])
		}
	}
	return all
}

// linkRE is an incident of another collector, as notes name it: incident.LinkWords.
var linkRE = regexp.MustCompile(` incident [0-9]{8}T[0-9]{6}Z-\S+ of ([A-Za-z0-9][A-Za-z0-9._-]*)`)
