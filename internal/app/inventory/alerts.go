package inventory

import (
	"cmp"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"rtmtgrab/internal/human"
	"rtmtgrab/internal/incident"
)

// WriteAlerts prints every alert that was taken, with what became of it and why, as a table
// for people; zone is a site's.
func WriteAlerts(out io.Writer, list []incident.ListedAlert, zone func(site string) *time.Location) error {
	w := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "TIME\tSEEN\tID\tKIND\tCLUSTER\tNODE\tSITE\tWHAT\tINCIDENT\tWHY\tBY")
	for _, l := range list {
		clock := human.Clock{Zone: time.Local}
		if len(l.Sites) > 0 {
			clock.Zone = zone(l.Sites[0].Site)
		}
		row := func(site string, what incident.What, in, why string) {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", clock.Short(l.Time), clock.Short(l.Seen.Truncate(time.Second)), l.ID[:12], l.Kind,
				human.Dash(l.Cluster), human.Dash(l.Node), human.Dash(site), what, human.Dash(in), human.Dash(clock.Say(why)), l.Way)
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
