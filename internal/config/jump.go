package config

const (
	minBandwidth = 16 << 10 // bytes per second
	maxJumps     = 8
)

// fillJumps gives hops without a known_hosts file that of the hosts.
func (s *SSH) fillJumps() {
	for i := range s.Jump {
		if s.Jump[i].KnownHosts == "" {
			s.Jump[i].KnownHosts = s.KnownHosts
		}
	}
}

// jumps checks the hops where they stand in the file, and brings the addresses of
// all, inherited ones too, into their final form.
func (c *checker) jumps(path string, hops []Jump) {
	if len(hops) > maxJumps && c.has(path) {
		c.bad(path, "more than %d hosts on the way", maxJumps)
	}
	for i := range hops {
		at, h := indexed(path, i), &hops[i]
		if !c.has(at) { // inherited: what is wrong is said where it stands
			if a, err := parseAddress(h.Address, 22); err == nil {
				h.Address = a
			}
			continue
		}
		if !c.lost(at) {
			c.jump(at, h)
		}
	}
}

func (c *checker) jump(at string, h *Jump) {
	if c.required(at+".address", h.Address) {
		if a, err := parseAddress(h.Address, 22); err != nil {
			c.bad(at+".address", "%s", err)
		} else {
			h.Address = a
		}
	}
	c.required(at+".user", h.User)
	c.oneOf(at+".login", h.Login, "auto", "password", "keyboard-interactive")
	c.oneOf(at+".compat", h.Compat, CompatNone, CompatLegacy)
	if c.has(at+".host_key") && c.sound(at+".host_key") && !fingerprint(h.HostKey) {
		c.bad(at+".host_key", "this is no fingerprint: it begins with SHA256: and has 43 characters after it")
	}
	key, password := c.has(at+".key"), c.has(at+".password")
	switch {
	case key && password:
		c.bad(at+".password", "either key or password, not both: a host gets one method and one try")
	case !key && !password:
		c.bad(at, "no login is given: a host on the way has a key or a password of its own")
	case c.has(at+".passphrase") && !key:
		c.bad(at+".passphrase", "a passphrase needs the key that it opens")
	case c.has(at+".passphrase") && h.Key.Agent != "":
		c.bad(at+".passphrase", "the agent's keys need no passphrase")
	}
	c.secret(at+".key", h.Key.Secret)
	c.agent(at+".key", h.Key.Agent)
	c.secret(at+".password", h.Password)
	c.secret(at+".passphrase", h.Passphrase)
}

// jumpKnownHosts looks at the known_hosts file of a host's hop.
func (c *checker) jumpKnownHosts(host string, i int, h Jump) {
	if h.HostKey != "" {
		return
	}
	for _, ssh := range []string{host + ".ssh", "ssh"} {
		if !c.has(indexed(ssh+".jump", i)) {
			continue
		}
		own := indexed(ssh+".jump", i) + ".known_hosts"
		if !c.has(own) {
			own = host + ".ssh.known_hosts"
		}
		c.knownHosts(host, own, h.KnownHosts)
		return
	}
}
