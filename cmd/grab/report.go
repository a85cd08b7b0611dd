package main

import (
	"context"

	"github.com/spf13/cobra"

	"rtmtgrab/internal/analysis"
	"rtmtgrab/internal/app/reporting"
)

func reportCmd(a *app) *cobra.Command {
	q := reporting.Request{Out: "grab-report"}
	cmd := &cobra.Command{
		Use:   "report BUNDLE|DIR|FILE...",
		Short: "Say what the REGISTER messages show: which phone is partially registered, and why",
		Long: "Reads a bundle, a folder of logs (or a bundle that was unpacked), log files of Expressway-C and -E, files of a\n" +
			"remote syslog server, or an appliance's diagnostic archive, and writes " + analysis.PageName + ", " + analysis.CSVName + "\n" +
			"and " + analysis.JSONName + ". Give C and E together. BUNDLE may be an incident of the store, or @last. The exit code is\n" +
			"0 whatever the verdict.",
		Args:              cobra.MinimumNArgs(1),
		ValidArgsFunction: completeIncident(a, true),
		RunE:              func(cmd *cobra.Command, args []string) error { return runReport(cmd.Context(), a, q, args) },
	}
	fl := cmd.Flags()
	fl.StringVar(&q.Out, "out", q.Out, "`folder` for the three files; those of an earlier report are replaced")
	fl.BoolVar(&q.Open, "open", false, "open the page in a browser")
	fl.StringSliceVar(&q.Phones, "phone", nil, "only about this phone, SEP... or its number; may be repeated")
	fl.DurationVar(&q.Grace, "grace", 0, "how long CUCM keeps a phone after Expires (default what CUCM is known to wait)")
	return cmd
}

func runReport(ctx context.Context, a *app, q reporting.Request, args []string) error {
	if err := q.Check(); err != nil {
		return err
	}
	ctx, cancel := a.context(ctx)
	defer cancel()
	paths, err := a.finder().Paths(args)
	if err != nil {
		return err
	}
	q.JSON = a.json
	return q.Report(ctx, paths, a.out, a.say)
}
