package masking

import (
	"bytes"
	"fmt"
	"text/tabwriter"

	"rtmtgrab/bundle"
	"rtmtgrab/internal/evidence"
)

// maskReport is mask-report.txt: which rule struck how often. It has no raw value.
func (j *job) maskReport(m evidence.Manifest) []byte {
	var b bytes.Buffer
	k := m.Masked
	fmt.Fprintf(&b, "%s was masked: %s, within one %s (map %s).\n\nTaken out, by rule:\n\n", bundle.Name(m), k.Strength, k.Scope, k.Map)
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
	none := true
	for _, c := range j.masker.Counts() {
		if c.Hits > 0 {
			none = false
			fmt.Fprintf(w, "  %d\t  %s\n", c.Hits, c.Rule)
		}
	}
	if none {
		fmt.Fprintln(w, "  nothing")
	}
	w.Flush()
	fmt.Fprint(&b, "\nLeft out, because it cannot be masked:\n\n")
	for _, l := range k.LeftOut {
		fmt.Fprintf(&b, "  %s: %s\n", evidence.Printable(l.What, 200), evidence.Printable(l.Why, 200))
	}
	if len(k.LeftOut) == 0 {
		fmt.Fprintln(&b, "  nothing")
	}
	fmt.Fprint(&b, "\nTimes, lines and their order are those of the original. The report and the packets were made\nanew of what was masked.\n")
	return b.Bytes()
}
