package wiring

import (
	"net"
	"slices"
	"time"

	"rtmtgrab/internal/config"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/incident"
	"rtmtgrab/mailwatch/alertmail"
)

// rules are a configuration's routes, as incidents know them.
func rules(cfg *config.Config) []incident.Rule {
	var list []incident.Rule
	for _, r := range cfg.Routes {
		list = append(list, incident.Rule(r))
	}
	return list
}

// nodes are the names of CUCM's nodes: those of cucm:, and of sites what they name beside.
func nodes(cfg *config.Config) (table incident.Nodes) {
	for _, u := range cfg.CUCM {
		for _, n := range u.Nodes {
			host, _, _ := net.SplitHostPort(n.Address)
			table = table.Add(incident.Node{Cluster: u.Cluster, Name: n.Name, Aliases: append(slices.Clone(n.Aliases), host)})
		}
	}
	for _, s := range cfg.Sites {
		for _, n := range s.Nodes {
			table = table.AddNamed(n)
		}
	}
	return table
}

// kinds are what a configuration's alert kinds ask for.
func kinds(cfg *config.Config) []incident.KindPolicy {
	var list []incident.KindPolicy
	for _, k := range cfg.Alerts.Kinds {
		list = append(list, incident.KindPolicy{Name: k.Name, Before: k.Window.Before, After: k.Window.After, Families: k.Families})
	}
	return list
}

// readKinds are the same for who reads mails.
func readKinds(cfg *config.Config) []alertmail.Kind {
	var list []alertmail.Kind
	for _, k := range cfg.Alerts.Kinds {
		list = append(list, alertmail.Kind{Name: k.Name, Match: k.Match})
	}
	return list
}

// quiet are a site's quiet hours.
func quiet(s *config.Site) []incident.Quiet {
	var list []incident.Quiet
	for _, q := range s.Quiet {
		list = append(list, incident.Quiet(q))
	}
	return list
}

// SitesThrough names the sites whose alerts may come into the folder; none: all.
func SitesThrough(cfg *config.Config, folder string) []string {
	sites, bounded := incident.Through(rules(cfg), folder)
	if !bounded {
		return nil
	}
	return sites
}

// SitesPolled is what names the sites to which an alert goes that a poll of a node finds.
func SitesPolled(cfg *config.Config) func(cluster, node string) []string {
	sites, rules := Sites(cfg), rules(cfg)
	return func(cluster, node string) []string {
		names, _ := incident.RouteAlert(sites, rules, evidence.Alert{Source: evidence.SourcePoll, Cluster: cluster, Node: node, Kind: evidence.DefaultKind})
		return names
	}
}

// Ways are the ways by which alerts can come, as keys of the configuration name them.
func Ways(cfg *config.Config) (ways []string) {
	for _, w := range []struct {
		key string
		is  bool
	}{{"mail", len(cfg.Mails) > 0}, {"alerts.webhook", cfg.Alerts.Webhook != nil},
		{"cucm: poll", slices.ContainsFunc(cfg.CUCM, func(u config.CUCM) bool { return u.Poll.Enabled })}, {WayFleet, cfg.Fleet != nil}} {
		if w.is {
			ways = append(ways, w.key)
		}
	}
	return ways
}

// WayFleet is the way of alerts that other collectors see.
const WayFleet = "fleet"

// Unheard names the sites to which no alert can come although some come: routes send all
// elsewhere, or nothing but other clusters is polled.
func Unheard(cfg *config.Config) (names []string) {
	var folders []string // of mails, and "" for what is none
	for _, b := range Boxes(cfg) {
		folders = append(folders, b.Folder)
	}
	if cfg.Alerts.Webhook != nil {
		folders = append(folders, "")
	}
	var heard []string
	for _, folder := range folders {
		sites, bounded := incident.Through(rules(cfg), folder)
		if !bounded { // any site may be meant
			return nil
		}
		heard = append(heard, sites...)
	}
	polls := false
	for _, u := range cfg.CUCM {
		if u.Poll.Enabled {
			polls = true
			heard = append(heard, SitesPolled(cfg)(u.Cluster, "")...)
		}
	}
	if cfg.Fleet != nil || len(folders) == 0 && !polls {
		return nil
	}
	for i := range cfg.Sites {
		s := &cfg.Sites[i]
		if !slices.Contains(heard, s.Name) && !(polls && len(s.Nodes) > 0) { // nodes may turn up in any cluster
			names = append(names, s.Name)
		}
	}
	return names
}

// alertZone is the zone of the first of the sites that an alert goes to which has
// one.
func alertZone(cfg *config.Config, list []incident.Site, a evidence.Alert) *time.Location {
	names, _ := incident.RouteAlert(list, rules(cfg), a)
	for _, name := range names {
		if s := cfg.Site(name); s != nil && s.TimeZone != nil {
			return s.TimeZone
		}
	}
	return nil
}

// PauseNotes says which of an alert's sites are paused: what is read now triggers
// nothing there.
func PauseNotes(st *incident.Store, cfg *config.Config, rec incident.AlertRecord, now time.Time) (notes []string) {
	list, err := st.Pauses(now)
	if err != nil {
		notes = append(notes, err.Error())
	}
	for _, d := range rec.Sites {
		for _, p := range slices.Concat(list, incident.QuietNow(Sites(cfg), now)) {
			if p.Covers(d.Site) {
				notes = append(notes, "site "+d.Site+" is "+p.String()+"; if it is read now the alert is recorded there and nothing is grabbed")
			}
		}
	}
	return notes
}
