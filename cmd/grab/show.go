package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"rtmtgrab/bundle"
	"rtmtgrab/fetch/hostconn"
	"rtmtgrab/internal/advice"
	"rtmtgrab/internal/app/oneshot"
	"rtmtgrab/internal/config"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/human"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/incident/runner"
	"rtmtgrab/internal/wiring"
)

func printManifest(w io.Writer, m evidence.Manifest, zone *time.Location) error {
	return bundle.Describe(w, m, zone)
}

func showCmd(a *app) *cobra.Command {
	return &cobra.Command{Use: "show BUNDLE", Short: "Say what is in a bundle and what is missing", Args: cobra.ExactArgs(1),
		Long: "BUNDLE is a file, or an incident of the store; an open incident shows what was copied so far.",
		RunE: func(_ *cobra.Command, args []string) error {
			m, path, err := findManifest(a, args[0])
			if err != nil {
				return err
			}
			if a.json {
				return a.print(oneshot.Outcome{Manifest: m, Bundle: path})
			}
			return printManifest(a.out, m, wiring.ZoneNamed(m.TimeZone))
		}}
}

// findManifest reads that of a bundle's file or of an incident in the store.
func findManifest(a *app, name string) (evidence.Manifest, string, error) {
	_, err := os.Stat(name)
	if err == nil {
		m, err := bundle.ReadManifest(name)
		if err == nil {
			err = bundle.CheckNames(context.Background(), name)
		}
		return m, name, err
	}
	store, err2 := openStore(a)
	if err2 != nil {
		return evidence.Manifest{}, "", errors.Join(err, err2)
	}
	in, err2 := store.Load(name)
	if err2 != nil {
		return evidence.Manifest{}, "", fmt.Errorf("no file %s, and %w", name, err2)
	}
	m, err := oneshot.ManifestOf(store, in)
	return m, in.Bundle, err
}

// openStore opens the configured store for reading.
func openStore(a *app) (*incident.Store, error) {
	cfg, err := a.load(config.Options{MissingKnownHosts: true, MissingSecrets: true})
	if err != nil {
		return nil, err
	}
	return &incident.Store{Dir: cfg.Store}, nil // reading makes no folders
}

func verifyCmd(a *app) *cobra.Command {
	return &cobra.Command{Use: "verify BUNDLE", Short: "Say whether a bundle is intact", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, cancel := a.context(cmd.Context())
			defer cancel()
			res, err := bundle.Verify(ctx, args[0])
			if err != nil {
				return err
			}
			if !res.OK {
				a.exit = advice.Failed
			}
			if a.json {
				return a.print(res)
			}
			if res.OK {
				_, err = fmt.Fprintln(a.out, "intact:", args[0])
				return err
			}
			for _, b := range res.Bad {
				fmt.Fprintf(a.out, "%s: %s\n", b.File, b.What)
			}
			fmt.Fprintln(a.err, "grab: error: the bundle was changed or damaged")
			fmt.Fprintln(a.err, "grab: hint: copy it again from the collector's store; the intact files in it can still be read")
			return nil
		}}
}

func listCmd(a *app) *cobra.Command {
	var alerts bool
	cmd := &cobra.Command{Use: "list", Short: "List incidents and bundles, the newest first", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			store, err := openStore(a)
			if err != nil {
				return err
			}
			if alerts {
				return listAlerts(a, store)
			}
			list, err := store.List()
			if list == nil {
				return err
			}
			if err != nil {
				a.say("grab: warning: %v", err)
			}
			if a.json {
				return a.print(list)
			}
			w := tabwriter.NewWriter(a.out, 0, 8, 2, ' ', 0)
			fmt.Fprintln(w, "INCIDENT\tSITE\tSTATE\tCOVERAGE\tBUNDLE")
			for _, l := range list {
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", l.Incident, l.Site, l.State, human.Dash(string(l.Coverage)), human.Dash(l.Bundle))
			}
			return w.Flush()
		}}
	cmd.Flags().BoolVar(&alerts, "alerts", false, "list every alert mail instead, with its outcome and why")
	return cmd
}

func retryCmd(a *app) *cobra.Command {
	var out string
	var patience time.Duration
	var direct bool
	cmd := &cobra.Command{Use: "retry INCIDENT", Short: "Retry a failed or partial incident", Args: cobra.ExactArgs(1),
		Long: "Writes a new revision of the bundle, with everything of the earlier one.\nExit codes as for `grab now`.",
		RunE: func(cmd *cobra.Command, args []string) error {
			if w := runningWatcher(cmd.Context(), a, direct); w != nil {
				return retryThrough(cmd.Context(), a, w, oneshot.RetryRequest{Incident: args[0], Patience: patience}, out)
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
			p := newProgress(a.err)
			in, err := oneshot.Retry(cmd.Context(), cfg, store, args[0], runner.RetryRequest{Out: out, Patience: patience},
				oneshot.Effort{Pool: &hostconn.Pool{}, Say: a.say, Fetched: p.fetched, Event: p.event, Stop: a.interrupted})
			p.wait()
			if err != nil {
				return err
			}
			return printResult(a, store, in, wiring.ZoneNamed(in.TimeZone))
		}}
	directFlag(cmd.Flags(), &direct)
	cmd.Flags().StringVar(&out, "out", "", "`folder` for the bundle (default that of the earlier one; . if a running watch does the work)")
	cmd.Flags().DurationVar(&patience, "patience", runner.DefaultNowPatience, "how long to try a host")
	return cmd
}
