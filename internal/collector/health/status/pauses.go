package status

import (
	"cmp"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"rtmtgrab/internal/human"
)

// WritePauses writes what is paused for a person.
func WritePauses(out io.Writer, list []Pause) error {
	if len(list) == 0 {
		_, err := fmt.Fprintln(out, "nothing is paused")
		return err
	}
	w := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "SITE\tFROM\tUNTIL\tBY\tREASON")
	clock := human.Local()
	for _, p := range list {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", cmp.Or(p.Site, "(all)"), clock.Short(p.From.Truncate(time.Second)), clock.Short(p.Until.Truncate(time.Second)), p.By, human.Dash(p.Reason))
	}
	return w.Flush()
}
