package config

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"rtmtgrab/internal/config/scalar"
	"rtmtgrab/internal/human"
)

// Site is the site of that name, without regard to case, or nil.
func (c *Config) Site(name string) *Site {
	for i := range c.Sites {
		if strings.EqualFold(c.Sites[i].Name, name) {
			return &c.Sites[i]
		}
	}
	return nil
}

// Host is the host of that name in the site, without regard to case, or nil.
func (s *Site) Host(name string) *Host {
	for i := range s.Hosts {
		if strings.EqualFold(s.Hosts[i].Name, name) {
			return &s.Hosts[i]
		}
	}
	return nil
}

// Host is the host of that name, without regard to case, or nil. A name means
// the same host in every site.
func (c *Config) Host(name string) *Host {
	for i := range c.Sites {
		if h := c.Sites[i].Host(name); h != nil {
			return h
		}
	}
	return nil
}

// SitesOf is the sites in which the host of that name stands.
func (c *Config) SitesOf(host string) []*Site {
	var in []*Site
	for i := range c.Sites {
		if c.Sites[i].Host(host) != nil {
			in = append(in, &c.Sites[i])
		}
	}
	return in
}

// HostsOf is the hosts of those names, each once, or every host of the file if
// there are no names. An unknown name is an error that lists the known ones.
func (c *Config) HostsOf(names ...string) ([]*Host, error) {
	if len(names) == 0 {
		for i := range c.Sites {
			for j := range c.Sites[i].Hosts {
				names = append(names, c.Sites[i].Hosts[j].Name)
			}
		}
	}
	var hosts []*Host
	for _, name := range names {
		h := c.Host(name)
		if h == nil {
			return nil, unknown("host", name, c.hostNames())
		}
		if !slices.Contains(hosts, h) {
			hosts = append(hosts, h)
		}
	}
	return hosts, nil
}

// Select is the one site that a grab is for and the hosts to grab from: those
// named, else all of the site. site may be empty if the names, or there being
// one site only, tell it. Its errors are errors of usage.
func (c *Config) Select(site string, names ...string) (*Site, []*Host, error) {
	s, err := c.siteFor(site, names)
	if err != nil {
		return nil, nil, err
	}
	var hosts []*Host
	for _, name := range names {
		h := s.Host(name)
		if h == nil {
			return nil, nil, fmt.Errorf("host %s is not in site %s", scalar.Quote(name), s.Name)
		}
		if !slices.Contains(hosts, h) {
			hosts = append(hosts, h)
		}
	}
	if len(names) == 0 {
		for i := range s.Hosts {
			hosts = append(hosts, &s.Hosts[i])
		}
	}
	return s, hosts, nil
}

// mostKnown is how many names an error lists.
const mostKnown = 20

// unknown says that there is no such name, which one was probably meant, and which there are.
func unknown(what, name string, known []string) error {
	s := "unknown " + what + " " + scalar.Quote(name)
	if meant := human.Nearest(name, known...); meant != "" {
		s += " (did you mean " + meant + "?)"
	}
	s += "; configured are " + strings.Join(known[:min(len(known), mostKnown)], ", ")
	if more := len(known) - mostKnown; more > 0 {
		s += fmt.Sprintf(" and %d more", more)
	}
	return errors.New(s)
}

func (c *Config) siteFor(site string, names []string) (*Site, error) {
	if _, err := c.HostsOf(names...); err != nil {
		return nil, err
	}
	if site != "" {
		s := c.Site(site)
		if s == nil {
			return nil, unknown("site", site, c.siteNames())
		}
		return s, nil
	}
	var fit []*Site
	for i := range c.Sites {
		s := &c.Sites[i]
		if !slices.ContainsFunc(names, func(n string) bool { return s.Host(n) == nil }) {
			fit = append(fit, s)
		}
	}
	switch {
	case len(fit) == 1:
		return fit[0], nil
	case len(c.Sites) == 0:
		return nil, errors.New("no site is configured (sites:)")
	case len(names) == 0:
		return nil, fmt.Errorf("there are several sites: choose one with --site (%s), or name hosts", strings.Join(c.siteNames(), ", "))
	case len(fit) == 0:
		return nil, errors.New("the hosts are in different sites: a grab is for one site")
	}
	return nil, fmt.Errorf("the hosts are in several sites: choose one with --site (%s)", strings.Join(c.siteNames(), ", "))
}

func (c *Config) siteNames() []string {
	var names []string
	for i := range c.Sites {
		names = append(names, c.Sites[i].Name)
	}
	return names
}

func (c *Config) hostNames() []string {
	var names []string
	for i := range c.Sites {
		for j := range c.Sites[i].Hosts {
			if n := c.Sites[i].Hosts[j].Name; !slices.Contains(names, n) {
				names = append(names, n)
			}
		}
	}
	return names
}
