package quarantine

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"rtmtgrab/internal/human"
)

// Write prints a list as a table for people.
func Write(out io.Writer, rows []Row) error {
	w := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	for i, h := range rows {
		if i == 0 {
			fmt.Fprintln(w, "ID\tSEEN\tSENDER\tALERT\tCLUSTER\tNODE\tWHY")
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", h.ID[:12], human.Local().Short(h.Seen.Truncate(time.Second)), human.Dash(h.Sender), human.Dash(h.Alert.Name), human.Dash(h.Alert.Cluster), human.Dash(h.Alert.Node), human.Local().Say(h.Why))
	}
	return w.Flush()
}

// WriteDone prints what became of alerts, and says what to know of each.
func WriteDone(out io.Writer, results []Result, say func(format string, args ...any)) error {
	for _, r := range results {
		fmt.Fprintf(out, "%s  %s", r.ID[:12], r.What)
		for _, d := range r.Sites {
			fmt.Fprintf(out, "  %s: %s %s", d.Site, human.Dash(string(d.What)), d.Incident)
		}
		fmt.Fprintln(out)
		if r.Note != "" {
			say("%s", r.Note)
		}
	}
	return nil
}
