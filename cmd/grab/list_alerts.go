package main

import (
	"cmp"
	"fmt"
	"text/tabwriter"
	"time"

	"rtmtgrab/internal/human"
	"rtmtgrab/internal/incident"
)

// listAlerts prints every mail that was taken, with what became of it and why.
func listAlerts(a *app, store *incident.Store) error {
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
		row := func(site string, what incident.What, in, why string) {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", l.Time.Format(time.RFC3339), l.Seen.Format(time.RFC3339), l.ID[:12], l.Kind,
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
