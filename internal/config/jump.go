package config

import "rtmtgrab/internal/config/scalar"

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

// checkJumps checks the hops where they stand in the file, and brings the addresses of
// all, inherited ones too, into their final form.
func checkJumps(c *checker, path string, hops []Jump) {
	if len(hops) > maxJumps && c.has(path) {
		c.bad(path, "more than %d jump hosts", maxJumps)
	}
	for i := range hops {
		at, h := indexed(path, i), &hops[i]
		if !c.has(at) { // inherited: what is wrong is said where it stands
			if a, err := scalar.Address(h.Address, 22); err == nil {
				h.Address = a
			}
			continue
		}
		c.address(at+".address", &h.Address, 22)
		c.required(at+".user", h.User)
		checkHostKey(c, at+".host_key", h.HostKey)
		checkLogin(c, at, h.Account, true)
	}
}

// checkJumpKnownHosts looks at the known_hosts file of a host's hop.
func checkJumpKnownHosts(c *checker, host string, i int, h Jump) {
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
		checkKnownHosts(c, host, own, h.KnownHosts)
		return
	}
}
