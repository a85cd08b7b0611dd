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
		c.bad(path, "this key is missing")
	}
	return false
}

func (c *checker) oneOf(path, value string, allowed ...string) {
	if !c.sound(path) || slices.Contains(allowed, value) {
		return
	}
	for i, a := range allowed {
		if a == "" {
			allowed[i] = `""`
		}
	}
	c.bad(path, "%s is none of %s", quote(value), strings.Join(allowed, ", "))
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
		c.bad("alerts.match", "the list is empty: no mail would ever be an alert")
	}
	for i, from := range a.From {
		at := indexed("alerts.from", i)
		if !c.required(at, from) {
			continue
		}
		_, domain, found := strings.Cut(from, "@")
		if !found || domain == "" || strings.ContainsAny(domain, "@ <>") || strings.ContainsAny(from, " <>") {
			c.bad(at, "%s is no address: write rtmt@example.com, or \"@example.com\" for a whole domain", quote(from))
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
		c.bad(at, "before (%s) and after (%s) together are longer than max (%s)", w.Before, w.After, w.Max)
	}
}

func (c *checker) positive(path string, d time.Duration) {
	if d <= 0 && c.sound(path) {
		c.bad(path, "the duration must be longer than 0")
	}
}

// ssh checks one ssh: of the file, where it stands. s may be merged: only what
// the file gives at path is judged.
func (c *checker) ssh(path string, s SSH) {
	key, password := c.has(path+".key"), c.has(path+".password")
	if path == "ssh" || c.has(path+".user") {
		c.required(path+".user", s.User)
	}
	if c.has(path + ".login") {
		c.oneOf(path+".login", s.Login, "auto", "password", "keyboard-interactive")
	}
	if c.has(path + ".compat") {
		c.oneOf(path+".compat", s.Compat, CompatNone, CompatLegacy)
	}
	if c.has(path+".bandwidth") && c.sound(path+".bandwidth") && s.Bandwidth != 0 && s.Bandwidth < minBandwidth {
		c.bad(path+".bandwidth", "less than 16KiB per second would take hours for a window; 0 is no limit")
	}
	c.jumps(path+".jump", s.Jump)
	if c.has(path + ".compress") {
		c.oneOf(path+".compress", s.Compress, "none", "gzip")
	}
	switch {
	case key && password:
		c.bad(path+".password", "either key or password, not both: a host gets one method and one try")
	case c.has(path+".passphrase") && !key && (path == "ssh" || s.Key.IsZero()):
		c.bad(path+".passphrase", "a passphrase needs the key that it opens")
	case c.has(path+".passphrase") && s.Key.Agent != "":
		c.bad(path+".passphrase", "the agent's keys need no passphrase")
	}
	if key {
		c.secret(path+".key", s.Key.Secret)
		c.agent(path+".key", s.Key.Agent)
	}
	if password {
		c.secret(path+".password", s.Password)
	}
	if c.has(path + ".passphrase") {
		c.secret(path+".passphrase", s.Passphrase)
	}
}

func (c *checker) agent(at, agent string) {
	if agent == "" || fingerprint(agent) || c.opts.MissingSecrets || !c.sound(at) {
		return
	}
	f, err := openRegular(agent)
	if err != nil {
		c.bad(at, "%s", plain(err))
		return
	}
	f.Close()
}

// knownHosts looks at each file once, however many hosts need it. at is the key
// that may name it for what stands at host; else the file's own does.
func (c *checker) knownHosts(host, at, file string) {
	if !c.has(at) {
		at = "ssh.known_hosts"
	}
	if c.known[file] || c.opts.MissingKnownHosts || !c.sound(at) {
		return
	}
	if c.known == nil {
		c.known = map[string]bool{}
	}
	c.known[file] = true
	f, err := openRegular(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if !c.has(at) {
			at = host
		}
		c.bad(at, "%s is not there: `grab trust` shows the hosts' keys and writes it", file)
	case err != nil:
		c.bad(at, "%s", plain(err))
	default:
		f.Close()
	}
}

func (c *checker) logs(at string, l Logs) {
	given := func(key string) bool { return at == "logs" || c.has(join(at, key)) }
	if given("dir") && c.required(at+".dir", l.Dir) && (!path.IsAbs(l.Dir) || path.Clean(l.Dir) != strings.TrimSuffix(l.Dir, "/") && l.Dir != "/") {
		c.bad(at+".dir", "%s: the folder is a whole path with slashes, such as /mnt/harddisk/log", quote(l.Dir))
	}
	if !given("families") {
		return
	}
	if len(l.Families) == 0 && c.sound(at+".families") {
		c.bad(at+".families", "the list is empty: nothing would be copied")
	}
	seen := map[string]string{}
	for i, f := range l.Families {
		if c.name(indexed(at+".families", i), f) {
			c.unique(indexed(at+".families", i), f, seen)
		}
	}
}

const minRing = 16 << 20

func (c *checker) ring(path string, r Ring) {
	every, keep := path+".every", path+".keep"
	if c.has(every) && c.sound(every) && r.Every < time.Second {
		c.bad(every, "the duration must be at least 1s: each increment asks the host for its listing")
	}
	if c.has(keep) {
		c.positive(keep, r.Keep)
	}
	if r.Keep < r.Every && (c.has(every) || c.has(keep)) && c.sound(every, keep) {
		c.bad(path, "keep (%s) is shorter than every (%s)", r.Keep, r.Every)
	}
	if r.MaxSize < minRing && c.has(path+".max_size") && c.sound(path+".max_size") {
		c.bad(path+".max_size", "the size must be at least 16MiB")
	}
}

// secret checks that a secret is there and for its owner alone.
func (c *checker) secret(path string, s Secret) {
	if s.s == nil || s.s.value != nil || c.opts.MissingSecrets || !c.sound(path) {
		return
	}
	if s.s.env != "" {
		if os.Getenv(s.s.env) == "" {
			c.bad(path, "the environment variable %s is not set, or empty", evidence.Printable(s.s.env, 60))
		}
		return
	}
	if what := secretFile(s.s.file); what != "" {
		c.bad(path, "%s", what)
	}
}

func indexed(path string, i int) string { return path + "[" + strconv.Itoa(i) + "]" }
