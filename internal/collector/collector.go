// Package collector is the always-on process: it watches the mailboxes, keeps sessions and
// rolling copies, hands alerts to their incidents, and answers the control socket.
//
// A panic in one request ends that request alone; a reload with a fault keeps the old
// configuration; at its end everything that it started has ended. It knows no flags and no
// signals, and not who supervises it.
package collector

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"sync"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"

	"rtmtgrab/bundle/seal"
	"rtmtgrab/fetch/hostconn"
	"rtmtgrab/fetch/logset"
	"rtmtgrab/internal/advice"
	"rtmtgrab/internal/analysis"
	"rtmtgrab/internal/app/delivery"
	"rtmtgrab/internal/app/reset"
	"rtmtgrab/internal/collector/fellow"
	"rtmtgrab/internal/collector/health"
	"rtmtgrab/internal/collector/notify"
	"rtmtgrab/internal/collector/pages"
	"rtmtgrab/internal/collector/rehearsal"
	"rtmtgrab/internal/config"
	"rtmtgrab/internal/copyqueue"
	"rtmtgrab/internal/cucm/gather"
	"rtmtgrab/internal/diagnostics"
	"rtmtgrab/internal/diskspace"
	"rtmtgrab/internal/drill"
	"rtmtgrab/internal/growth"
	"rtmtgrab/internal/human"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/incident/material"
	"rtmtgrab/internal/incident/runner"
	"rtmtgrab/internal/incident/triage"
	"rtmtgrab/internal/openhttp"
	"rtmtgrab/internal/proof"
	"rtmtgrab/internal/prt/filing"
	"rtmtgrab/internal/version"
	"rtmtgrab/internal/wiring"
)

// A supervisor is told when the watch has begun, and asks it to read its configuration
// again: by SIGHUP, or Windows' service manager by way of what stands between.
type Supervisor interface {
	Ready()
	OnReload(c chan<- struct{}) (stop func())
}

// Collector is a running `grab watch`: what the works of its Run share.
type Collector struct {
	cfg     configuration
	super   Supervisor // nil: nobody
	log     *slog.Logger
	Store   *incident.Store
	journal *triage.Journal
	grabs
	sessions  sessions
	shallow   shallow
	tokens    wiring.TokenSources // of OAuth2
	Mailboxes mailboxes
	Notifier  *notify.Notifier // what is sent to people
	OwnMails  *notify.OwnMails // what comes back of what we sent
	health    health.Health
	metrics   *health.Metrics
	ways      ways
}

// grabs is who grabs.
type grabs struct {
	Runner    *runner.Runner
	queue     *copyqueue.Queue // of those who copy for it
	followers followers        // of what it works at
	drills    rehearsal.Clock

	deliveries *delivery.Dispatcher // of what it sealed
	prts       *filing.Service      // phones' problem reports
	clusters   *wiring.Clusters
	gatherer   *gather.Gatherer // what CUCM knows of incidents
	appliances *wiring.Appliances
	taker      *diagnostics.Taker // hosts' own diagnostic logs

	fleet fellow.Place // among other collectors
}

