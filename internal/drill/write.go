package drill

import (
	"fmt"
	"io"

	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/human"
)

// WriteStep prints a step when it is over.
func WriteStep(out io.Writer, s Step) {
	mark, what := "PASS", s.Step
	if !s.OK {
		mark = "FAIL"
	}
	if s.Host != "" {
		what += " " + s.Host
	}
	fmt.Fprintf(out, "%s  %s  +%6.1f s  %s: %s\n", mark, s.At.Local().Format("15:04:05"), s.AfterS, what, human.Local().Say(evidence.Unnamed(s.Host, s.What)))
	if s.Hint != "" {
		fmt.Fprintln(out, "      hint:", s.Hint)
	}
}

// WriteResult says how it ended.
func WriteResult(out io.Writer, r Result) error {
	for _, n := range r.Notes {
		fmt.Fprintln(out, "note:", n)
	}
	took := human.Span(r.Ended.Sub(r.Began))
	if bad := r.Failed(); bad.Step != "" {
		_, err := fmt.Fprintf(out, "\nthe drill of %s failed after %s: an alert would not have come through like this\n", r.Site, took)
		return err
	}
	_, err := fmt.Fprintf(out, "\nthe drill of %s passed in %s\n", r.Site, took)
	return err
}
