// Package reporting makes the report of logs that a person names: bundles, folders, files and
// archives.
//
// It writes the page, the CSV and the JSON whole or not at all, into one folder. It does not
// know how anything is found in logs, nor where a command prints.
package reporting

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"rtmtgrab/internal/advice"
	"rtmtgrab/internal/analysis"
	"rtmtgrab/internal/app/oneshot"
	"rtmtgrab/internal/atomicfile"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/registration"
	"rtmtgrab/internal/report"
	"rtmtgrab/internal/sources"
	"rtmtgrab/internal/terminal"
)

// A Request says what is reported, and how.
type Request struct {
	Out    string // folder for the three files
	Open   bool   // open the page in a browser
	Phones []string
	Grace  time.Duration
	JSON   bool // print the JSON in place of words
}

// Report reports on the logs in paths, and prints the answer on out.
func (q Request) Report(ctx context.Context, paths []string, out io.Writer, say func(format string, args ...any)) error {
	defer analysis.BoundMemory()()
	if err := oneshot.PrepareOut(q.Out); err != nil {
		return advice.Usage(err)
	}
	set, err := sources.Open(ctx, q.Out, paths...)
	if err != nil {
		return err
	}
	defer set.Close()
	set.Announce(say)
	rep, err := analysis.Analyze(ctx, set, q.Phones, q.Grace)
	if err != nil {
		return err
	}
	say("writing %s", q.Out)
	for name, write := range analysis.ReportFiles(set, rep) {
		if err := atomicfile.Write(filepath.Join(q.Out, name), write); err != nil {
			return fmt.Errorf("write %s: %w", name, err)
		}
	}
	page := filepath.Join(q.Out, analysis.PageName)
	if q.JSON {
		err = report.JSON(out, rep)
	} else {
		err = Print(out, rep, page)
	}
	if err == nil && q.Open {
		if err := terminal.OpenPage(page); err != nil {
			say("grab: warning: cannot open the browser: %v; open %s yourself", err, page)
		}
	}
	return err
}

// Check says what is wrong with a request.
func (q Request) Check() error {
	if q.Grace < 0 {
		return advice.Usage(errors.New("--grace must not be negative"))
	}
	return nil
}

// Print prints the answer for a person.
func Print(w io.Writer, rep *registration.Report, page string) error {
	clock := report.ClockOf(rep)
	fmt.Fprintf(w, "%s\n", clock.Say(evidence.Printable(rep.Summary, 2000)))
	report.PrintFindings(w, report.Brief(rep), clock, "")
	for i, n := range rep.Notes {
		if i == 0 {
			fmt.Fprintf(w, "\nNotes\n")
		}
		fmt.Fprintf(w, "  %s\n", clock.Say(evidence.Printable(n, 2000)))
	}
	_, err := fmt.Fprintf(w, "\npage      %s\n          %s and %s beside it\n", page, analysis.CSVName, analysis.JSONName)
	return err
}