// New opens the store, which no other watcher may have open. run closes it. load
// reads the configuration again for a reload; super may be nil.
func New(cfg *config.Config, log *slog.Logger, load func() (*config.Config, error), super Supervisor) (w *Collector, err error) {
	if err := listens(cfg); err != nil {
		return nil, advice.Usage(advice.WithHint(err, "add mail: to "+cfg.Path+"; configs/grab.example.yaml explains it"))
	}
	w = &Collector{cfg: configuration{read: load, asks: make(chan *reloadAsk)}, super: super, log: log, shallow: shallow{log: log}, health: health.Health{Started: time.Now().UTC()}}
	w.cfg.Store(cfg)
	if w.Store, err = incident.OpenStore(cfg.Store); err != nil {
		return nil, err
	}
	if w.journal, err = triage.OpenJournal(w.Store, wiring.Sites(cfg), wiring.Policy(cfg), w.log, nil); err != nil {
		return nil, err
	}
	w.health.Hosts.Recall(w.Store)
	if w.health.Hosts.Growth, err = growth.Open(w.Store.GrowthFile(), log); err != nil {
		return nil, err
	}
	w.metrics = health.NewMetrics(w.Status)
	w.metrics.Outcomes.Sites(cfg)
	key, err := proof.LoadKey(filepath.Join(w.Store.Dir, "notice.key"), log)
	if err != nil {
		return nil, err
	}
	w.OwnMails = notify.NewOwnMails(w.Store.Dir, key, log, &w.tokens)
	if _, err := (seal.Ring{Dir: w.Store.Dir}).Key(); err != nil {
		log.Error("bundles are sealed without a signature", "err", err) // status says so too
	}
	analyst := analysis.New()
	w.Notifier = notify.New(w.Store, key, log, &w.tokens, w.Problems)
	w.Notifier.Analyst = analyst
	w.metrics.CountLoops(w.OwnMails.CameBack)
	if w.ways, err = newWays(w); err != nil {
		return nil, err
	}
	mails := &rehearsal.Mails{Log: log, Nonces: &drill.Nonces{File: filepath.Join(w.Store.Dir, "drill-nonces.json"), Log: log}}
	w.Mailboxes = mailboxes{drills: mails, log: log, journal: w.journal, metrics: w.metrics, ownMails: w.OwnMails, tokens: &w.tokens, sign: w.health.Sign.Leave}
	w.sessions = sessions{pool: &hostconn.Pool{}, log: log, state: w.health.Hosts.Keeper, clock: w.health.Hosts.Clock, forget: w.health.Hosts.Unproven, back: func() time.Duration { return w.cfg.Load().Window.Before }, proven: func(host string, p logset.Proof) {
		w.health.Hosts.Proven(host, p)
		w.shallow.depths(host, p.Depths, w.cfg.window())
	}}
	w.deliveries = &delivery.Dispatcher{Store: w.Store, Cfg: w.cfg.Load, Log: log, Tokens: &w.tokens, Reserve: wiring.Reserve(w.cfg.Load), Heard: w.Notifier.News.LookAgain}
	w.Notifier.News.Handed = handed(w.deliveries)
	w.queue = &copyqueue.Queue{}
	w.Runner = newRunner(w.Store, w.cfg.Load, wiring.Reserve(w.cfg.Load), w.sessions.pool, w.queue, analyst, log, w.event)
	w.Runner.Growth = w.health.Hosts.Growth
	w.prts = filing.New(w.Store, w.Runner.Reserve, log)
	w.askBeside()
	w.Runner.Beside, w.Notifier.News.Named = wiring.Beside(w.gatherer, w.taker.Begin), w.gatherer.First
	w.fleet = newFleet(w)
	w.drills.Runner = &rehearsal.Runner{
		Log: log, Config: w.cfg.Load, Store: w.Store, Journal: w.journal, Mails: mails, Tokens: &w.tokens, Boxes: w.Mailboxes.states.folders,
		Book: rehearsal.NewBook(filepath.Join(w.Store.Dir, "drills.json")),
		NewRunner: func(events func(runner.Event)) *runner.Runner {
			r := newRunner(w.Store, w.cfg.Load, wiring.Reserve(w.cfg.Load), w.sessions.pool, w.queue, analyst, log, events)
			r.Growth = w.health.Hosts.Growth
			r.Reserve = nil // no incident is removed for a drill
			return r
		},
	}
	return w, nil
}

// askBeside makes who asks others than the hosts' logs about incidents.
func (w *Collector) askBeside() {
	w.clusters = &wiring.Clusters{Cfg: w.cfg.Load, Log: w.log}
	w.gatherer = wiring.NewGatherer(w.Store, w.clusters, wiring.Reserve(w.cfg.Load), w.log)
	w.appliances = &wiring.Appliances{Cfg: w.cfg.Load, Log: w.log}
	w.taker = wiring.NewTaker(w.Store, w.appliances, wiring.Reserve(w.cfg.Load), w.log)
}

// Deliveries are those of what it sealed.
func (w *Collector) Deliveries() *delivery.Dispatcher { return w.deliveries }

// newRunner is one that works by the configuration in force.
func newRunner(store *incident.Store, cfg func() *config.Config, reserve *diskspace.Reserve, pool *hostconn.Pool, queue *copyqueue.Queue, analyst *analysis.Analyst, log *slog.Logger, events func(runner.Event)) *runner.Runner {
	find := func(site, host string) (wiring.Source, bool) { return wiring.Finder(cfg())(site, host) }
	return &runner.Runner{
		Store: store, Policy: wiring.PolicyAfter(health.SignFile(store.Dir), cfg, log), Sites: wiring.SitesInForce(cfg),
		Logs:         runner.Logs{NewPuller: wiring.Pullers(pool, queue, reserve, find, nil), Contents: wiring.Contents(analyst), Unpack: wiring.Unpack},
		VerifyBundle: wiring.VerifyBundle, Keeping: runner.Keeping{Reserve: reserve, Removing: wiring.Removing, Undelivered: wiring.Undelivered(store), HandTo: wiring.HandTo(func() []config.Handover { return cfg().Handover })}, Log: log, Version: version.Version, Events: events,
		Seal: func(ctx context.Context, job runner.SealJob) (runner.SealedBundle, error) {
			return wiring.Sealer(cfg().Bundle, analyst, seal.Ring{Dir: store.Dir}, cfg().Handover...)(ctx, job)
		},
	}
}

