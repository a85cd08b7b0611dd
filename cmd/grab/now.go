package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"rtmtgrab/fetch"
	"rtmtgrab/internal/advice"
	"rtmtgrab/internal/atomicfile"
	"rtmtgrab/internal/config"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/human"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/report"
	"rtmtgrab/internal/version"
	"rtmtgrab/internal/wiring"
)

// request is what a grab by hand is asked for. What is not in its JSON form is for one
// that is carried out here: nothing that a running watch is asked for is a path.
type request struct {
	Hosts    []string       `json:"hosts,omitempty"` // names of the configuration, or user@address[:port]; none: all of the site
	Site     string         `json:"site,omitempty"`
	At       string         `json:"at,omitempty"`        // as parseTime reads it; empty: now
	Before   *time.Duration `json:"before_ns,omitempty"` // nil: the configuration's
	After    time.Duration  `json:"after_ns,omitempty"`
	Patience time.Duration  `json:"patience_ns,omitempty"`
	Phones   []string       `json:"phones,omitempty"`
	Case     string         `json:"case,omitempty"`
	Reason   string         `json:"reason,omitempty"`

	Out string `json:"-"` // folder for the bundle
	Dir string `json:"-"` // of the logs on user@address hosts
	Key string `json:"-"` // file of the key for them
}

func (a *app) nowCmd() *cobra.Command {
	f, before, direct := &request{}, time.Duration(0), false
	cmd := &cobra.Command{
		Use:   "now [HOST...]",
		Short: "Grab once, now",
		Long: "Takes the logs around a time from all hosts of a site, or from those named, and makes a bundle.\n" +
			"HOST is a name from the configuration, or user@address[:port] without any configuration.\n" +
			"If a grab watch runs by the same configuration and this user may use its socket, it does the work, over the sessions\n" +
			"that it has; --direct does it here.\n" +
			"Exit codes: 0 coverage complete, 3 partial, 4 nothing of the window was found.",
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if f.Hosts = args; cmd.Flags().Changed("before") {
				f.Before = &before
			}
			return a.now(cmd.Context(), f, direct)
		},
	}
	fl := cmd.Flags()
	fl.StringVar(&f.Site, "site", "", "`site` whose hosts are asked")
	fl.StringVar(&f.At, "at", "", "`time` of the event: RFC 3339, 2006-01-02T15:04:05 or 15:04[:05] in the site's zone (default now)")
	fl.DurationVar(&before, "before", 0, "how much before that time (default window.before)")
	fl.DurationVar(&f.After, "after", 0, "how much after it")
	fl.DurationVar(&f.Patience, "patience", incident.DefaultNowPatience, "how long a host is tried for after max(start, end of the window)")
	fl.StringSliceVar(&f.Phones, "phone", nil, "an affected phone, SEP... or its number; may be repeated")
	fl.StringVar(&f.Case, "case", "", "case number for the manifest")
	fl.StringVar(&f.Reason, "reason", "", "why the grab is made")
	fl.StringVar(&f.Out, "out", "", "`folder` for the bundle (default the store's; . without a configuration, or where a running watch carries it out)")
	fl.StringVar(&f.Dir, "dir", "/mnt/harddisk/log", "folder of the logs on user@address hosts")
	directFlag(fl, &direct)
	fl.StringVar(&f.Key, "key", "", "private key `file` for user@address hosts (default the first of ~/.ssh)")
	return cmd
}

// grabbing is a grab by hand, ready to start.
type grabbing struct {
	store  string
	zone   *time.Location
	before time.Duration // default of --before
	bundle config.Bundle
	out    string
	site   incident.Site
	policy incident.Policy
	all    []incident.Site
	find   func(site, host string) (wiring.Source, bool)

	scratch bool // the store is a temporary folder
}

func (a *app) now(ctx context.Context, f *request, direct bool) error {
	if adhocHosts(f.Hosts) == 0 {
		if w := a.watcher(ctx, direct); w != nil {
			return a.nowThrough(ctx, w, f)
		}
	}
	g, err := prepare(func() (*config.Config, error) { return a.load(config.Options{}) }, f)
	if err != nil {
		return err
	}
	if err := prepareOut(g.out); err != nil {
		return advice.Usage(err)
	}
	if a.ended() {
		return errBeforeBegun
	}
	p := a.progress()
	store, in, err := g.once(ctx, f, effort{pool: &fetch.Pool{}, say: a.say, fetched: p.fetched, event: p.event, stop: a.interrupted})
	p.wait()
	if err != nil {
		return err
	}
	if err := a.result(store, in, g.zone); err != nil {
		return err
	}
	if g.scratch {
		os.RemoveAll(g.store) // the bundle is in --out
	}
	a.recovery(f, in.Asked, g.zone)
	return nil
}

var errBeforeBegun = errors.New("interrupted before it began")

