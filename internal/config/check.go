package config

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"rtmtgrab/internal/evidence"
)

// A checker judges a Config that was decoded, and brings addresses into their
// final form.
type checker struct {
	*book
	opts  Options
	cfg   *Config
	known map[string]bool // known_hosts files that were looked at
}

func (c *checker) all() {
	c.mails()
	c.telling()
	c.alerts()
	c.authenticity()
	c.times()
	c.required("store", c.cfg.Store)
	c.ssh("ssh", c.cfg.SSH)
	c.logs("logs", c.cfg.Logs)
	c.ring("ring", c.cfg.Ring)
	c.oneOf("bundle.format", c.cfg.Bundle.Format, "zip", "tar.zst")
	c.socket()
	c.http()
	c.allSites()
	c.routing()
}

// required records a fault if a text is missing or empty; of several faults of
// one key the first is enough.
func (c *checker) required(path, value string) bool {
	switch {
	case !c.sound(path):
		return false
	case strings.TrimSpace(value) != "":
		return true
	case c.has(path):
		c.bad(path, "the value is empty")
	default:
		c.bad(path, "required key is missing")
	}
	return false
}

// given reports whether the file gives a value for path that may be judged: what it
// does not give is judged where it comes from.
func (c *checker) given(path string) bool { return c.has(path) && c.sound(path) }

func (c *checker) oneOf(path, value string, allowed ...string) {
	if !c.given(path) || slices.Contains(allowed, value) {
		return
	}
	for i, a := range allowed {
		if a == "" {
			allowed[i] = `""`
		}
	}
	c.bad(path, "must be one of %s; got %s", strings.Join(allowed, ", "), quote(value))
}

// words checks a list of names that are compared with what mails say.
func (c *checker) words(path string, list []string) {
	seen := map[string]string{}
	for i, w := range list {
		at := indexed(path, i)
		if c.required(at, w) {
			c.unique(at, w, seen)
		}
	}
}

func (c *checker) alerts() {
	a := &c.cfg.Alerts
	if len(a.Match) == 0 && c.sound("alerts.match") {
		c.bad("alerts.match", "the list is empty: no mail would be an alert")
	}
	for i, from := range a.From {
		at := indexed("alerts.from", i)
		if !c.required(at, from) {
			continue
		}
		_, domain, found := strings.Cut(from, "@")
		if !found || domain == "" || strings.ContainsAny(domain, "@ <>") || strings.ContainsAny(from, " <>") {
			c.bad(at, "%s is not an address: write rtmt@example.com, or \"@example.com\" for a whole domain", quote(from))
		}
		a.From[i] = strings.ToLower(from)
	}
}

func (c *checker) times() {
	w := c.cfg.Window
	c.positive("window.before", w.Before)
	c.positive("window.max", w.Max)
	c.positive("patience", c.cfg.Patience)
	c.positive("cooldown", c.cfg.Cooldown)
	c.positive("again", c.cfg.Again)
	c.positive("keep.age", c.cfg.Keep.Age)
	if w.Before+w.After > w.Max && c.sound("window.before", "window.after", "window.max") {
		at := "window"
		if c.has("window.max") {
			at = "window.max"
		}
		c.bad(at, "before (%s) and after (%s) together are longer than max (%s)", written(w.Before), written(w.After), written(w.Max))
	}
}

func (c *checker) positive(path string, d time.Duration) {
	if d <= 0 && c.given(path) {
		c.bad(path, "must be longer than 0")
	}
}

// ssh checks one ssh: of the file, where it stands. s may be merged: only what
// the file gives at path is judged.
func (c *checker) ssh(path string, s SSH) {
	if path == "ssh" || c.has(path+".user") {
		c.required(path+".user", s.User)
	}
	c.oneOf(path+".compress", s.Compress, "none", "gzip")
	if c.given(path+".bandwidth") && s.Bandwidth != 0 && s.Bandwidth < minBandwidth {
		c.bad(path+".bandwidth", "must be 0 for no limit, or at least 16KiB per second: a window would take hours")
	}
	c.login(path, Jump{Login: s.Login, Compat: s.Compat, Key: s.Key, Passphrase: s.Passphrase, Password: s.Password}, false)
	c.jumps(path+".jump", s.Jump)
}

