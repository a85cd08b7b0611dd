package config

import (
	"errors"
	"io/fs"

	"rtmtgrab/internal/config/scalar"
	"rtmtgrab/internal/config/secret"
)

// checkSSH checks one ssh: of the file, where it stands. s may be merged: only what
// the file gives at path is judged.
func checkSSH(c *checker, path string, s SSH) {
	if path == "ssh" || c.has(path+".user") {
		c.required(path+".user", s.User)
	}
	c.oneOf(path+".compress", s.Compress, "none", "gzip")
	if c.given(path+".bandwidth") && s.Bandwidth != 0 && s.Bandwidth < minBandwidth {
		c.bad(path+".bandwidth", "must be 0 for no limit, or at least 16KiB per second: a window would take hours")
	}
	checkLogin(c, path, s.Account, false)
	checkJumps(c, path+".jump", s.Jump)
}

// checkLogin checks what is given at path to log in with. alone: nothing is inherited.
func checkLogin(c *checker, path string, l Account, alone bool) {
	c.oneOf(path+".login", l.Login, "auto", "password", "keyboard-interactive")
	c.oneOf(path+".compat", l.Compat, CompatNone, CompatLegacy)
	key, password, passphrase := c.has(path+".key"), c.has(path+".password"), c.has(path+".passphrase")
	switch {
	case key && password:
		c.bad(path+".password", "set key or password, not both: a host gets one method and one try")
	case alone && !key && !password:
		c.bad(path, "no login: a jump host needs a key or password of its own")
	case passphrase && !key && l.Key.IsZero():
		c.bad(path+".passphrase", "a passphrase without key: set the key that it opens")
	case passphrase && l.Key.Agent != "":
		c.bad(path+".passphrase", "a key of the agent needs no passphrase: remove this")
	}
	c.secret(path+".key", l.Key.Secret)
	checkAgent(c, path+".key", l.Key.Agent)
	c.secret(path+".passphrase", l.Passphrase)
	c.secret(path+".password", l.Password)
}

func checkAgent(c *checker, at, agent string) {
	if agent == "" || scalar.Fingerprint(agent) || c.opts.MissingSecrets || !c.given(at) {
		return
	}
	if err := secret.Opens(agent); err != nil {
		c.bad(at, "%s", secret.Plain(err))
	}
}

// checkKnownHosts looks at each file once, however many hosts need it. at is the key
// that may name it for what stands at host; else the file's own does.
func checkKnownHosts(c *checker, host, at, file string) {
	if !c.has(at) {
		at = "ssh.known_hosts"
	}
	if c.lost(host) || c.known[file] || c.opts.MissingKnownHosts || !c.sound(at) {
		return
	}
	if c.known == nil {
		c.known = map[string]bool{}
	}
	c.known[file] = true
	switch err := secret.Opens(file); {
	case errors.Is(err, fs.ErrNotExist):
		if !c.has(at) {
			at = host
		}
		c.bad(at, "%s does not exist: run `grab trust`, which shows the hosts' keys and writes it", file)
	case err != nil:
		c.bad(at, "%s", secret.Plain(err))
	}
}
