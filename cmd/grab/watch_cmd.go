package main

import (
	"context"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"rtmtgrab/internal/collector"
	"rtmtgrab/internal/collector/winservice"
	"rtmtgrab/internal/config"
	"rtmtgrab/internal/loglines"
	"rtmtgrab/internal/redact"
)

func watchCmd(a *app) *cobra.Command {
	managed := false
	cmd := &cobra.Command{Use: "watch", Short: "Wait for alert mails and grab at once: the always-on collector", Args: cobra.NoArgs,
		Long: "Runs until SIGTERM or Ctrl-C; unfinished incidents go on at the next start.\n`grab reload` or SIGHUP reloads the configuration and keeps the old one if the new one has errors.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if managed {
				return watchManaged(a)
			}
			ctx, cancel := a.context(cmd.Context())
			defer cancel()
			lines := loglines.New(a.err)
			defer lines.Close()
			return runWatch(ctx, a, slog.New(redact.Handler(slog.NewTextHandler(lines, nil))), hangups{})
		}}
	cmd.Flags().BoolVar(&managed, "service", false, "run under the Windows service manager")
	cmd.Flags().MarkHidden("service")
	return cmd
}

// watchManaged is `grab watch` under Windows' service manager.
func watchManaged(a *app) error {
	if err := winservice.Managed(); err != nil {
		return err
	}
	// The console's signals are not for a service: one comes whenever somebody logs off.
	signal.Reset(os.Interrupt, syscall.SIGTERM)
	watch := func(ctx context.Context, log *slog.Logger, h *winservice.Host) error { return runWatch(ctx, a, log, h) }
	return winservice.Run(watch, func(err error, out io.Writer) int {
		to := *a
		to.out, to.err = out, out
		return to.fail(err)
	})
}

// proveEvery is the time between two proofs of a host; zero: the collector's own. Tests
// have less time.
var proveEvery time.Duration

func runWatch(ctx context.Context, a *app, log *slog.Logger, super collector.Supervisor) error {
	cfg, err := a.load(config.Options{})
	if err != nil {
		return err
	}
	w, err := collector.New(cfg, log, func() (*config.Config, error) { return a.load(config.Options{}) }, super)
	if err != nil {
		return err
	}
	if proveEvery > 0 {
		w.ProveEvery(proveEvery)
	}
	return w.Run(ctx)
}
