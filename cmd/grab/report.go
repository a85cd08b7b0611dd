package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

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

// reportFlags are those of `grab report`.
type reportFlags struct {
	out    string
	open   bool
	phones []string
	grace  time.Duration
}

func reportCmd(a *app) *cobra.Command {
	f := &reportFlags{out: "grab-report"}
	cmd := &cobra.Command{
		Use:   "report BUNDLE|DIR|FILE...",
		Short: "Say what the REGISTER messages show: which phone is partially registered, and why",
		Long: "Reads a bundle, a folder of logs (or a bundle that was unpacked), log files of Expressway-C and -E, files of a\n" +
			"remote syslog server, or an appliance's diagnostic archive, and writes " + analysis.PageName + ", " + analysis.CSVName + "\n" +
			"and " + analysis.JSONName + ". Give C and E together. BUNDLE may be an incident of the store, or @last. The exit code is\n" +
			"0 whatever the verdict.",
		Args:              cobra.MinimumNArgs(1),
		ValidArgsFunction: completeIncident(a, true),
		RunE:              func(cmd *cobra.Command, args []string) error { return runReport(cmd.Context(), a, f, args) },
	}
	fl := cmd.Flags()
	fl.StringVar(&f.out, "out", f.out, "`folder` for the three files; those of an earlier report are replaced")
	fl.BoolVar(&f.open, "open", false, "open the page in a browser")
	fl.StringSliceVar(&f.phones, "phone", nil, "only about this phone, SEP... or its number; may be repeated")
	fl.DurationVar(&f.grace, "grace", 0, "how long CUCM keeps a phone after Expires (default what CUCM is known to wait)")
	return cmd
}

func runReport(ctx context.Context, a *app, f *reportFlags, args []string) error {
	if f.grace < 0 {
		return advice.Usage(errors.New("--grace must not be negative"))
	}
	ctx, cancel := a.context(ctx)
	defer cancel()
	defer analysis.BoundMemory()()
	args, err := a.finder().Paths(args)
	if err != nil {
		return err
	}
	if err := oneshot.PrepareOut(f.out); err != nil {
		return advice.Usage(err)
	}
	set, err := sources.Open(ctx, f.out, args...)
	if err != nil {
		return err
	}
	defer set.Close()
	set.Announce(a.say)
	rep, err := analysis.Analyze(ctx, set, f.phones, f.grace)
	if err != nil {
		return err
	}
	a.say("writing %s", f.out)
	for name, write := range analysis.ReportFiles(set, rep) {
		if err := atomicfile.Write(filepath.Join(f.out, name), write); err != nil {
			return fmt.Errorf("write %s: %w", name, err)
		}
	}
	page := filepath.Join(f.out, analysis.PageName)
	if a.json {
		err = report.JSON(a.out, rep)
	} else {
		err = printReport(a.out, rep, page)
	}
	if err == nil && f.open {
		if err := terminal.OpenPage(page); err != nil {
			a.say("grab: warning: cannot open the browser: %v; open %s yourself", err, page)
		}
	}
	return err
}

// printReport is the answer for a person.
func printReport(w io.Writer, rep *registration.Report, page string) error {
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
