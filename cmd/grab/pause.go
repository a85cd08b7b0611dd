package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/user"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"rtmtgrab/internal/advice"
	"rtmtgrab/internal/app/oneshot"
	"rtmtgrab/internal/collector/control"
	"rtmtgrab/internal/collector/health/status"
	"rtmtgrab/internal/config"
	"rtmtgrab/internal/human"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/wiring"
)

// pauseAsk is what `grab pause` and `grab resume` ask for, of a running watch too.
type pauseAsk struct {
	Site   string `json:"site"`
	All    bool   `json:"all"`
	For    string `json:"for,omitempty"`
	Until  string `json:"until,omitempty"`
	Reason string `json:"reason,omitempty"`
}

func (a *app) pauseCmd() *cobra.Command {
	q := pauseAsk{}
	var direct bool
	cmd := &cobra.Command{Use: "pause", Short: "Begin a maintenance: alerts are recorded, nothing is grabbed; without flags list those in force", Args: cobra.NoArgs,
		Long: "While a site is paused its alerts are recorded as paused and nothing is grabbed for them; incidents that are open go\n" +
			"on to their bundles, and `grab now` works. Hosts of which all sites are paused are not logged in to. A pause always\n" +
			"has an end, at most 30 days away; `grab resume` ends it before. docs/alerts.md.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if q == (pauseAsk{}) {
				return a.deskDo(cmd.Context(), direct, http.MethodGet, "/pauses", nil)
			}
			return a.deskDo(cmd.Context(), direct, http.MethodPost, "/pause", &q)
		}}
	fl := cmd.Flags()
	fl.StringVar(&q.Site, "site", "", "`site` that is paused")
	fl.BoolVar(&q.All, "all", false, "pause all sites")
	fl.StringVar(&q.For, "for", "", "for how long, `duration`: 90m, 2h, 1d12h")
	fl.StringVar(&q.Until, "until", "", "until when, `time`: RFC 3339, 2006-01-02T15:04:05, or 15:04 for the next such time, in the site's zone")
	fl.StringVar(&q.Reason, "reason", "", "why, for whoever finds that nothing was grabbed")
	directFlag(fl, &direct)
	return cmd
}

func (a *app) resumeCmd() *cobra.Command {
	q := pauseAsk{}
	var direct bool
	cmd := &cobra.Command{Use: "resume", Short: "End a pause before its time", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.deskDo(cmd.Context(), direct, http.MethodPost, "/resume", &q)
		}}
	cmd.Flags().StringVar(&q.Site, "site", "", "`site` that is paused")
	cmd.Flags().BoolVar(&q.All, "all", false, "end all pauses")
	directFlag(cmd.Flags(), &direct)
	return cmd
}

// deskDo has a running watch do it, or does it in the store, and prints what is
// paused then.
func (a *app) deskDo(ctx context.Context, direct bool, method, path string, q *pauseAsk) error {
	ctx, cancel := a.context(ctx)
	defer cancel()
	var list []status.Pause
	if w := a.watcher(ctx, direct); w != nil {
		var in any
		if q != nil {
			in = q
		}
		if err := w.Do(ctx, method, path, in, &list); err != nil {
			return err
		}
		return a.printPauses(list)
	}
	cfg, err := a.load(offline)
	if err != nil {
		return err
	}
	d := pauseDesk{store: &incident.Store{Dir: cfg.Store}, cfg: func() *config.Config { return cfg }}
	if list, err = d.do(ctx, path, q, whoami(), time.Now()); err != nil {
		return err
	}
	return a.printPauses(list)
}

func (a *app) printPauses(list []status.Pause) error {
	if list == nil {
		list = []status.Pause{}
	}
	if a.json {
		return a.print(list)
	}
	if len(list) == 0 {
		_, err := fmt.Fprintln(a.out, "nothing is paused")
		return err
	}
	w := tabwriter.NewWriter(a.out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "SITE\tFROM\tUNTIL\tBY\tREASON")
	for _, p := range list {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", everySite(p.Site), p.From.Format(time.RFC3339), p.Until.Format(time.RFC3339), p.By, human.Dash(p.Reason))
	}
	return w.Flush()
}

// whoami is the user that runs this command.
func whoami() string {
	name := "an unknown user"
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	if su := os.Getenv("SUDO_USER"); su != "" && os.Geteuid() == 0 {
		name += " (sudo by " + su + ")"
	}
	return name
}

// pauseDesk begins and ends pauses.
type pauseDesk struct {
	store *incident.Store
	cfg   func() *config.Config
}

