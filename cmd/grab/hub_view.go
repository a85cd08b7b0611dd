package main

import (
	"context"
	"io"
	"log/slog"
	"strings"

	"github.com/spf13/cobra"

	"rtmtgrab/internal/advice"
	"rtmtgrab/internal/app/fleetview"
	"rtmtgrab/internal/app/oneshot"
	"rtmtgrab/internal/config"
)

// hubViewCommands are those by which a fleet is seen.
func hubViewCommands(a *app) []*cobra.Command {
	status := &cobra.Command{Use: "status", Short: "Say how every collector of the fleet is, and for which sites an alert would work", Args: cobra.NoArgs,
		Long: "Asks the hub of fleet: for each collector's last word, how old it is, and what is wrong there. Exit 0 if every site works\n" +
			"at one of its collectors, none of these is silent, and each says that it works; else 1. The same as `grab status --fleet`.",
		RunE: func(cmd *cobra.Command, _ []string) error { return fleetStatus(cmd.Context(), a) }}
	forget := &cobra.Command{Use: "forget COLLECTOR", Short: "Forget a collector that is gone for good: nobody misses it any more", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return inFleet(cmd.Context(), a, func(ctx context.Context, cfg *config.Config) error {
				if err := fleetview.Forget(ctx, cfg, args[0]); err != nil || !a.json {
					return err
				}
				return a.print(map[string]string{"forgotten": args[0]})
			})
		}}
	var listen string
	metrics := &cobra.Command{Use: "metrics", Short: "Print the metrics of the fleet for Prometheus, or serve them", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return inFleet(cmd.Context(), a, func(ctx context.Context, cfg *config.Config) error {
				text := &strings.Builder{}
				err := fleetview.Metrics(ctx, cfg, listen, text, slog.New(slog.NewTextHandler(a.err, nil)))
				if err == nil && a.json {
					return a.print(map[string]string{"metrics": text.String()})
				}
				io.WriteString(a.out, text.String())
				return err
			})
		}}
	metrics.Flags().StringVar(&listen, "listen", "", "serve them at /metrics of this `address`, until the command is stopped")
	return []*cobra.Command{status, forget, metrics}
}

// inFleet does something with the configuration of a fleet, until the first signal.
func inFleet(ctx context.Context, a *app, do func(ctx context.Context, cfg *config.Config) error) error {
	ctx, cancel := a.context(ctx)
	defer cancel()
	cfg, err := a.load(config.Options{Reading: true})
	if err != nil {
		return err
	}
	return do(ctx, cfg)
}

func fleetStatus(ctx context.Context, a *app) error {
	return inFleet(ctx, a, func(ctx context.Context, cfg *config.Config) error {
		o, err := fleetview.See(ctx, cfg)
		if err != nil {
			return err
		}
		if !o.Works {
			a.exit = advice.Failed
		}
		return a.show(o, func(w io.Writer) error { return fleetview.WriteSee(w, o) })
	})
}

// nowAtSite has a collector of a site grab. The first signal seals what there is.
func nowAtSite(ctx context.Context, a *app, site string, f *oneshot.Request) error {
	cfg, err := a.load(config.Options{Reading: true})
	if err != nil {
		return err
	}
	g, err := fleetview.Now(ctx, cfg, a.err, a.interrupted, site, f)
	if err != nil {
		return err
	}
	a.exit = advice.Covered(g.Coverage)
	return a.show(g, func(w io.Writer) error { return fleetview.WriteNow(w, g) })
}
