package main

import (
	"context"
	"errors"
	"time"

	"github.com/spf13/cobra"

	"rtmtgrab/internal/app/demo"
)

// demoLimit is how long a demo may take; zero: as long as such demos do. Tests have more time.
var demoLimit time.Duration

func demoCmd(a *app) *cobra.Command {
	dir, show := "grab-demo", demo.Show{Say: a.say}
	cmd := &cobra.Command{Use: "demo", Short: "Show the whole job on a built-in laboratory, without any set-up", Args: cobra.NoArgs,
		Long: "Four Expressway peers whose logs wrap in about a minute, a phone that goes partial, CUCM's mail, names and traces, the real watcher\n" +
			"and the real bundle, which stays in ./grab-demo. Exit code 0 only if the bundle is complete and verified.\n" +
			"With --fleet: a hub, two collectors of one site and one that sees the mail; the one that owns the incident is killed.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, cancel := a.context(cmd.Context())
			defer cancel()
			ctx, cancel = context.WithTimeoutCause(ctx, max(demoLimit, show.Limit()), errors.New("the demo timed out"))
			defer cancel()
			r, err := show.Run(ctx, dir)
			if err != nil {
				return err
			}
			if a.exit = r.Exit(); a.json {
				return a.print(r.Document())
			}
			return r.Write(a.out)
		}}
	cmd.Flags().StringVar(&dir, "out", dir, "`folder` for the demo's files; those of an earlier demo are replaced")
	cmd.Flags().BoolVar(&show.Fleet, "fleet", false, "show how a site survives the loss of a collector (about two minutes)")
	return cmd
}
