package masking

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"

	"rtmtgrab/bundle"
	"rtmtgrab/bundle/mask"
	"rtmtgrab/internal/evidence"
)

const maskReportName = "mask-report.txt"

// readReport keeps the report of a bundle that was masked before.
func (j *job) readReport(r io.Reader) (err error) {
	j.before, err = io.ReadAll(io.LimitReader(r, 1<<20))
	return err
}

// maskReport is mask-report.txt: which rule struck how often. It has no raw value. Where a
// bundle was masked before, and nothing had to be taken out this time, it stays.
func (j *job) maskReport(m evidence.Manifest) []byte {
	struck := slices.ContainsFunc(j.masker.Counts(), func(c mask.Count) bool { return c.Hits > 0 })
	if was := j.src.manifest.Masked; was != nil && was.Strength == j.how.Strength && !struck && len(j.before) > 0 {
		return j.before
	}
	var b bytes.Buffer
	k := m.Masked
	fmt.Fprintf(&b, "%s was masked: %s, within one %s (map %s).\n\nTaken out, by rule:\n\n", bundle.Name(m), k.Strength, k.Scope, k.Map)
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
	for _, c := range j.masker.Counts() {
		if c.Hits > 0 {
			fmt.Fprintf(w, "  %d\t  %s\n", c.Hits, c.Rule)
		}
	}
	if !struck {
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
