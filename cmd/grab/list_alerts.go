package main

import (
	"cmp"
	"fmt"
	"text/tabwriter"
	"time"

	"rtmtgrab/internal/config"
	"rtmtgrab/internal/human"
	"rtmtgrab/internal/incident"
)

// listAlerts prints every mail that was taken, with what became of it and why.
func listAlerts(a *app, cfg *config.Config, store *incident.Store) error {
	list, err := store.ListAlerts()
	if list == nil {
		return err
	}
	if err != nil {
		a.say("grab: warning: %v", err)
	}
	if a.json {
		return a.print(list)
	}
	w := tabwriter.NewWriter(a.out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "TIME\tSEEN\tID\tKIND\tCLUSTER\tNODE\tSITE\tWHAT\tINCIDENT\tWHY")
	for _, l := range list {
		clock := human.Clock{Zone: time.Local}
		if len(l.Sites) > 0 {
			clock.Zone = zoneOf(cfg, l.Sites[0].Site)
		}
		row := func(site string, what incident.What, in, why string) {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", clock.Short(l.Time), clock.Short(l.Seen.Truncate(time.Second)), l.ID[:12], l.Kind,
				human.Dash(l.Cluster), human.Dash(l.Node), human.Dash(site), what, human.Dash(in), human.Dash(why))
		}
		for _, s := range l.Sites {
			why := s.Why
			if s.Of != "" {
				why += " after " + s.Of[:min(12, len(s.Of))]
			}
			row(s.Site, s.What, s.Incident, why)
		}
		if len(l.Sites) == 0 {
			row("", cmp.Or(l.What, incident.Undecided), "", l.Why)
		}
	}
	return w.Flush()
}

// zoneOf is a site's zone; of one that is not configured, or of none, the machine's.
func zoneOf(cfg *config.Config, site string) *time.Location {
	if s := cfg.Site(site); s != nil {
		return s.Zone()
	}
	return time.Local
}