// do does what is asked for and tells what is paused then.
func (d pauseDesk) do(ctx context.Context, path string, q *pauseAsk, by string, now time.Time) ([]status.Pause, error) {
	var err error
	switch path {
	case "/pause":
		err = d.pause(ctx, *q, by, now)
	case "/resume":
		err = d.resume(ctx, *q, by, now)
	}
	var byHand []incident.Pause
	if err == nil {
		byHand, err = d.store.Pauses(now)
	}
	switch {
	case errors.Is(err, os.ErrPermission):
		return nil, advice.WithHint(err, "run this as the owner of "+d.store.Dir+", or as a member of socket.group while grab watch runs")
	case errors.Is(err, incident.ErrPauses):
		return nil, advice.WithHint(err, "nothing is paused by hand; move pauses.json out of "+d.store.Dir+", then pause again")
	case err != nil:
		return nil, err
	}
	list := []status.Pause{}
	for _, p := range slices.Concat(byHand, incident.QuietNow(wiring.Sites(d.cfg()), now)) {
		list = append(list, status.Pause{Site: p.Site, From: p.From, Until: p.Until, Reason: p.Reason, By: p.By})
	}
	return list, nil
}

// site is the one that is meant: "" for all of them.
func (d pauseDesk) site(q pauseAsk) (string, *time.Location, error) {
	switch {
	case q.All && q.Site != "":
		return "", nil, advice.Usage(errors.New("--site and --all do not go together"))
	case q.All:
		return "", time.UTC, nil
	case q.Site == "":
		return "", nil, advice.Usage(errors.New("which site? --site NAME, or --all"))
	}
	cfg := d.cfg()
	s := cfg.Site(q.Site)
	if s == nil {
		_, _, err := cfg.Select(q.Site)
		return "", nil, advice.Usage(err)
	}
	return s.Name, s.Zone(), nil
}

func (d pauseDesk) pause(ctx context.Context, q pauseAsk, by string, now time.Time) error {
	site, zone, err := d.site(q)
	if err != nil {
		return err
	}
	p := incident.Pause{Site: site, From: now, Reason: q.Reason, By: by}
	switch {
	case strings.TrimSpace(q.Reason) == "":
		return advice.Usage(errors.New("--reason is missing: why is nothing to be grabbed?"))
	case (q.For == "") == (q.Until == ""):
		return advice.Usage(errors.New("a pause has an end: either --for or --until"))
	case q.For != "":
		length, err := config.ParseDuration(q.For)
		if err != nil {
			return advice.Usage(fmt.Errorf("--for: %w", err))
		}
		p.Until = now.Add(length)
	default:
		if p.Until, err = parseUntil(q.Until, now, zone); err != nil {
			return advice.Usage(err)
		}
	}
	if !p.Until.After(now) || p.Until.Sub(now) > incident.MaxPause {
		return advice.Usage(fmt.Errorf("the pause would end at %s: it ends in the future, and at most 30 days from now", p.Until.UTC().Format(time.RFC3339)))
	}
	return d.store.Pause(ctx, p)
}

// parseUntil is parseTime, but a time of day is the next one.
func parseUntil(s string, now time.Time, zone *time.Location) (time.Time, error) {
	t, err := oneshot.ParseTime(s, now.Add(24*time.Hour), zone)
	if err != nil {
		return t, fmt.Errorf("--until %q: want 2006-01-02T15:04:05Z, 2006-01-02T15:04:05 or 15:04[:05]", s)
	}
	return t, nil
}

func (d pauseDesk) resume(ctx context.Context, q pauseAsk, by string, now time.Time) error {
	site, _, err := d.site(q)
	if err != nil {
		return err
	}
	_, err = d.store.Resume(ctx, site, by, now)
	switch {
	case errors.Is(err, incident.ErrAllPaused):
		return advice.WithHint(fmt.Errorf("site %s: %w", site, err), "`grab resume --all` ends that")
	case errors.Is(err, incident.ErrNoPause):
		return advice.WithHint(fmt.Errorf("site %s: %w", everySite(site), err), "quiet hours (sites: quiet:) end by their schedule, or by a change of the configuration")
	}
	return err
}

// servePauses answers GET /pauses, POST /pause and POST /resume.
func (d pauseDesk) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	var q pauseAsk
	if r.Method == http.MethodPost {
		if err := control.Read(r, &q); err != nil {
			control.Fail(rw, http.StatusBadRequest, control.Failure{Message: err.Error(), Exit: advice.BadUsage})
			return
		}
	}
	list, err := d.do(r.Context(), r.URL.Path, &q, control.PeerOf(r.Context()).String(), time.Now())
	if err != nil {
		control.Fail(rw, http.StatusConflict, control.Failure{Message: err.Error(), Hint: advice.For(err), Exit: advice.Exit(err)})
		return
	}
	control.Answer(rw, list)
}

// pauseDesk is that of a running watch.
func (w *watching) pauseDesk() pauseDesk { return pauseDesk{store: w.store, cfg: w.cfg.Load} }
