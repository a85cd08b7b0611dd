package main

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"rtmtgrab/internal/advice"
	"rtmtgrab/internal/app/fleetview"
	"rtmtgrab/internal/app/inventory"
	"rtmtgrab/internal/config"
)

// listFlags are those of `grab list`.
type listFlags struct {
	alerts bool
	fleet  bool
	since  string
	query  inventory.Query
}

func listCmd(a *app) *cobra.Command {
	f := &listFlags{}
	cmd := &cobra.Command{Use: "list", Short: "List incidents and bundles, the newest first", Args: cobra.NoArgs,
		Long: "Each time is in the zone of the incident's site. COVERAGE of an open incident is what is to come, and until when.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if cmd.Flags().Changed("last") && f.query.Last == 0 {
				return advice.Usage(errors.New("--last 0: want 1 or more"))
			}
			return runList(cmd.Context(), a, f)
		}}
	fl := cmd.Flags()
	fl.BoolVar(&f.alerts, "alerts", false, "list every alert mail instead, with its outcome and why")
	fl.StringVar(&f.query.Site, "site", "", "only incidents of this `site`")
	fl.StringVar(&f.since, "since", "", "only since this `time`: RFC 3339, 2006-01-02T15:04:05 or 15:04[:05] in the site's zone, or an age such as 90m, 24h, 7d")
	fl.IntVar(&f.query.Last, "last", 0, "only the newest `n`")
	fl.StringVar(&f.query.Verdict, "verdict", "", "only with this `verdict`, of the report or of a phone: "+strings.Join(inventory.Verdicts, ", "))
	fl.StringVar(&f.query.Coverage, "coverage", "", "only with this `coverage`: "+strings.Join(inventory.Coverages, ", "))
	fl.BoolVar(&f.fleet, "fleet", false, "list the sealed incidents of all collectors of the fleet, of the last 90 days")
	cmd.MarkFlagsMutuallyExclusive("alerts", "fleet")
	completeSite(a, cmd)
	cobra.CheckErr(cmd.RegisterFlagCompletionFunc("coverage", cobra.FixedCompletions(inventory.Coverages, cobra.ShellCompDirectiveNoFileComp)))
	cobra.CheckErr(cmd.RegisterFlagCompletionFunc("verdict", cobra.FixedCompletions(inventory.Verdicts, cobra.ShellCompDirectiveNoFileComp)))
	return cmd
}

func runList(ctx context.Context, a *app, f *listFlags) error {
	cfg, err := a.load(config.Options{Reading: true})
	if err != nil {
		return err
	}
	if err := f.read(cfg, time.Now()); err != nil {
		return advice.Usage(err)
	}
	if f.fleet {
		rows, warning, err := fleetview.List(ctx, cfg, f.query)
		return printList(a, rows, errors.Join(warning, err), func() error { return fleetview.WriteList(a.out, rows, time.Now()) })
	}
	store := storeOf(cfg)
	if f.alerts {
		list, err := store.ListAlerts()
		return printList(a, list, err, func() error {
			return inventory.WriteAlerts(a.out, list, func(site string) *time.Location { return zoneOf(cfg, site) })
		})
	}
	list, err := inventory.List(store, f.query)
	if list != nil && len(list) == 0 && f.query.Site != "" && cfg.Site(f.query.Site) == nil {
		a.say("grab: warning: no site %s is configured, and no incident is of one", f.query.Site)
	}
	return printList(a, list, err, func() error { return inventory.Write(a.out, list, time.Now()) })
}

// printList prints what could be read, and warns of the rest.
func printList[T any](a *app, list []T, err error, write func() error) error {
	if list == nil {
		return err
	}
	if err != nil {
		a.say("grab: warning: %s", strings.ReplaceAll(err.Error(), "\n", "\ngrab: warning: "))
	}
	if a.json {
		return a.print(list)
	}
	return write()
}

// read reads what the flags ask for.
func (f *listFlags) read(cfg *config.Config, now time.Time) error {
	zone := zoneOf(cfg, f.query.Site)
	if f.query.Site == "" && len(cfg.Sites) == 1 {
		zone = cfg.Sites[0].Zone()
	}
	if f.alerts && (f.query != inventory.Query{} || f.since != "") {
		return errors.New("--alerts does not go with --site, --since, --last, --verdict and --coverage")
	}
	return f.query.Read(f.since, now, zone)
}

// zoneOf is a site's zone; of one that is not configured, or of none, the machine's.
func zoneOf(cfg *config.Config, site string) *time.Location {
	if s := cfg.Site(site); s != nil {
		return s.Zone()
	}
	return time.Local
}
