package main

import (
	"context"
	"io"

	"github.com/spf13/cobra"

	"rtmtgrab/internal/app/quarantine"
	"rtmtgrab/internal/config"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/incident/triage"
)

func quarantineCmd(a *app) *cobra.Command {
	var force bool
	cmd := &cobra.Command{Use: "quarantine", Short: "List alerts that may not trigger; release or drop them", Args: cobra.NoArgs,
		Long: "Alerts from senders that alerts.from or alerts.authenticity does not allow trigger nothing and are kept for 30 days.\n" +
			"Only a user who can write to the store can release one.",
		RunE: func(*cobra.Command, []string) error { return listQuarantine(a) }}
	release := &cobra.Command{Use: "release ID...", Short: "Let alerts trigger after all", Args: cobra.MinimumNArgs(1),
		Long: "`grab watch` acts on it within seconds and grabs what is left of the alert's minutes. An ID may be shortened to 6 digits.",
		RunE: func(cmd *cobra.Command, ids []string) error {
			ctx, cancel := a.context(cmd.Context())
			defer cancel()
			return askQuarantine(ctx, a, triage.RequestRelease, ids, force)
		}}
	release.Flags().BoolVar(&force, "force", false, "release an alert older than mail.max_age too, although its minutes are probably overwritten")
	drop := &cobra.Command{Use: "drop ID...", Short: "Discard alerts for good", Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, ids []string) error {
			ctx, cancel := a.context(cmd.Context())
			defer cancel()
			return askQuarantine(ctx, a, triage.RequestDrop, ids, false)
		}}
	cmd.AddCommand(release, drop)
	return cmd
}

// offline are the faults of a configuration that do not concern who contacts nobody.
var offline = config.Options{MissingKnownHosts: true, MissingSecrets: true}

func listQuarantine(a *app) error {
	cfg, err := a.load(offline)
	if err != nil {
		return err
	}
	rows, err := quarantine.List(&incident.Store{Dir: cfg.Store}, a.say)
	if err != nil {
		return err
	}
	if len(rows) == 0 {
		a.say("nothing is in quarantine")
	}
	return a.show(rows, func(w io.Writer) error { return quarantine.Write(w, rows) })
}

func askQuarantine(ctx context.Context, a *app, what string, ids []string, force bool) error {
	cfg, err := a.load(offline)
	if err != nil {
		return err
	}
	results, err := quarantine.Ask(ctx, cfg, what, ids, force, a.say)
	if err != nil {
		return err
	}
	return a.show(results, func(w io.Writer) error { return quarantine.WriteDone(w, results, a.say) })
}
