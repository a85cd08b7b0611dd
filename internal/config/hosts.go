package config

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"rtmtgrab/internal/config/scalar"
)

// blankHost is what a host begins as: with the file's ssh:, logs: and ring:, less the
// login, which is whole or inherited.
func blankHost(cfg *Config) Host {
	h := Host{SSH: cfg.SSH, Logs: cfg.Logs, Ring: cfg.Ring, Diagnostics: cfg.Diagnostics}
	h.SSH.Key, h.SSH.Password, h.SSH.Passphrase = Key{}, Secret{}, Secret{}
	return h
}

// inheritLogins gives hosts without a login of their own that of the file: a host's
// password ends the file's key, and the reverse.
func inheritLogins(b *book, cfg *Config) {
	for i := range cfg.Sites {
		for j := range cfg.Sites[i].Hosts {
			ssh, path := &cfg.Sites[i].Hosts[j].SSH, hostPath(i, j)+".ssh"
			if !b.has(path+".key") && !b.has(path+".password") {
				ssh.Key, ssh.Password = cfg.SSH.Key, cfg.SSH.Password
				if !b.has(path + ".passphrase") {
					ssh.Passphrase = cfg.SSH.Passphrase
				}
			}
			ssh.Jump = slices.Clone(ssh.Jump) // a host's own: its known_hosts may differ
			ssh.fillJumps()
		}
	}
	cfg.SSH.fillJumps()
}

func sitePath(i int) string { return fmt.Sprintf("sites[%d]", i) }

func hostPath(i, j int) string { return fmt.Sprintf("sites[%d].hosts[%d]", i, j) }

// checkSites checks what concerns sites and hosts together.
func checkSites(c *checker) {
	if len(c.cfg.Sites) == 0 && c.cfg.Fleet == nil { // else it may see mails for others alone
		c.bad("sites", "no sites: add at least one, with the hosts to grab from")
	}
	names := map[string]string{}
	hosts := map[string]placed{}
	catchAll := ""
	for i := range c.cfg.Sites {
		s, path := &c.cfg.Sites[i], sitePath(i)
		c.name(path+".name", s.Name, names)
		c.words(path+".clusters", s.Clusters)
		c.words(path+".nodes", s.Nodes)
		if s.CatchAll() && !routed(c.cfg.Routes, s.Name) && c.sound(path+".clusters", path+".nodes") {
			if catchAll != "" {
				c.bad(path, "only one site can be without clusters and nodes (it takes what no other claims); the first is %s", catchAll)
			} else {
				catchAll = path
			}
		}
		if len(s.Hosts) == 0 && c.sound(path+".hosts") {
			c.bad(join(path, "hosts"), "the site has no hosts")
		}
		here := map[string]string{}
		for j := range s.Hosts {
			checkHost(c, hostPath(i, j), &s.Hosts[j], here)
			checkPlace(c, hostPath(i, j), &s.Hosts[j], hosts)
		}
	}
	checkLogins(c)
}

// placed is a host and where it stands.
type placed struct {
	path string
	host *Host
}

// checkPlace sees to it that a name means one host in the whole file: it may stand in
// several sites if all of it is the same.
func checkPlace(c *checker, path string, h *Host, all map[string]placed) {
	if !c.sound(path+".name", path+".address") {
		return
	}
	low := strings.ToLower(h.Name)
	first, ok := all[low]
	switch {
	case !ok:
		all[low] = placed{path, h}
	case first.host.Name != h.Name:
		c.bad(path+".name", "%s is written %s in line %d: write it the same way everywhere", scalar.Quote(h.Name), scalar.Quote(first.host.Name), c.line(first.path+".name"))
	case first.host.Address != h.Address:
		c.bad(path+".address", "%s is %s here and %s in line %d: a name must mean one address in the whole file", scalar.Quote(h.Name), h.Address, first.host.Address, c.line(first.path+".address"))
	case c.sound(path, first.path) && !reflect.DeepEqual(first.host, h):
		c.bad(path, "%s has other settings here than in line %d: a host in several sites must be the same in all", scalar.Quote(h.Name), c.line(first.path))
	}
}

// checkHost checks a host of a site whose other hosts' names are seen.
func checkHost(c *checker, path string, h *Host, seen map[string]string) {
	c.name(path+".name", h.Name, seen)
	c.oneOf(path+".role", h.Role, "C", "E", "")
	c.address(path+".address", &h.Address, 22)
	checkHostKey(c, path+".host_key", h.HostKey)
	checkSSH(c, path+".ssh", h.SSH)
	checkLogs(c, path+".logs", h.Logs)
	checkRing(c, path+".ring", h.Ring)
	checkDiagnostics(c, path+".diagnostics", &h.Diagnostics, &c.cfg.Diagnostics)
	if h.HostKey == "" {
		checkKnownHosts(c, path, path+".ssh.known_hosts", h.SSH.KnownHosts)
	}
	for i := range h.SSH.Jump {
		checkJumpKnownHosts(c, path, i, h.SSH.Jump[i])
	}
}

func checkHostKey(c *checker, path, key string) {
	if c.given(path) && !scalar.Fingerprint(key) {
		c.bad(path, "this is not a fingerprint: it starts with SHA256: and has 43 characters after that; `grab trust` shows it")
	}
}

// checkLogins sees to it that every host has a way in.
func checkLogins(c *checker) {
	if c.has("ssh.key") || c.has("ssh.password") || c.lost("ssh") || c.lost("sites") || c.cfg.Fleet != nil && len(c.cfg.Sites) == 0 {
		return
	}
	var without []string
	some := false
	for i := range c.cfg.Sites {
		for j := range c.cfg.Sites[i].Hosts {
			path := hostPath(i, j)
			if c.has(path+".ssh.key") || c.has(path+".ssh.password") {
				some = true
			} else if !c.lost(path + ".ssh") {
				without = append(without, path)
			}
		}
	}
	const what = "no login: set key or password"
	if !some {
		c.bad("ssh", what)
		return
	}
	for _, path := range without {
		c.bad(path, what+", here or in ssh: for all hosts")
	}
}