// Run keeps the runner and the mailboxes' watchers going, and starts the watchers
// anew after a reload.
func (w *Collector) Run(ctx context.Context) error {
	defer w.journal.Close()
	if err := material.Sweep(w.Store); err != nil {
		w.log.Warn("what a killed process had begun to receive cannot be removed", "err", err)
	}
	if err := wiring.KeepCUCMCalls(w.Store.Dir); err != nil {
		w.log.Warn("what CUCM is asked is not kept: after a restart it may be asked too often", "err", err)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	served := &pages.Pages{Handler: openhttp.ByName(health.Handler(w.Status, w.metrics, w.log), w.cfg.names), Log: w.log}
	defer served.Close()
	defer w.ways.close()
	if err := w.serve(served); err != nil {
		return err
	}

	var wg sync.WaitGroup
	var ended error
	wg.Go(func() {
		defer cancel()
		ended = w.Runner.Run(ctx, w.journal)
	})
	w.inBackground(ctx, &wg)

	reloads := make(chan struct{}, 1)
	if w.super != nil {
		defer w.super.OnReload(reloads)()
	}
	w.configure(ctx)
	w.server(ctx).listen(&wg)
	tellSystemd(daemon.SdNotifyReady)
	if w.super != nil {
		w.super.Ready()
	}
	w.log.Info("watching", "config", w.cfg.Load().Path, "mailboxes", wiring.BoxNames(wiring.Boxes(w.cfg.Load())), "version", version.Version)
	var err error
	for ctx.Err() == nil && err == nil {
		var r *reload
		r, err = w.mailbox(ctx, reloads)
		w.putInForce(ctx, served, r)
	}

	tellSystemd(daemon.SdNotifyStopping)
	cancel()
	wg.Wait()
	w.closeParts()
	w.log.Info("stopped")
	if errors.Is(err, context.Canceled) {
		err = nil
	}
	return errors.Join(err, ended)
}

// closeParts ends what has goroutines and connections of its own.
func (w *Collector) closeParts() {
	w.fleet.Close()
	w.drills.Runner.Wait()
	w.gatherer.Close()
	w.taker.Close()
	w.sessions.close()
	saveBook(w.health.Hosts.Growth, w.log)
	w.Notifier.Close()
	w.OwnMails.Close()
}

// inBackground starts what runs beside runner and mailboxes until ctx ends.
func (w *Collector) inBackground(ctx context.Context, wg *sync.WaitGroup) {
	wg.Go(func() { w.health.Store.Run(ctx, w.Store.Dir, w.log) })
	wg.Go(func() { w.health.Disk.Run(ctx, w.Store.Dir) })
	wg.Go(func() { keepBook(ctx, w.health.Hosts.Growth, w.log) })
	held := &quarantine{cfg: w.cfg.Load, store: w.Store, journal: w.journal, keys: &w.Mailboxes.keys, log: w.log}
	wg.Go(func() { held.run(ctx) })
	pauses := &pauseWatch{cfg: w.cfg.Load, sites: w.Runner.Sites, store: w.Store, gate: &w.sessions.gate, log: w.log}
	pauses.look(time.Now()) // before the first login
	wg.Go(func() { pauses.run(ctx) })
	wg.Go(func() { w.drills.Run(ctx) })
	wg.Go(func() { w.deliveries.Run(ctx) })
	wg.Go(func() { w.gatherer.Resume(ctx) })
	wg.Go(func() { w.taker.Resume(ctx) })
	wg.Go(func() { w.prts.Run(ctx) })
	wg.Go(func() { w.fleet.Fellow.Run(ctx) })
	resets := &reset.Watcher{Store: w.Store, Clusters: reset.Configured(w.cfg.Load), Log: w.log}
	wg.Go(func() { resets.Run(ctx) })
}

// configure lets sessions and notifications work by the configuration in force until ctx
// ends.
func (w *Collector) configure(ctx context.Context) {
	cfg := w.cfg.Load()
	w.health.Hosts.Growth.Keep(familiesOf(cfg))
	w.sessions.configure(ctx, cfg)
	w.OwnMails.Configure(ctx, cfg)
	w.Notifier.Configure(ctx, cfg)
	w.ways.polls.Configure(ctx)
	w.deliveries.Configure()
	w.prts.Configure(cfg.PRT)
	configureFleet(ctx, w.fleet.Member, cfg, w.log)
}

// server answers for it until ctx ends.
func (w *Collector) server(ctx context.Context) *server {
	return &server{
		ctx: ctx,
		cfg: w.cfg.Load, store: w.Store, runner: w.Runner, followers: &w.followers, pool: w.sessions.pool, log: w.log,
		status: w.Status, event: w.event, drills: w.drills.Runner, looked: w.health.Hosts.Checked, mailWorks: w.Mailboxes.states.retry,
		reload: w.cfg.reload, handing: handing{w.deliveries, w.journal.Table()},
	}
}

// serve begins to serve what the configuration says.
func (w *Collector) serve(served *pages.Pages) error {
	if err := served.Serve(w.cfg.Load().HTTP); err != nil {
		return err
	}
	return w.ways.door.Serve(w.cfg.Load().Alerts.Webhook)
}

// putInForce lets the rest work by the configuration that a reload has brought; r is nil
// at the end.
func (w *Collector) putInForce(ctx context.Context, served *pages.Pages, r *reload) {
	cfg := w.cfg.Load()
	err, stays := served.ServeAnew(cfg.HTTP), "health and metrics stay at the old address"
	if errHook := w.ways.door.ServeAnew(cfg.Alerts.Webhook); errHook != nil {
		err, stays = errors.Join(err, errHook), "the webhook for alerts stays as it was"
	}
	w.configure(ctx)
	if r == nil {
		return
	}
	w.cfg.refused.set(time.Now(), stays, err)
	r.ask.answer(reloadResult{Reloaded{cfg.Path, r.warnings}, err})
}

// mailbox watches the mailboxes until ctx ends or a reload came through.
func (w *Collector) mailbox(ctx context.Context, reloads <-chan struct{}) (*reload, error) {
	ctx, cancel := context.WithCancel(ctx)
	var kept sync.WaitGroup
	defer kept.Wait() // after cancel
	defer cancel()
	cfg := w.cfg.Load()
	rings{pool: w.sessions.pool, gate: &w.sessions.gate, reach: w.sessions.reach, reserve: w.Runner.Reserve, log: w.log}.keep(ctx, cfg, &kept)
	done := make(chan error, 1)
	go func() { done <- w.Mailboxes.watchAll(ctx, cfg) }()
	for {
		var r reload
		select {
		case err := <-done:
			return nil, err
		case <-reloads:
		case r.ask = <-w.cfg.asks:
		}
		var err error
		if r.warnings, err = w.reload(); err != nil {
			w.cfg.refused.set(time.Now(), allStays, err)
			r.ask.answer(reloadResult{err: err})
			continue
		}
		cancel()
		<-done
		if _, err := w.journal.Decide(time.Now()); err != nil { // of a look that was broken off
			w.log.Error("cannot decide on alerts yet; retrying", "err", err)
		}
		return &r, nil
	}
}

// reload reads the configuration again, by the same way as the start. Its warnings are of
// what waits for a restart.
func (w *Collector) reload() (warnings []string, err error) {
	tellSystemd(daemon.SdNotifyReloading)
	defer tellSystemd(daemon.SdNotifyReady)
	old := w.cfg.Load()
	cfg, err := w.cfg.again()
	if err == nil {
		err = w.journal.Configure(wiring.Sites(cfg), wiring.Policy(cfg))
	}
	if err != nil {
		w.log.Error("reload failed: the old configuration stays in force", "err", human.OneLine(err))
		return nil, err
	}
	warnings = []string{}
	if cfg.Socket != old.Socket {
		warnings = append(warnings, "socket: changes need a restart of grab watch")
		w.log.Warn("reload: " + warnings[0])
	}
	w.cfg.Store(cfg)
	w.tokens.Turn()
	w.metrics.Outcomes.Sites(cfg)
	w.journal.Wake()
	w.log.Info("reloaded", "config", cfg.Path)
	return warnings, nil
}
