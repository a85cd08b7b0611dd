package main

import (
	"context"

	"github.com/spf13/cobra"

	"rtmtgrab/internal/collector"
	"rtmtgrab/internal/config"
)

func (a *app) watchCmd() *cobra.Command {
	managed := false
	cmd := &cobra.Command{Use: "watch", Short: "Wait for alert mails and grab at once: the always-on collector", Args: cobra.NoArgs,
		Long: "Runs until it is told to stop (SIGTERM, Ctrl-C); unfinished incidents go on at the next start.\nSIGHUP reads the configuration again and keeps the old one if there is a fault in the new (on Windows `grab service reload`).",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if managed {
				return a.watchManaged()
			}
			ctx, cancel := a.context(cmd.Context())
			defer cancel()
			return a.watch(ctx)
		}}
	cmd.Flags().BoolVar(&managed, "service", false, "run under Windows' service manager")
	cmd.Flags().MarkHidden("service")
	return cmd
}

func (a *app) watch(ctx context.Context) error {
	cfg, err := a.load(config.Options{})
	if err != nil {
		return err
	}
	var super collector.Supervisor = hangups{}
	if a.service != nil {
		super = a.service
	}
	w, err := collector.New(cfg, a.service.logger(a.err), func() (*config.Config, error) { return a.load(config.Options{}) }, super)
	if err != nil {
		return err
	}
	return w.Run(ctx)
}
