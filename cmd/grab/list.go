package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"rtmtgrab/internal/advice"
	"rtmtgrab/internal/app/inventory"
	"rtmtgrab/internal/app/oneshot"
	"rtmtgrab/internal/config"
)

// listFlags are those of `grab list`.
type listFlags struct {
	alerts bool
	since  string
	query  inventory.Query
}

func listCmd(a *app) *cobra.Command {
	f := &listFlags{}
	cmd := &cobra.Command{Use: "list", Short: "List incidents and bundles, the newest first", Args: cobra.NoArgs,
		Long: "Each time is in the zone of the incident's site. COVERAGE of an open incident is what is to come, and until when.",
		RunE: func(*cobra.Command, []string) error { return runList(a, f) }}
	fl := cmd.Flags()
	fl.BoolVar(&f.alerts, "alerts", false, "list every alert mail instead, with its outcome and why")
	fl.StringVar(&f.query.Site, "site", "", "only incidents of this `site`")
	fl.StringVar(&f.since, "since", "", "only since this `time`: RFC 3339, 2006-01-02T15:04:05 or 15:04[:05] in the site's zone, or an age such as 90m, 24h, 7d")
	fl.IntVar(&f.query.Last, "last", 0, "only the newest `n`")
	fl.StringVar(&f.query.Verdict, "verdict", "", "only with this `verdict`, of the report or of a phone: "+strings.Join(inventory.Verdicts, ", "))
	return cmd
}

func runList(a *app, f *listFlags) error {
	cfg, err := a.load(offline)
	if err != nil {
		return err
	}
	if err := f.read(cfg, time.Now()); err != nil {
		return advice.Usage(err)
	}
	store := storeOf(cfg)
	if f.alerts {
		return listAlerts(a, cfg, store)
	}
	list, err := inventory.List(store, f.query)
	if list == nil {
		return err
	}
	if err != nil {
		a.say("grab: warning: %v", err)
	}
	if a.json {
		return a.print(list)
	}
	if len(list) == 0 && f.query.Site != "" && cfg.Site(f.query.Site) == nil {
		a.say("grab: warning: no site %s is configured, and no incident is of one", f.query.Site)
	}
	return inventory.Write(a.out, list, time.Now())
}

// read reads what the flags ask for.
func (f *listFlags) read(cfg *config.Config, now time.Time) error {
	q := &f.query
	zone := zoneOf(cfg, q.Site)
	if q.Site == "" && len(cfg.Sites) == 1 {
		zone = cfg.Sites[0].Zone()
	}
	switch {
	case q.Last < 0:
		return fmt.Errorf("--last %d: want 1 or more", q.Last)
	case q.Verdict != "" && !slices.Contains(inventory.Verdicts, q.Verdict):
		return fmt.Errorf("--verdict %q: want one of %s", q.Verdict, strings.Join(inventory.Verdicts, ", "))
	case f.alerts && (*q != inventory.Query{} || f.since != ""):
		return fmt.Errorf("--alerts does not go with --site, --since, --last and --verdict")
	case f.since == "":
		return nil
	}
	if age, err := config.ParseDuration(f.since); err == nil && age > 0 {
		q.Since = now.Add(-age)
		return nil
	}
	at, err := oneshot.ParseTime(f.since, now, zone)
	if err != nil {
		return fmt.Errorf("--since %q: want 2006-01-02T15:04:05Z, 2006-01-02T15:04:05, 15:04[:05] or an age such as 24h or 7d", f.since)
	}
	q.Since = at
	return nil
}
