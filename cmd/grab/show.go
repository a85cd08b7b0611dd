package main

import (
	"errors"
	"io"
	"io/fs"
	"time"

	"github.com/spf13/cobra"

	"rtmtgrab/bundle"
	"rtmtgrab/fetch/hostconn"
	"rtmtgrab/internal/advice"
	"rtmtgrab/internal/app/delivery"
	"rtmtgrab/internal/app/inventory"
	"rtmtgrab/internal/app/oneshot"
	"rtmtgrab/internal/app/progress"
	"rtmtgrab/internal/app/retention"
	"rtmtgrab/internal/config"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/incident/runner"
	"rtmtgrab/internal/wiring"
)

func printManifest(w io.Writer, m evidence.Manifest, zone *time.Location) error {
	return bundle.Describe(w, m, zone)
}

func showCmd(a *app) *cobra.Command {
	return &cobra.Command{Use: "show BUNDLE", Short: "Say what is in a bundle and what is missing", Args: cobra.ExactArgs(1), ValidArgsFunction: completeIncident(a, true),
		Long: "BUNDLE is a file, an incident of the store, or @last; of an open incident it shows what was copied so far,\nof one that was removed what is left.",
		RunE: func(cmd *cobra.Command, args []string) error {
			m, path, err := a.finder().Manifest(cmd.Context(), args[0])
			if gone, ok := errors.AsType[*incident.RemovedError](err); ok {
				return printLeft(a, gone.Removal)
			}
			if err != nil {
				return err
			}
			if a.json {
				return a.print(oneshot.Outcome{Manifest: m, Bundle: path})
			}
			return printManifest(a.out, m, wiring.ZoneNamed(m.TimeZone))
		}}
}

// printLeft prints what is left of an incident that was removed.
func printLeft(a *app, r incident.Removal) error {
	store, err := openStore(a)
	if err != nil {
		return err
	}
	left := retention.LeftOf(store, r)
	return a.show(left, left.Write)
}

// finder finds what a person names.
func (a *app) finder() inventory.Finder {
	return inventory.Finder{Store: func() (*incident.Store, error) { return openStore(a) }}
}

// openStore opens the configured store for reading.
func openStore(a *app) (*incident.Store, error) {
	cfg, err := a.load(config.Options{Reading: true})
	if err != nil {
		return nil, err
	}
	return storeOf(cfg), nil
}

// storeOf is the configured store, for reading: no folders are made.
func storeOf(cfg *config.Config) *incident.Store { return &incident.Store{Dir: cfg.Store} }

func retryCmd(a *app) *cobra.Command {
	var out string
	var patience time.Duration
	var direct bool
	cmd := &cobra.Command{Use: "retry INCIDENT", Short: "Try again to get what an incident lacks", Args: cobra.ExactArgs(1), ValidArgsFunction: completeIncident(a, false),
		Long: "Goes on with an incident that is partial, lost or failed, or whose report could not be made, or adds what came since it was sealed,\n" +
			"and writes a new revision of its bundle with everything of the earlier one. Soon is better: logs are overwritten.\nExit codes as for `grab now`.",
		RunE: func(cmd *cobra.Command, args []string) error {
			name, err := a.finder().Incident(args[0])
			unseen := args[0] == inventory.Last && errors.Is(err, fs.ErrPermission) // the watcher knows it
			if err != nil && (!unseen || direct) {
				return err
			}
			if unseen {
				name = inventory.Last
			}
			w := runningWatcher(cmd.Context(), a, direct)
			if w == nil && unseen {
				return err
			}
			if w != nil {
				return retryThrough(cmd.Context(), a, w, oneshot.RetryRequest{Incident: name, Patience: patience}, out)
			}
			cfg, err := a.load(config.Options{})
			if err != nil {
				return err
			}
			if err := oneshot.PrepareOut(out); err != nil {
				return advice.Usage(err)
			}
			store, err := incident.OpenStore(cfg.Store)
			if err != nil {
				return err
			}
			p, begun := progress.New(a.err), time.Now()
			in, err := oneshot.Retry(cmd.Context(), cfg, store, name, runner.RetryRequest{Out: out, Patience: patience},
				oneshot.Effort{Pool: &hostconn.Pool{}, Say: p.Say, Fetched: p.Fetched, Event: p.Event, Stop: a.interrupted})
			p.Close()
			if err != nil {
				return err
			}
			delivery.SayWaiting(in, begun, a.say)
			return printResult(a, store, in, wiring.ZoneNamed(in.TimeZone))
		}}
	directFlag(cmd.Flags(), &direct)
	cmd.Flags().StringVar(&out, "out", "", "`folder` for the bundle (default that of the earlier one; . where this user may not read that)")
	cmd.Flags().DurationVar(&patience, "patience", runner.DefaultNowPatience, "how long to try a host")
	return cmd
}
