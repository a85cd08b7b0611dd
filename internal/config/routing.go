package config

import (
	"regexp"
	"slices"
	"strings"
	"time"

	"rtmtgrab/internal/config/scalar"
	"rtmtgrab/internal/evidence"
)

// Kind is a kind of alerts beside the one of Alerts.Match.
type Kind struct {
	Name     string         `yaml:"name"`
	Match    *regexp.Regexp `yaml:"match"`
	Window   KindWindow     `yaml:"window"`
	Families []string       `yaml:"families"` // in place of logs.families of each host; empty: those
}

// KindWindow is how much one alert of a kind asks for; what is not given is as in
// Config.Window.
type KindWindow struct {
	Before time.Duration `yaml:"before"`
	After  time.Duration `yaml:"after"`
}

// Route sends alerts that meet all conditions given to its sites.
type Route struct {
	To      string   `yaml:"to"`     // a recipient's address; * stands for any characters, here and below
	Folder  string   `yaml:"folder"` // of the mailbox
	Cluster string   `yaml:"cluster"`
	Node    string   `yaml:"node"`
	Kind    string   `yaml:"kind"`
	Sites   []string `yaml:"sites"` // as the sites are written
}

// Quiet is a span of hours in the site's zone in which nothing is grabbed.
type Quiet struct {
	Days   []time.Weekday `yaml:"days"` // mon to sun, on which it begins; empty: every day
	From   time.Duration  `yaml:"from,clock"`
	To     time.Duration  `yaml:"to,clock"` // not after From: on the next day
	Reason string         `yaml:"reason"`
}

// checkRouting judges kinds and routes, and fills in what kinds leave out.
func checkRouting(c *checker) {
	names := map[string]string{evidence.DefaultKind: "alerts.match"}
	for i := range c.cfg.Alerts.Kinds {
		checkKind(c, indexed("alerts.kinds", i), &c.cfg.Alerts.Kinds[i], names)
	}
	for i := range c.cfg.Routes {
		checkRoute(c, indexed("routes", i), &c.cfg.Routes[i], names)
	}
	for i := range c.cfg.Sites {
		checkQuiet(c, sitePath(i)+".quiet", c.cfg.Sites[i].Quiet)
	}
}

func checkKind(c *checker, at string, k *Kind, names map[string]string) {
	if strings.EqualFold(k.Name, evidence.DefaultKind) {
		c.bad(at+".name", "%s is the name for what alerts.match matches: choose another", scalar.Quote(k.Name))
	} else {
		c.name(at+".name", k.Name, names)
	}
	if k.Match == nil && c.sound(at+".match") {
		c.bad(at+".match", "required key is missing: the pattern for alerts of this kind")
	}
	if !c.has(at + ".window.before") {
		k.Window.Before = c.cfg.Window.Before
	}
	if !c.has(at + ".window.after") {
		k.Window.After = c.cfg.Window.After
	}
	c.positive(at+".window.before", k.Window.Before)
	if sum := k.Window.Before + k.Window.After; sum > c.cfg.Window.Max && c.sound(at, "window.max") && c.has(at+".window") {
		c.bad(at+".window", "before (%s) and after (%s) together are longer than window.max (%s)", scalar.Written(k.Window.Before), scalar.Written(k.Window.After), scalar.Written(c.cfg.Window.Max))
	}
	checkFamilies(c, at+".families", k.Families)
}

func checkRoute(c *checker, at string, r *Route, kinds map[string]string) {
	if r.To == "" && r.Folder == "" && r.Cluster == "" && r.Node == "" && r.Kind == "" && c.sound(at) {
		c.bad(at, "no condition: set to, folder, cluster, node or kind; a site without clusters and nodes takes what is left")
	}
	if r.To != "" && !strings.ContainsAny(r.To, "@*") {
		c.bad(at+".to", "%s is not an address: write rtmt+hq@example.com", scalar.Quote(r.To))
	}
	if r.Folder != "" && !strings.Contains(r.Folder, "*") && !c.lost("mail") && !watched(c.cfg.Mails, r.Folder) {
		c.bad(at+".folder", "no mailbox in mail: watches %s: this route would never match", scalar.Quote(r.Folder))
	}
	if r.Kind != "" {
		if _, known := kinds[strings.ToLower(r.Kind)]; !known {
			c.bad(at+".kind", "unknown kind %s: name one of alerts.kinds, or %s for alerts.match", scalar.Quote(r.Kind), evidence.DefaultKind)
		}
		for _, k := range c.cfg.Alerts.Kinds {
			if strings.EqualFold(k.Name, r.Kind) {
				r.Kind = k.Name
			}
		}
	}
	if len(r.Sites) == 0 && c.sound(at+".sites") {
		c.bad(join(at, "sites"), "no sites: a route needs at least one")
	}
	seen := map[string]string{}
	for i, name := range r.Sites {
		in := indexed(at+".sites", i)
		s := c.cfg.Site(name)
		switch {
		case c.lost("sites"):
		case s == nil:
			c.bad(in, "unknown site %s", scalar.Quote(name))
		case c.unique(in, name, seen):
			r.Sites[i] = s.Name
		}
	}
}

// watched reports whether a mailbox has the folder, or there is none at all.
func watched(mails []Mail, folder string) bool {
	same := func(f string) bool { return strings.EqualFold(f, folder) }
	return len(mails) == 0 || slices.ContainsFunc(mails, func(m Mail) bool { return slices.ContainsFunc(m.Mailboxes, same) })
}

// routed reports whether a route names the site.
func routed(routes []Route, site string) bool {
	return slices.ContainsFunc(routes, func(r Route) bool {
		return slices.ContainsFunc(r.Sites, func(s string) bool { return strings.EqualFold(s, site) })
	})
}

func checkQuiet(c *checker, at string, list []Quiet) {
	for i, q := range list {
		at := indexed(at, i)
		if q.From == day && c.sound(at) {
			c.bad(at+".from", "24:00 is not a start: write 00:00 of the next day")
		}
		if q.From == q.To && c.sound(at) {
			c.bad(at, "from and to are the same; for a whole day write 00:00 to 24:00")
		}
	}
	if len(list) > 0 && c.sound(at) && whole(list) {
		c.bad(at, "the quiet hours cover the whole week: nothing would be grabbed")
	}
}

// whole reports whether quiet hours leave no minute of the week.
func whole(list []Quiet) bool {
	const week = 7 * 24 * 60
	var covered [week]bool
	for _, q := range list {
		days := q.Days
		if len(days) == 0 {
			days = []time.Weekday{0, 1, 2, 3, 4, 5, 6}
		}
		length := q.To - q.From
		if length <= 0 {
			length += day
		}
		for _, d := range days {
			for m := range int(length / time.Minute) {
				covered[(int(d)*24*60+int(q.From/time.Minute)+m)%week] = true
			}
		}
	}
	return !slices.Contains(covered[:], false)
}
