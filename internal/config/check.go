package config

import (
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"rtmtgrab/internal/config/scalar"
	"rtmtgrab/internal/config/secret"
	"rtmtgrab/internal/evidence"
)

// A checker is with what a Config that was decoded is judged: its methods judge one value
// each, what a whole section may say is judged by a function beside that section. Addresses
// are brought into their final form.
type checker struct {
	*book
	opts  Options
	cfg   *Config
	known map[string]bool // known_hosts files that were looked at
}

func checkAll(c *checker) {
	checkMails(c)
	checkTelling(c)
	checkDrill(c)
	checkAlerts(c)
	checkAuthenticity(c)
	checkTimes(c)
	c.required("store", c.cfg.Store)
	checkSSH(c, "ssh", c.cfg.SSH)
	checkLogs(c, "logs", c.cfg.Logs)
	checkRing(c, "ring", c.cfg.Ring)
	checkDiagnostics(c, "diagnostics", &c.cfg.Diagnostics, nil)
	checkLimits(c)
	c.oneOf("bundle.format", c.cfg.Bundle.Format, "zip", "tar.zst", "tar.gz")
	c.oneOf("mask.scope", c.cfg.Mask.Scope, ScopeSite, ScopeCase)
	checkSocket(c)
	checkHTTP(c)
	checkIntake(c)
	checkPRT(c)
	checkFleet(c)
	checkSites(c)
	checkCUCM(c)
	checkRouting(c)
	checkHandover(c)
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
	c.bad(path, "must be one of %s; got %s", strings.Join(allowed, ", "), scalar.Quote(value))
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

func checkAlerts(c *checker) {
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
			c.bad(at, "%s is not an address: write rtmt@example.com, or \"@example.com\" for a whole domain", scalar.Quote(from))
		}
		a.From[i] = strings.ToLower(from)
	}
}

func checkTimes(c *checker) {
	w := c.cfg.Window
	c.positive("window.before", w.Before)
	c.positive("window.max", w.Max)
	c.positive("patience", c.cfg.Patience)
	c.positive("cooldown", c.cfg.Cooldown)
	c.positive("again", c.cfg.Again)
	c.between("late.quiet", c.cfg.Late.Quiet, time.Second, 2*time.Hour)
	c.between("late.apart", c.cfg.Late.Apart, time.Minute, day)
	c.positive("keep.age", c.cfg.Keep.Age)
	if n := c.cfg.Keep.Size; n < minFree && n != 0 && c.given("keep.size") {
		c.bad("keep.size", "must be at least 1MiB, or 0 for no limit")
	}
	if n := c.cfg.Keep.Free; n < minFree && n != 0 && c.given("keep.free") {
		c.bad("keep.free", "must be at least 1MiB, or 0 for the default")
	}
	if w.Before+w.After > w.Max && c.sound("window.before", "window.after", "window.max") {
		at := "window"
		if c.has("window.max") {
			at = "window.max"
		}
		c.bad(at, "before (%s) and after (%s) together are longer than max (%s)", scalar.Written(w.Before), scalar.Written(w.After), scalar.Written(w.Max))
	}
}

func (c *checker) between(path string, d, least, most time.Duration) {
	if (d < least || d > most) && c.given(path) {
		c.bad(path, "must be from %s to %s; got %s", scalar.Written(least), scalar.Written(most), scalar.Written(d))
	}
}

func (c *checker) positive(path string, d time.Duration) {
	if d <= 0 && c.given(path) {
		c.bad(path, "must be longer than 0")
	}
}

func checkLogs(c *checker, at string, l Logs) {
	if c.given(at+".dir") && c.required(at+".dir", l.Dir) && (!path.IsAbs(l.Dir) || path.Clean(l.Dir) != strings.TrimSuffix(l.Dir, "/") && l.Dir != "/") {
		c.bad(at+".dir", "%s is not an absolute path without dots, such as /mnt/harddisk/log", scalar.Quote(l.Dir))
	}
	if len(l.Families) == 0 && c.given(at+".families") {
		c.bad(at+".families", "the list is empty: nothing would be copied")
	}
	checkFamilies(c, at+".families", l.Families)
}

func checkFamilies(c *checker, path string, list []string) {
	seen := map[string]string{}
	for i, f := range list {
		if at := indexed(path, i); c.has(at) {
			c.name(at, f, seen)
		}
	}
}

const (
	minRing    = 16 << 20
	minPerHost = 64 << 20
	minFree    = 1 << 20
)

func checkLimits(c *checker) {
	if n := c.cfg.Limits.PerHost; n < minPerHost && n != 0 && c.given("limits.per_host") {
		c.bad("limits.per_host", "must be at least 64MiB, or 0 for the default")
	}
}

func checkRing(c *checker, path string, r Ring) {
	every, keep := path+".every", path+".keep"
	if r.Every < time.Second && c.given(every) {
		c.bad(every, "must be at least 1s, as each copy asks the host for its listing")
	}
	c.positive(keep, r.Keep)
	if r.Keep < r.Every && (c.has(every) || c.has(keep)) && c.sound(every, keep) {
		c.bad(path, "keep (%s) is shorter than every (%s)", scalar.Written(r.Keep), scalar.Written(r.Every))
	}
	if r.MaxSize < minRing && c.given(path+".max_size") {
		c.bad(path+".max_size", "must be at least 16MiB")
	}
}

// secret checks that a secret is there and for its owner alone.
func (c *checker) secret(path string, s Secret) {
	if s.FileName() == "" && s.EnvName() == "" || c.opts.MissingSecrets || !c.given(path) {
		return
	}
	if s.EnvName() != "" {
		if os.Getenv(s.EnvName()) == "" {
			c.bad(path, "environment variable %s is not set, or empty", evidence.Printable(s.EnvName(), 60))
		}
		return
	}
	if what := secret.CheckFile(s.FileName()); what != "" {
		c.bad(path, "%s", what)
	}
}

// caFile checks that a file of authorities, if one is given, can be used. What it holds
// now is what the configuration means by it: nobody reads the file again.
func (c *checker) caFile(path, file string) (ca caText) {
	if file == "" || c.opts.Reading || !c.given(path) {
		return ca
	}
	ca, err := secret.ReadCA(file)
	if err == nil {
		_, err = roots(file, ca)
	}
	if err != nil {
		c.bad(path, "%s", err)
	}
	return ca
}

// address checks an address that must be there, and brings it into its final form.
func (c *checker) address(path string, to *string, port int) bool {
	if !c.required(path, *to) {
		return false
	}
	a, err := scalar.Address(*to, port)
	if err != nil {
		c.bad(path, "%s", err)
		return false
	}
	*to = a
	return true
}

// unique records a fault if a name was seen before without regard to case.
func (c *checker) unique(path, name string, seen map[string]string) bool {
	low := strings.ToLower(name)
	if first, ok := seen[low]; ok {
		c.bad(path, "%s is used twice (case is ignored), first at %s in line %d", scalar.Quote(name), first, c.line(first))
		return false
	}
	seen[low] = path
	return true
}

// name checks a name that goes into names of files, unlike all seen before.
func (c *checker) name(path, name string, seen map[string]string) {
	if !c.required(path, name) {
		return
	}
	if err := evidence.CheckName(name); err != nil {
		c.bad(path, "%s", err)
		return
	}
	c.unique(path, name, seen)
}

// element is the path of a list's element, which may stand there alone.
func (c *checker) element(path string, i int) string {
	if at := indexed(path, i); c.has(at) {
		return at
	}
	return path
}

func indexed(path string, i int) string { return path + "[" + strconv.Itoa(i) + "]" }
