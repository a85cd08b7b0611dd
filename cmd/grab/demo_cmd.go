package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"rtmtgrab/internal/app/demo"
)

// demoLimit is how long a demo may take. Tests have more time.
var demoLimit = demo.Limit

func demoCmd(a *app) *cobra.Command {
	dir := "grab-demo"
	cmd := &cobra.Command{Use: "demo", Short: "Show the whole job on a built-in laboratory, without any set-up", Args: cobra.NoArgs,
		Long: "Four Expressway peers whose logs wrap in about a minute, a phone that goes partial, CUCM's mail, names and traces, the real watcher\n" +
			"and the real bundle, which stays in ./grab-demo. Exit code 0 only if the bundle is complete and verified.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, cancel := a.context(cmd.Context())
			defer cancel()
			ctx, cancel = context.WithTimeoutCause(ctx, demoLimit, errors.New("the demo timed out"))
			defer cancel()
			return runDemo(ctx, a, dir)
		}}
	cmd.Flags().StringVar(&dir, "out", dir, "`folder` for the demo's files; those of an earlier demo are replaced")
	return cmd
}

func runDemo(ctx context.Context, a *app, dir string) error {
	r, err := demo.Run(ctx, dir, a.say)
	if err != nil {
		return err
	}
	if a.exit = r.Exit(); a.json {
		return a.print(r.Outcome)
	}
	return r.Write(a.out)
}
