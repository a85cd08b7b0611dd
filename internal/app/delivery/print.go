package delivery

import (
	"cmp"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"rtmtgrab/internal/human"
	"rtmtgrab/internal/incident"
)

// Write says for people what became of a delivery.
func (d Delivered) Write(out io.Writer) error {
	if d.State != "done" {
		_, err := fmt.Fprintf(out, "%s, revision %d, to %s: %s\n", d.Incident, d.Revision, d.To, d.State)
		return err
	}
	_, err := fmt.Fprintf(out, "delivered: %s\nto:        %s, confirmed by %s\nsize:      %s\nsha256:    %s\n", d.Place, d.To, cmp.Or(d.Verified, "nothing"), human.Size(d.Bytes), d.SHA256)
	return err
}

// SayWaiting says of an incident that no watch has sealed where its bundle is to go, if it was sealed since then.
func SayWaiting(in incident.Incident, since time.Time, say func(format string, args ...any)) {
	if n := len(in.Revisions); n > 0 && len(in.Revisions[n-1].HandTo) > 0 && in.Revisions[n-1].Sealed.After(since) {
		to := in.Revisions[n-1].HandTo
		say("to be handed over to %s: a running grab watch does it within a minute, or now `grab send %s --to %s`", strings.Join(to, ", "), in.ID, to[0])
	}
}

// WriteQueue lists for people what waits.
func WriteQueue(out io.Writer, list []Delivered, now time.Time) error {
	if len(list) == 0 {
		_, err := fmt.Fprintln(out, "nothing waits to be handed over")
		return err
	}
	w := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "INCIDENT\tREVISION\tTO\tSTATE\tATTEMPTS\tNOT BEFORE\tWHY")
	for _, d := range list {
		due := "-"
		if d.Due.After(now) {
			due = human.Local().Short(d.Due.Truncate(time.Second))
		}
		why := d.Error
		if d.Cause != "" {
			why = d.Cause + ": " + why
		}
		fmt.Fprintf(w, "%s\t%d\t%s\t%s\t%d\t%s\t%s\n", d.Incident, d.Revision, d.To, d.State, d.Attempts, due, human.Dash(why))
	}
	return w.Flush()
}