// effort is with what a grab is made and who is told how far it is.
type effort struct {
	pool    *fetch.Pool
	say     func(format string, args ...any)
	fetched func(fetch.Progress)
	event   func(incident.Event)
	stop    <-chan struct{} // closed: seal what there is
	by      string          // as in incident.Incident
	log     *slog.Logger    // may be nil
}

// once makes the grab that the flags ask for.
func (g *grabbing) once(ctx context.Context, f *request, e effort) (*incident.Store, incident.Incident, error) {
	asked, err := g.window(f, time.Now())
	if err != nil {
		return nil, incident.Incident{}, advice.Usage(err)
	}
	e.say("window %s to %s UTC (%s to %s %s), site %s, %s", asked.Since.Format("2006-01-02 15:04:05"), asked.Until.Format("15:04:05"),
		asked.Since.In(g.zone).Format("2006-01-02 15:04:05"), asked.Until.In(g.zone).Format("15:04:05"), human.ZoneName(asked.Since, g.zone), g.site.Name, human.Plural(len(g.site.Hosts), "host"))
	store, err := incident.OpenStore(g.store)
	if err != nil {
		return nil, incident.Incident{}, err
	}
	in, err := g.runner(store, e).Once(ctx, incident.Request{Site: g.site, Asked: asked, Reason: f.Reason, By: e.by, Case: f.Case, Phones: f.Phones,
		Out: g.out, Patience: f.Patience, Stop: e.stop})
	if err != nil {
		err = fmt.Errorf("incident %s: %w", in.ID, err)
	}
	return store, in, err
}

// recovery says how to get what comes after a window that ended with the event.
func (a *app) recovery(f *request, asked evidence.Window, zone *time.Location) {
	if f.After != 0 || a.json || a.exit == advice.Lost {
		return
	}
	again, when := asked.Until.Add(5*time.Minute), ""
	if again.After(time.Now()) {
		when = " after " + again.In(zone).Format("15:04:05 MST")
	}
	a.say("the window ends at %s: for the recovery run this again%s, with --at %s --after 5m", asked.Until.In(zone).Format("15:04:05 MST"),
		when, asked.Until.Format(time.RFC3339))
}

// prepareOut makes the folder for bundles, and sees to it before anything is
// copied that a file can be made there.
func prepareOut(dir string) error {
	if dir == "" {
		return nil
	}
	if err := atomicfile.MkdirAll(dir); err != nil {
		return outError(err)
	}
	f, err := os.CreateTemp(dir, "grab-*.part")
	if err != nil {
		return outError(err)
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
}

// outError is of the folder that --out names.
func outError(err error) error {
	err = fmt.Errorf("--out: %w", err)
	if errors.Is(err, fs.ErrPermission) {
		return advice.WithHint(err, "name a folder that this user may write in with --out")
	}
	return err
}

func (a *app) ended() bool {
	select {
	case <-a.interrupted:
		return true
	default:
		return false
	}
}

func (g *grabbing) runner(store *incident.Store, e effort) *incident.Runner {
	return &incident.Runner{
		Store: store, Policy: func() incident.Policy { return g.policy }, Sites: func() []incident.Site { return g.all },
		NewPuller: wiring.Pullers(e.pool, g.find, e.fetched), Seal: wiring.Sealer(g.bundle), VerifyBundle: wiring.VerifyBundle, Events: e.event, Log: e.log, Version: version.Version,
	}
}

// prepare finds out which hosts are meant and what is known of them. load reads the
// configuration, if one is needed.
func prepare(load func() (*config.Config, error), f *request) (*grabbing, error) {
	switch adhoc := adhocHosts(f.Hosts); {
	case adhoc == 0:
		cfg, err := load()
		if err != nil {
			return nil, err
		}
		return prepareConfigured(cfg, f)
	case adhoc < len(f.Hosts):
		return nil, advice.Usage(errors.New("names from the configuration and user@address cannot be mixed in one grab"))
	}
	return prepareAdhoc(f)
}

// adhocHosts is how many of the hosts are given as user@address.
func adhocHosts(hosts []string) (n int) {
	for _, h := range hosts {
		if strings.Contains(h, "@") {
			n++
		}
	}
	return n
}

func prepareConfigured(cfg *config.Config, f *request) (*grabbing, error) {
	s, chosen, err := cfg.Select(f.Site, f.Hosts...)
	if err != nil {
		return nil, advice.Usage(err)
	}
	var list []config.Host
	for _, h := range chosen {
		list = append(list, *h)
	}
	return &grabbing{store: cfg.Store, zone: s.Zone(), before: cfg.Window.Before, bundle: cfg.Bundle, out: f.Out,
		site: wiring.SiteOf(s, list), policy: wiring.Policy(cfg), all: wiring.Sites(cfg), find: wiring.Finder(cfg)}, nil
}

// window is what the flags ask for.
func (g *grabbing) window(f *request, now time.Time) (evidence.Window, error) {
	at := now
	if f.At != "" {
		var err error
		if at, err = parseTime(f.At, now, g.zone); err != nil {
			return evidence.Window{}, err
		}
	}
	before := g.before
	if f.Before != nil {
		before = *f.Before
	}
	switch {
	case before < 0 || f.After < 0 || f.Patience < 0:
		return evidence.Window{}, errors.New("--before, --after and --patience cannot be negative")
	case before+f.After == 0:
		return evidence.Window{}, errors.New("a window of no length holds nothing: give --before or --after")
	case at.Year() < 1970:
		return evidence.Window{}, fmt.Errorf("--at %s: before there were logs", f.At)
	case before+f.After > 7*24*time.Hour:
		return evidence.Window{}, errors.New("a window is at most seven days long")
	}
	w := evidence.NewWindow(at.Add(-before), at.Add(f.After))
	if w.Since.After(now) {
		return w, fmt.Errorf("the window begins at %s, which has not come yet", w.Since.In(g.zone).Format(time.RFC3339))
	}
	return w, nil
}

// parseTime reads RFC 3339, a local time with date, or the last such time of day.
func parseTime(s string, now time.Time, zone *time.Location) (time.Time, error) {
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		return t, nil
	}
	for _, layout := range []string{"2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02 15:04:05"} {
		if t, err := time.ParseInLocation(layout, s, zone); err == nil {
			return t, nil
		}
	}
	for _, layout := range []string{"15:04:05", "15:04"} {
		t, err := time.Parse(layout, s)
		if err != nil {
			continue
		}
		y, m, d := now.In(zone).Date()
		for back := range 3 {
			if at, ok := lastLocal(time.Date(y, m, d-back, t.Hour(), t.Minute(), t.Second(), 0, zone), t, now); ok {
				return at, nil
			}
		}
	}
	return time.Time{}, fmt.Errorf("--at %q: want 2006-01-02T15:04:05Z, 2006-01-02T15:04:05 or 15:04[:05]", s)
}

