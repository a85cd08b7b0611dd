package config

import (
	"crypto/x509"
	"slices"
	"strings"
	"time"

	"rtmtgrab/internal/config/scalar"
	"rtmtgrab/internal/pin"
)

// defaultCUCMPort is that of CUCM's SOAP services.
const defaultCUCMPort = 8443

// CUCM is a cluster that may be asked for names and traces.
type CUCM struct {
	Cluster   string         `yaml:"cluster"`   // its name, as in the mail's subject
	Publisher string         `yaml:"publisher"` // host:port
	Nodes     []CUCMNode     `yaml:"nodes"`     // none: the publisher says which there are
	User      string         `yaml:"user"`
	Password  Secret         `yaml:"password"`
	CAFile    string         `yaml:"ca_file,path"` // PEM; empty: the system's authorities. See Roots
	ca        caText         // what CAFile held when it was judged
	Pins      []string       `yaml:"pin,some"` // in place of CAFile: "SHA256:…" of the nodes' certificates
	Proxy     Proxy          `yaml:"proxy"`
	TimeZone  *time.Location `yaml:"time_zone"`      // of the nodes; nil: the site's
	Names     bool           `yaml:"names"`          // ask which phones are partial
	Traces    bool           `yaml:"traces"`         // fetch traces and events
	Whole     bool           `yaml:"whole"`          // keep their files whole beside the cut ones
	Settle    time.Duration  `yaml:"settle"`         // after the window's end, before traces are fetched
	Bandwidth int64          `yaml:"bandwidth,size"` // bytes a second from a node; 0: no limit
	Max       int64          `yaml:"max,size"`       // bytes of traces an incident
	Poll      CUCMPoll       `yaml:"poll"`
	Reset     CUCMReset      `yaml:"reset"`
}

// CUCMNode is one server of a cluster.
type CUCMNode struct {
	Name    string   `yaml:"name"`
	Address string   `yaml:"address"` // host:port
	Aliases []string `yaml:"aliases"` // what mails and certificates call it too
}

// CUCMPoll is whether a rise of PartiallyRegisteredPhone is an alert.
type CUCMPoll struct {
	Enabled bool          `yaml:"enabled"`
	Every   time.Duration `yaml:"every"`
}

// CUCMReset is the account that may reset phones.
type CUCMReset struct {
	Enabled  bool   `yaml:"enabled"`
	User     string `yaml:"user"`
	Password Secret `yaml:"password"`
}

// Roots is the authorities of CAFile, or nil for the system's if there is none.
func (u *CUCM) Roots() (*x509.CertPool, error) { return roots(u.CAFile, u.ca) }

// Pinned are the certificates that are trusted whoever signed them.
func (u *CUCM) Pinned() []pin.Pin { return pin.List(u.Pins) }

func defaultCUCM() CUCM {
	return CUCM{Names: true, Traces: true, Settle: 30 * time.Second, Bandwidth: 8 << 20, Max: 2 << 30, Poll: CUCMPoll{Every: 30 * time.Second}}
}

// ClustersOf are the clusters that are asked about a site's incidents: those that it names,
// or else those that its alerts may be of.
func (c *Config) ClustersOf(s *Site) []*CUCM {
	var list []*CUCM
	for i := range c.CUCM {
		u := &c.CUCM[i]
		same := func(name string) bool { return strings.EqualFold(name, u.Cluster) }
		if slices.ContainsFunc(s.CUCM, same) || len(s.CUCM) == 0 && slices.ContainsFunc(s.Clusters, same) {
			list = append(list, u)
		}
	}
	return list
}

// SitesOfCUCM are the sites about whose incidents a cluster is asked.
func (c *Config) SitesOfCUCM(u *CUCM) (names []string) {
	for i := range c.Sites {
		if slices.Contains(c.ClustersOf(&c.Sites[i]), u) {
			names = append(names, c.Sites[i].Name)
		}
	}
	return names
}

// checkCUCM checks cucm: and what sites say of it.
func checkCUCM(c *checker) {
	names := map[string]string{}
	for i := range c.cfg.CUCM {
		u, at := &c.cfg.CUCM[i], indexed("cucm", i)
		if c.required(at+".cluster", u.Cluster) {
			c.unique(at+".cluster", u.Cluster, names)
		}
		c.address(at+".publisher", &u.Publisher, defaultCUCMPort)
		c.required(at+".user", u.User)
		c.requiredSecret(at+".password", u.Password)
		u.ca = c.caFile(at+".ca_file", u.CAFile)
		if len(u.Pins) > 0 && c.has(at+".ca_file") {
			c.bad(at+".pin", "set pin or ca_file, not both: a pinned certificate is trusted whoever signed it")
		}
		checkPins(c, at, u.Pins)
		checkCUCMNodes(c, at, u)
		checkCUCMLimits(c, at, u)
		if u.Reset.Enabled {
			c.required(at+".reset.user", u.Reset.User)
			c.requiredSecret(at+".reset.password", u.Reset.Password)
		} else {
			c.secret(at+".reset.password", u.Reset.Password)
		}
	}
	for i := range c.cfg.Sites {
		for j, name := range c.cfg.Sites[i].CUCM {
			at := indexed(sitePath(i)+".cucm", j)
			if c.required(at, name) && names[strings.ToLower(name)] == "" && c.sound("cucm") {
				c.bad(at, "no entry of cucm: has the cluster %s", scalar.Quote(name))
			}
		}
	}
}

func checkPins(c *checker, at string, pins []string) {
	for j, text := range pins {
		in := indexed(at+".pin", j)
		if !c.has(in) {
			in = at + ".pin"
		}
		if _, err := pin.Parse(text); err != nil && c.sound(in) {
			c.bad(in, "%s", err)
		}
	}
}

func checkCUCMNodes(c *checker, at string, u *CUCM) {
	seen := map[string]string{}
	for j := range u.Nodes {
		n, in := &u.Nodes[j], indexed(at+".nodes", j)
		c.name(in+".name", n.Name, seen)
		c.address(in+".address", &n.Address, defaultCUCMPort)
		c.words(in+".aliases", n.Aliases)
	}
}

func checkCUCMLimits(c *checker, at string, u *CUCM) {
	if u.Bandwidth != 0 && u.Bandwidth < minBandwidth && c.given(at+".bandwidth") {
		c.bad(at+".bandwidth", "must be 0 for no limit, or at least 16KiB per second")
	}
	if u.Max < 1<<20 && c.given(at+".max") {
		c.bad(at+".max", "must be at least 1MiB")
	}
	if u.Settle > 30*time.Minute && c.given(at+".settle") {
		c.bad(at+".settle", "must be at most 30m")
	}
	if u.Poll.Every < 10*time.Second && c.given(at+".poll.every") {
		c.bad(at+".poll.every", "must be at least 10s: CUCM's own counters are not newer")
	}
}

// requiredSecret checks a secret that must be there.
func (c *checker) requiredSecret(at string, s Secret) {
	if !c.has(at) {
		c.bad(at, "required key is missing: write {file: NAME} or {env: NAME}")
		return
	}
	c.secret(at, s)
}
