// Package oneshot makes one grab by hand: from a request to a sealed bundle, for hosts of
// a configuration or for user@address, and takes an incident up again.
//
// It says how far it is by the functions of an Effort, and seals what there is when its
// Stop is closed. It knows neither flags nor the control socket.
package oneshot

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"rtmtgrab/bundle"
	"rtmtgrab/bundle/seal"
	"rtmtgrab/fetch"
	"rtmtgrab/fetch/hostconn"
	"rtmtgrab/internal/advice"
	"rtmtgrab/internal/analysis"
	"rtmtgrab/internal/atomicfile"
	"rtmtgrab/internal/config"
	"rtmtgrab/internal/diskspace"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/growth"
	"rtmtgrab/internal/human"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/incident/manifest"
	"rtmtgrab/internal/incident/runner"
	"rtmtgrab/internal/sshdial"
	"rtmtgrab/internal/version"
	"rtmtgrab/internal/wiring"
)

// A Grab is one by hand, ready to start.
type Grab struct {
	Store  string
	Zone   *time.Location
	before time.Duration // default of --before
	bundle config.Bundle
	handTo []config.Handover // destinations of bundles
	Out    string
	site   incident.Site
	policy incident.Policy
	all    []incident.Site
	find   func(site, host string) (wiring.Source, bool)

	reserve *diskspace.Reserve // of the store's disk; nil: there is none
	cfg     *config.Config     // whose CUCM clusters are asked; nil: none is

	Scratch bool             // the store is a temporary folder
	Adhoc   []sshdial.Config // the ways to hosts that no configuration knows
}

// Effort is with what a grab is made and who is told how far it is.
type Effort struct {
	Pool    *hostconn.Pool
	Say     func(format string, args ...any)
	Fetched func(fetch.Progress)
	Event   func(runner.Event)
	Beside  runner.Beside   // the collector's; zero: the grab has its own
	Stop    <-chan struct{} // closed: seal what there is
	By      string          // as in incident.Incident
	Log     *slog.Logger    // may be nil
	Growth  *growth.Book    // by which logs without records are judged; nil: as the store says
}

// user is who runs the command that does it; empty: the watcher does it.
func (e Effort) user() string {
	if e.By != "" {
		return ""
	}
	return Whoami()
}

// Once makes the grab that the flags ask for.
func (g *Grab) Once(ctx context.Context, f *Request, e Effort) (*incident.Store, incident.Incident, error) {
	asked, err := g.window(f, time.Now())
	if err != nil {
		return nil, incident.Incident{}, advice.Usage(err)
	}
	e.Say("window %s, site %s, %s", human.Clock{Zone: g.Zone}.Span(asked.Since.Truncate(time.Second), asked.Until.Truncate(time.Second)), g.site.Name, human.Plural(len(g.site.Hosts), "host"))
	store, err := incident.OpenStore(g.Store)
	if err != nil {
		return nil, incident.Incident{}, err
	}
	g.shareRoom()
	defer g.sayWhere(e)()
	t := g.tracing(store, &e, !f.NoTraces)
	defer t.close()
	r := g.runner(store, e)
	in, err := r.Once(ctx, runner.Request{Site: g.site, Asked: asked, At: asked.Until.Add(-f.After), Reason: f.Reason, By: e.By, User: e.user(), Case: f.Case, Phones: f.Phones,
		Out: g.Out, Patience: f.Patience, Stop: e.Stop})
	if err == nil && !f.NoTraces {
		in, err = t.further(ctx, r, in)
	}
	switch {
	case err != nil && g.Scratch: // retry does not find it there
		err = advice.WithHint(fmt.Errorf("incident %s: %w", in.ID, err), "what was copied is below "+filepath.Join(store.Dir, "incidents")+": `grab report` reads it; remove it afterwards, it contains credentials")
	case err != nil:
		err = fmt.Errorf("incident %s: %w", in.ID, err)
	}
	return store, in, err
}

// sayWhere tells who stops a grab what stays if he ends it at once, for nobody clears that then.
func (g *Grab) sayWhere(e Effort) (end func()) {
	if !g.Scratch {
		return func() {}
	}
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		select {
		case <-e.Stop:
			e.Say("stopping; if you end it at once, what was copied stays in %s: remove it, it contains credentials", g.Store)
		case <-done:
		}
	})
	return func() { close(done); wg.Wait() }
}

// Clear removes the store if it is a temporary folder, and says what stays of it.
func (g *Grab) Clear(say func(format string, args ...any)) {
	if !g.Scratch {
		return
	}
	if err := atomicfile.RemoveAll(g.Store); err != nil {
		say("warning: what was copied could not be removed: %v; remove %s by hand, it contains credentials", err, g.Store)
	}
}

// shareRoom has the hosts share what room there is, if it is not enough for all.
func (g *Grab) shareRoom() {
	find, n := g.find, len(g.site.Hosts)
	g.find = func(site, host string) (wiring.Source, bool) {
		s, ok := find(site, host)
		s.Among = n
		return s, ok
	}
}

// PrepareOut makes the folder for bundles, and sees to it before anything is
// copied that a file can be made there.
func PrepareOut(dir string) error {
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
		return advice.WithHint(err, "set --out to a folder that this user can write to")
	}
	return err
}

// keys are those of the store that is kept.
func (g *Grab) keys(store *incident.Store) seal.Ring {
	if g.Scratch {
		return seal.Ring{}
	}
	return seal.Ring{Dir: store.Dir}
}