// lastLocal is the last moment not after now at which clocks showed the time of day
// of clock, near at: when daylight saving ends an hour comes twice, and when it
// begins one is left out.
func lastLocal(at, clock, now time.Time) (best time.Time, ok bool) {
	for shift := -2 * time.Hour; shift <= 2*time.Hour; shift += 30 * time.Minute {
		c := at.Add(shift)
		same := c.Hour() == clock.Hour() && c.Minute() == clock.Minute() && c.Day() == at.Day()
		if same && !c.After(now) && (!ok || c.After(best)) {
			best, ok = c, true
		}
	}
	return best, ok
}

// outcome is the JSON of now, retry and demo.
type outcome struct {
	evidence.Manifest
	Bundle string `json:"bundle"`
}

// result prints what came of a grab and sets the exit code.
func (a *app) result(store *incident.Store, in incident.Incident, zone *time.Location) error {
	m, err := manifestOf(store, in)
	if err != nil {
		return err
	}
	return a.tell(outcome{m, in.Bundle}, zone)
}

// tell prints an outcome and sets the exit code.
func (a *app) tell(o outcome, zone *time.Location) error {
	m := o.Manifest
	a.exit = advice.Covered(m.Coverage)
	if a.json {
		return a.print(o)
	}
	if err := printManifest(a.out, m, zone); err != nil {
		return fmt.Errorf("write the result (the bundle is %s): %w", o.Bundle, err)
	}
	fmt.Fprintln(a.out)
	if m.Registration != nil {
		fmt.Fprintf(a.out, "verdict   %s\n", report.VerdictLine(m.Registration))
	}
	if info, err := os.Stat(o.Bundle); err == nil {
		fmt.Fprintf(a.out, "bundle    %s (%s, verified)\n", o.Bundle, human.Size(info.Size()))
	}
	return nil
}

// prepareAdhoc makes a site of hosts that no configuration knows.
func prepareAdhoc(f *request) (*grabbing, error) {
	if f.Site != "" {
		return nil, advice.Usage(errors.New("--site needs names from the configuration, not user@address"))
	}
	g := &grabbing{zone: time.Local, before: config.Default().Window.Before, bundle: config.Default().Bundle, out: f.Out, site: incident.Site{Name: "adhoc", TimeZone: wiring.LocalZone()},
		policy: incident.Policy{Settle: 2 * time.Second}}
	if g.out == "" {
		g.out = "."
	}
	sources := map[string]wiring.Source{}
	for _, arg := range f.Hosts {
		s, err := adhocSource(arg, f)
		if err != nil {
			return nil, err
		}
		if _, twice := sources[s.Host.Name]; twice {
			return nil, advice.Usage(fmt.Errorf("%s is named twice", arg))
		}
		sources[s.Host.Name] = s
		g.site.Hosts = append(g.site.Hosts, incident.HostRef{Name: s.Host.Name, Address: s.Host.Address})
	}
	g.site.Families = config.Default().Logs.Families
	g.all = []incident.Site{g.site}
	g.find = func(_, host string) (wiring.Source, bool) { s, ok := sources[host]; return s, ok }
	dir, err := os.MkdirTemp("", "grab-adhoc-")
	g.store, g.scratch = dir, true
	return g, err
}
