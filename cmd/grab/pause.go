package main

import (
	"context"
	"io"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"rtmtgrab/internal/app/oneshot"
	"rtmtgrab/internal/collector"
	"rtmtgrab/internal/collector/health/status"
	"rtmtgrab/internal/config"
	"rtmtgrab/internal/incident"
)

func pauseCmd(a *app) *cobra.Command {
	q := collector.PauseAsk{}
	var direct bool
	cmd := &cobra.Command{Use: "pause", Short: "Pause for maintenance: alerts are recorded, nothing is grabbed; without flags list the pauses", Args: cobra.NoArgs,
		Long: "While a site is paused its alerts are recorded as paused and nothing is grabbed for them; open incidents go\n" +
			"on to their bundles, and `grab now` works. No session is kept to a host whose sites are all paused. A pause always\n" +
			"has an end, at most 30 days away; `grab resume` ends it earlier. `grab status` exits with 1 and /healthz answers 503\n" +
			"while it lasts. docs/alerts.md.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if q == (collector.PauseAsk{}) {
				return doPause(cmd.Context(), a, direct, http.MethodGet, "/pauses", nil)
			}
			return doPause(cmd.Context(), a, direct, http.MethodPost, "/pause", &q)
		}}
	fl := cmd.Flags()
	fl.StringVar(&q.Site, "site", "", "`site` to pause")
	fl.BoolVar(&q.All, "all", false, "pause all sites")
	fl.StringVar(&q.For, "for", "", "`duration` of the pause: 90m, 2h, 1d12h")
	fl.StringVar(&q.Until, "until", "", "end of the pause, a `time`: RFC 3339, 2006-01-02T15:04:05, or 15:04 for the next such time, in the site's zone")
	fl.StringVar(&q.Reason, "reason", "", "why: shown wherever it is said that nothing was grabbed")
	directFlag(fl, &direct)
	completeSite(a, cmd)
	return cmd
}

func resumeCmd(a *app) *cobra.Command {
	q := collector.PauseAsk{}
	var direct bool
	cmd := &cobra.Command{Use: "resume", Short: "End a pause before its time", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return doPause(cmd.Context(), a, direct, http.MethodPost, "/resume", &q)
		}}
	cmd.Flags().StringVar(&q.Site, "site", "", "`site` to resume")
	cmd.Flags().BoolVar(&q.All, "all", false, "end all pauses")
	directFlag(cmd.Flags(), &direct)
	completeSite(a, cmd)
	return cmd
}

// doPause has a running watch do it, or does it in the store, and prints what is
// paused then.
func doPause(ctx context.Context, a *app, direct bool, method, path string, q *collector.PauseAsk) error {
	ctx, cancel := a.context(ctx)
	defer cancel()
	var list []status.Pause
	if w := runningWatcher(ctx, a, direct); w != nil {
		var in any
		if q != nil {
			in = q
		}
		if err := w.Do(ctx, method, path, in, &list); err != nil {
			return err
		}
		return printPauses(a, list)
	}
	cfg, err := a.load(offline)
	if err != nil {
		return err
	}
	d := collector.Pauser{Store: &incident.Store{Dir: cfg.Store}, Cfg: func() *config.Config { return cfg }}
	if list, err = d.Do(ctx, path, q, oneshot.Whoami(), time.Now()); err != nil {
		return err
	}
	return printPauses(a, list)
}

func printPauses(a *app, list []status.Pause) error {
	if list == nil {
		list = []status.Pause{}
	}
	return a.show(list, func(w io.Writer) error { return status.WritePauses(w, list) })
}
