package config

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"rtmtgrab/bundle/seal/envelope"
	"rtmtgrab/internal/config/scalar"
	"rtmtgrab/internal/config/secret"
	"rtmtgrab/internal/evidence"
)

const maxHandover = 50 // destinations

// checkHandover judges handover:, and fills in what entries leave out.
func checkHandover(c *checker) {
	if len(c.cfg.Handover) > maxHandover && c.sound("handover") {
		c.bad("handover", "more than %d destinations", maxHandover)
		return
	}
	names := map[string]string{}
	for i := range c.cfg.Handover {
		at, h := indexed("handover", i), &c.cfg.Handover[i]
		c.name(at+".name", h.Name, names)
		checkConditions(c, at, h)
		checkForm(c, at, h)
		checkSeal(c, at, h)
		checkCase(c, at+".case", h.Case)
		checkSink(c, at, h)
	}
}

func checkConditions(c *checker, at string, h *Handover) {
	kinds := []string{evidence.DefaultKind, KindHand}
	for _, k := range c.cfg.Alerts.Kinds {
		kinds = append(kinds, k.Name)
	}
	seen := map[string]string{}
	for i, name := range h.Sites {
		in := indexed(at+".sites", i)
		switch s := c.cfg.Site(name); {
		case c.lost("sites") || !c.sound(in):
		case s == nil:
			c.bad(in, "unknown site %s", scalar.Quote(name))
		case c.unique(in, name, seen):
			h.Sites[i] = s.Name
		}
	}
	for i, kind := range h.Kinds {
		in := indexed(at+".kinds", i)
		n := slices.IndexFunc(kinds, func(k string) bool { return strings.EqualFold(k, kind) })
		switch {
		case !c.sound(in, "alerts.kinds"):
		case n < 0:
			c.bad(in, "unknown kind %s: name one of alerts.kinds, %s for alerts.match, or %s for grabs by hand", scalar.Quote(kind), evidence.DefaultKind, KindHand)
		case c.unique(in, kind, seen):
			h.Kinds[i] = kinds[n]
		}
	}
	for i, v := range h.Verdicts {
		c.oneOf(indexed(at+".verdicts", i), v, "partial", "recovered", "healthy", "unknown")
	}
	for i, v := range h.Coverage {
		c.oneOf(indexed(at+".coverage", i), v, string(evidence.Complete), string(evidence.Partial), string(evidence.Lost))
	}
	checkMet(c, at+".sites", h.Sites)
	checkMet(c, at+".kinds", h.Kinds)
	checkMet(c, at+".verdicts", h.Verdicts)
	checkMet(c, at+".coverage", h.Coverage)
}

func checkMet(c *checker, path string, list []string) {
	if len(list) == 0 && c.given(path) {
		c.bad(path, "the list is empty: no bundle would meet it; remove the key for all")
	}
}

// checkForm judges in what form bundles go, and fills in what is not given.
func checkForm(c *checker, at string, h *Handover) {
	c.oneOf(at+".format", h.Format, "zip", "tar.zst", "tar.gz")
	c.oneOf(at+".mask", h.Mask, MaskNone, MaskCredentials, MaskIdentities)
	if !c.has(at + ".format") {
		h.Format = c.cfg.Bundle.Format
	}
	if !c.has(at + ".mask") {
		h.Mask = defaultMask(h.Sink())
	}
	if c.given(at+".bandwidth") && h.Bandwidth != 0 && h.Bandwidth < minBandwidth {
		c.bad(at+".bandwidth", "must be 0 for no limit, or at least 16KiB per second")
	}
}

// checkSeal reads the recipients of every site whose bundles may go there.
func checkSeal(c *checker, at string, h *Handover) {
	path := at + ".seal"
	if !c.given(path) {
		return
	}
	if len(h.Seal) == 0 {
		c.bad(path, "the list is empty: remove the key to hand over without encryption")
		return
	}
	for i, to := range h.Seal {
		in := c.element(path, i)
		if !c.required(in, to) {
			return
		}
		if !isRecipient(to) {
			h.Seal[i] = inFolder(filepath.Dir(c.cfg.Path), to)
		}
	}
	if c.opts.Reading {
		return // the files may be closed to this user
	}
	said := map[string]bool{}
	for _, site := range c.cfg.sealed(h) {
		_, err := envelope.ReadRecipients(h.Recipients(site)...)
		if err == nil || said[err.Error()] {
			continue
		}
		said[err.Error()] = true
		c.bad(path, "%s", evidence.Printable(secret.Plain(err), 300))
	}
}

// isRecipient tells recipients from files of them.
func isRecipient(s string) bool {
	return strings.HasPrefix(s, "age1") || strings.HasPrefix(s, "ssh-")
}

// sealed are the sites whose recipients have to be there.
func (c *Config) sealed(h *Handover) []string {
	switch {
	case !slices.ContainsFunc(h.Seal, func(s string) bool { return strings.Contains(s, siteMark) }):
		return []string{""}
	case len(h.Sites) > 0:
		return h.Sites
	}
	return c.siteNames()
}

func inFolder(base, name string) string {
	if filepath.IsAbs(name) {
		return filepath.Clean(name)
	}
	return filepath.Join(base, name)
}

// checkCase checks a case number, which goes into names and logins.
func checkCase(c *checker, at, number string) {
	if c.given(at) && number != "" && !CaseNumber(number) {
		c.bad(at, "%s is not a case number: write letters, digits, - and _", scalar.Quote(number))
	}
}

// CaseNumber reports whether s can be a case's number where it becomes part of names.
func CaseNumber(s string) bool {
	return s != "" && len(s) <= 64 && !strings.ContainsFunc(s, func(r rune) bool {
		return !(r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' || r == '-' || r == '_')
	})
}

// tokensFolder checks a folder of tokens; what is in it is read when it is needed.
func tokensFolder(c *checker, at, dir string) {
	if dir == "" || !c.given(at) || c.opts.MissingSecrets {
		return
	}
	if st, err := os.Stat(dir); err != nil {
		c.bad(at, "%s", secret.Plain(err))
	} else if !st.IsDir() {
		c.bad(at, "%s is not a folder: it has a file for each case, called like its number", dir)
	}
}