// login checks what is given at path to log in with. alone: nothing is inherited.
func (c *checker) login(path string, l Jump, alone bool) {
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
	c.agent(path+".key", l.Key.Agent)
	c.secret(path+".passphrase", l.Passphrase)
	c.secret(path+".password", l.Password)
}

func (c *checker) agent(at, agent string) {
	if agent == "" || fingerprint(agent) || c.opts.MissingSecrets || !c.given(at) {
		return
	}
	if err := opens(agent); err != nil {
		c.bad(at, "%s", plain(err))
	}
}

// knownHosts looks at each file once, however many hosts need it. at is the key
// that may name it for what stands at host; else the file's own does.
func (c *checker) knownHosts(host, at, file string) {
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
	switch err := opens(file); {
	case errors.Is(err, fs.ErrNotExist):
		if !c.has(at) {
			at = host
		}
		c.bad(at, "%s does not exist: run `grab trust`, which shows the hosts' keys and writes it", file)
	case err != nil:
		c.bad(at, "%s", plain(err))
	}
}

func (c *checker) logs(at string, l Logs) {
	if c.given(at+".dir") && c.required(at+".dir", l.Dir) && (!path.IsAbs(l.Dir) || path.Clean(l.Dir) != strings.TrimSuffix(l.Dir, "/") && l.Dir != "/") {
		c.bad(at+".dir", "%s is not an absolute path without dots, such as /mnt/harddisk/log", quote(l.Dir))
	}
	if len(l.Families) == 0 && c.given(at+".families") {
		c.bad(at+".families", "the list is empty: nothing would be copied")
	}
	c.families(at+".families", l.Families)
}

func (c *checker) families(path string, list []string) {
	seen := map[string]string{}
	for i, f := range list {
		if at := indexed(path, i); c.has(at) {
			c.name(at, f, seen)
		}
	}
}

const minRing = 16 << 20

func (c *checker) ring(path string, r Ring) {
	every, keep := path+".every", path+".keep"
	if r.Every < time.Second && c.given(every) {
		c.bad(every, "must be at least 1s, as each copy asks the host for its listing")
	}
	c.positive(keep, r.Keep)
	if r.Keep < r.Every && (c.has(every) || c.has(keep)) && c.sound(every, keep) {
		c.bad(path, "keep (%s) is shorter than every (%s)", written(r.Keep), written(r.Every))
	}
	if r.MaxSize < minRing && c.given(path+".max_size") {
		c.bad(path+".max_size", "must be at least 16MiB")
	}
}

// secret checks that a secret is there and for its owner alone.
func (c *checker) secret(path string, s Secret) {
	if s.s == nil || s.s.value != nil || c.opts.MissingSecrets || !c.given(path) {
		return
	}
	if s.s.env != "" {
		if os.Getenv(s.s.env) == "" {
			c.bad(path, "environment variable %s is not set, or empty", evidence.Printable(s.s.env, 60))
		}
		return
	}
	if what := secretFile(s.s.file); what != "" {
		c.bad(path, "%s", what)
	}
}

// caFile checks that a file of authorities, if one is given, can be used.
func (c *checker) caFile(path, file string) {
	if file == "" || !c.given(path) {
		return
	}
	if _, err := roots(file); err != nil {
		c.bad(path, "%s", err)
	}
}

// address checks an address that must be there, and brings it into its final form.
func (c *checker) address(path string, to *string, port int) bool {
	if !c.required(path, *to) {
		return false
	}
	a, err := parseAddress(*to, port)
	if err != nil {
		c.bad(path, "%s", err)
		return false
	}
	*to = a
	return true
}

func indexed(path string, i int) string { return path + "[" + strconv.Itoa(i) + "]" }