func (g *Grab) runner(store *incident.Store, e Effort) *runner.Runner {
	if e.Growth == nil {
		e.Growth = growth.Read(store.GrowthFile().Path)
	}
	analyst := analysis.New()
	return &runner.Runner{
		Store: store, Policy: func() incident.Policy { return g.policy }, Sites: func() []incident.Site { return g.all },
		Logs: runner.Logs{NewPuller: wiring.Pullers(e.Pool, nil, g.reserve, g.find, e.Fetched), Contents: wiring.Contents(analyst), Unpack: wiring.Unpack},
		Seal: wiring.Sealer(g.bundle, analyst, g.keys(store), g.handTo...), VerifyBundle: wiring.VerifyBundle, Keeping: runner.Keeping{Reserve: g.reserve, Removing: wiring.Removing, Undelivered: wiring.Undelivered(store), HandTo: wiring.HandTo(func() []config.Handover { return g.handTo })}, Events: e.Event, Log: e.Log, Version: version.Version,
		Growth: e.Growth, Beside: e.Beside,
	}
}

// Prepare finds out which hosts are meant and what is known of them. load reads the
// configuration, if one is needed.
func Prepare(load func() (*config.Config, error), f *Request) (*Grab, error) {
	switch adhoc := AdhocHosts(f.Hosts); {
	case adhoc == 0:
		cfg, err := load()
		if err != nil {
			return nil, err
		}
		return PrepareConfigured(cfg, f)
	case adhoc < len(f.Hosts):
		return nil, advice.Usage(errors.New("do not mix configured names and user@address in one grab"))
	}
	return prepareAdhoc(f)
}

// AdhocHosts is how many of the hosts are given as user@address.
func AdhocHosts(hosts []string) (n int) {
	for _, h := range hosts {
		if strings.Contains(h, "@") {
			n++
		}
	}
	return n
}

func PrepareConfigured(cfg *config.Config, f *Request) (*Grab, error) {
	s, chosen, err := cfg.Select(f.Site, f.Hosts...)
	if err != nil {
		return nil, advice.Usage(err)
	}
	var list []config.Host
	for _, h := range chosen {
		list = append(list, *h)
	}
	return &Grab{Store: cfg.Store, Zone: s.Zone(), before: cfg.Window.Before, bundle: cfg.Bundle, handTo: cfg.Handover, Out: f.Out,
		site: wiring.SiteOf(s, list), policy: wiring.Policy(cfg), all: wiring.Sites(cfg), find: wiring.Finder(cfg), reserve: reserveOf(cfg), cfg: cfg}, nil
}

func reserveOf(cfg *config.Config) *diskspace.Reserve {
	return wiring.Reserve(func() *config.Config { return cfg })
}

// Outcome is the JSON of now, retry and demo.
type Outcome struct {
	evidence.Manifest
	Bundle string `json:"bundle"`
}

// scratchReserve is what copies leave free of the disk for temporary files, for the bundle.
const scratchReserve = 64 << 20

// prepareAdhoc makes a site of hosts that no configuration knows.
func prepareAdhoc(f *Request) (*Grab, error) {
	if f.Site != "" {
		return nil, advice.Usage(errors.New("--site works with configured names, not with user@address"))
	}
	g := &Grab{Zone: time.Local, before: config.Default().Window.Before, bundle: config.Default().Bundle, Out: f.Out, site: incident.Site{Name: evidence.SiteAdhoc, TimeZone: wiring.LocalZone()},
		policy: incident.Policy{Settle: 2 * time.Second}}
	if g.Out == "" {
		g.Out = "."
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
		g.Adhoc = append(g.Adhoc, s.Dial)
		g.site.Hosts = append(g.site.Hosts, incident.HostRef{Name: s.Host.Name, Address: s.Host.Address})
	}
	g.site.Families = config.Default().Logs.Families
	g.all = []incident.Site{g.site}
	g.find = func(_, host string) (wiring.Source, bool) { s, ok := sources[host]; return s, ok }
	dir, err := atomicfile.MkdirTemp("", "grab-adhoc-*")
	g.Store, g.Scratch = dir, true
	g.reserve = &diskspace.Reserve{Dir: dir, Keep: func() int64 { return scratchReserve }}
	return g, err
}

// ManifestOf is the manifest of an incident: the bundle's if there is one, for what
// the report found is only there.
func ManifestOf(store *incident.Store, in incident.Incident) (evidence.Manifest, error) {
	if in.State == incident.Sealed && in.Bundle != "" {
		if m, err := bundle.ReadManifest(in.Bundle); err == nil && m.Incident == in.ID {
			return m, nil
		}
	}
	return manifest.Of(store, in)
}

// Retry retries an incident. That nothing is to be had is said and no error.
func Retry(ctx context.Context, cfg *config.Config, store *incident.Store, id string, q runner.RetryRequest, e Effort) (incident.Incident, error) {
	if err := CheckWait("--patience", q.Patience); err != nil {
		return incident.Incident{}, advice.Usage(err)
	}
	g := &Grab{bundle: cfg.Bundle, handTo: cfg.Handover, policy: wiring.Policy(cfg), all: wiring.Sites(cfg), find: wiring.Finder(cfg), reserve: reserveOf(cfg), cfg: cfg}
	q.By, q.User, q.Stop = e.By, e.user(), e.Stop
	defer g.tracing(store, &e, false).close()
	in, err := g.runner(store, e).Retry(ctx, id, q)
	switch {
	case errors.Is(err, runner.ErrComplete):
		e.Say("%v", err)
	case errors.Is(err, manifest.ErrLess):
		e.Say("no change: %v", err)
	case errors.Is(err, runner.ErrNoReport):
		e.Say("%v", err)
	default:
		return in, err
	}
	return in, nil
}
