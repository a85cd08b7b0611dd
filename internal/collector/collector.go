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
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"

	"rtmtgrab/fetch/hostconn"
	"rtmtgrab/fetch/logset"
	"rtmtgrab/internal/advice"
	"rtmtgrab/internal/collector/health"
	"rtmtgrab/internal/collector/notify"
	"rtmtgrab/internal/config"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/incident/runner"
	"rtmtgrab/internal/incident/triage"
	"rtmtgrab/internal/proof"
	"rtmtgrab/internal/version"
	"rtmtgrab/internal/wiring"
	"rtmtgrab/mailwatch"
)

// A supervisor is told when the watch has begun, and asks it to read its configuration
// again: by SIGHUP, or Windows' service manager by way of what stands between.
type Supervisor interface {
	Ready()
	OnReload(c chan<- struct{}) (stop func())
}

// Collector is a running `grab watch`.
type Collector struct {
	load     func() (*config.Config, error) // reads the configuration again
	super    Supervisor                     // nil: nobody
	log      *slog.Logger
	cfg      atomic.Pointer[config.Config]
	Store    *incident.Store
	journal  *triage.Journal
	Runner   *runner.Runner
	shallow  shallow
	warm     warmth
	gate     gate                // shut to hosts that are paused
	keys     wiring.KeyCache     // of DKIM
	tokens   wiring.TokenSources // of OAuth2
	Notifier *notify.Notifier    // what is sent to people
	OwnMails *notify.OwnMails    // what comes back of what we sent
	boxes    boxStates           // what each mailbox's watcher said last
	health   health.Health
	metrics  *health.Metrics
	web      health.Web
	OnMail   func(mailwatch.Mail) // told of every fresh alert; may be nil
	local    answering
}

// New opens the store, which no other watcher may have open. run closes it. load
// reads the configuration again for a reload; super may be nil.
func New(cfg *config.Config, log *slog.Logger, load func() (*config.Config, error), super Supervisor) (w *Collector, err error) {
	if len(cfg.Mails) == 0 {
		return nil, advice.Usage(advice.WithHint(wiring.ErrNoMail, "add mail: to "+cfg.Path+"; configs/grab.example.yaml explains it"))
	}
	w = &Collector{load: load, super: super, log: log, shallow: shallow{log: log}, health: health.Health{Started: time.Now().UTC()}}
	w.cfg.Store(cfg)
	if w.Store, err = incident.OpenStore(cfg.Store); err != nil {
		return nil, err
	}
	if w.journal, err = triage.OpenJournal(w.Store, wiring.Sites(cfg), wiring.Policy(cfg), w.log, nil); err != nil {
		return nil, err
	}
	w.health.Hosts.Recall(w.Store)
	w.metrics = health.NewMetrics(w.Status)
	w.metrics.Outcomes.Sites(cfg)
	key, err := proof.LoadKey(filepath.Join(w.Store.Dir, "notice.key"))
	if err != nil {
		return nil, err
	}
	w.OwnMails = notify.NewOwnMails(w.Store.Dir, key, log, &w.tokens)
	w.Notifier = notify.New(w.Store, key, log, &w.tokens, w.Problems)
	w.metrics.CountLoops(w.OwnMails.CameBack)
	pool := &hostconn.Pool{}
	w.warm = warmth{pool: pool, log: w.log, gate: &w.gate, state: w.health.Hosts.Keeper, depths: func(host string, families map[string]logset.Retention) {
		w.health.Hosts.Depths(host, families)
		w.shallow.depths(host, families, w.window())
	}}
	find := func(site, host string) (wiring.Source, bool) { return wiring.Finder(w.cfg.Load())(site, host) }
	w.Runner = &runner.Runner{
		Store: w.Store, Policy: func() incident.Policy { return wiring.Policy(w.cfg.Load()) }, Sites: func() []incident.Site { return wiring.Sites(w.cfg.Load()) },
		NewPuller: wiring.Pullers(pool, find, nil), VerifyBundle: wiring.VerifyBundle, Log: w.log, Version: version.Version, Events: w.event,
		Seal: func(ctx context.Context, job runner.SealJob) (string, error) {
			return wiring.Sealer(w.cfg.Load().Bundle)(ctx, job)
		},
	}
	return w, nil
}

// Run keeps the runner and the mailboxes' watchers going, and starts the watchers
// anew after a reload.
func (w *Collector) Run(ctx context.Context) error {
	defer w.journal.Close()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if err := w.serveHTTP(); err != nil {
		return err
	}
	defer func() { w.web.Close() }()
	var wg sync.WaitGroup
	var ended error
	wg.Go(func() {
		defer cancel()
		ended = w.Runner.Run(ctx, w.journal)
	})
	wg.Go(func() { w.guardQuarantine(ctx) })
	mind := &minding{w: w}
	mind.look(time.Now()) // before the first login
	wg.Go(func() { mind.run(ctx) })
	reloads := make(chan struct{}, 1)
	if w.super != nil {
		defer w.super.OnReload(reloads)()
	}
	w.warm.configure(ctx, w.cfg.Load())
	w.OwnMails.Configure(ctx, w.cfg.Load())
	w.Notifier.Configure(ctx, w.cfg.Load())
	w.answer(ctx, &wg)
	tellSystemd(daemon.SdNotifyReady)
	if w.super != nil {
		w.super.Ready()
	}
	w.log.Info("watching", "config", w.cfg.Load().Path, "mailboxes", wiring.BoxNames(wiring.Boxes(w.cfg.Load())), "version", version.Version)
	var err error
	for ctx.Err() == nil && err == nil {
		err = w.mailbox(ctx, reloads)
		w.serveHTTPAnew()
		w.warm.configure(ctx, w.cfg.Load())
		w.OwnMails.Configure(ctx, w.cfg.Load())
		w.Notifier.Configure(ctx, w.cfg.Load())
	}
	tellSystemd(daemon.SdNotifyStopping)
	cancel()
	wg.Wait()
	w.warm.close()
	w.Notifier.Close()
	w.OwnMails.Close()
	w.log.Info("stopped")
	if errors.Is(err, context.Canceled) {
		err = nil
	}
	return errors.Join(err, ended)
}

// mailbox watches the mailboxes until ctx ends or a reload came through.
func (w *Collector) mailbox(ctx context.Context, reloads <-chan struct{}) error {
	ctx, cancel := context.WithCancel(ctx)
	var rings sync.WaitGroup
	defer rings.Wait() // after cancel
	defer cancel()
	w.rings(ctx, &rings)
	done := make(chan error, 1)
	go func() { done <- w.watchAll(ctx) }()
	for {
		select {
		case err := <-done:
			return err
		case <-reloads:
			if w.reload() {
				cancel()
				<-done
				if _, err := w.journal.Decide(time.Now()); err != nil { // of a look that was broken off
					w.log.Error("alerts cannot be decided yet", "err", err)
				}
				return nil
			}
		}
	}
}

// reload reads the configuration again, by the same way as the start.
func (w *Collector) reload() bool {
	tellSystemd(daemon.SdNotifyReloading)
	defer tellSystemd(daemon.SdNotifyReady)
	old := w.cfg.Load()
	cfg, err := w.load()
	if err == nil && len(cfg.Mails) == 0 {
		err = wiring.ErrNoMail
	}
	if err == nil && cfg.Store != old.Store {
		err = fmt.Errorf("store: it cannot change while grab watch runs (from %s to %s)", old.Store, cfg.Store)
	}
	if err == nil {
		err = w.journal.Configure(wiring.Sites(cfg), wiring.Policy(cfg))
	}
	if err != nil {
		w.log.Error("reload: the old configuration stays in force", "err", strings.ReplaceAll(err.Error(), "\n", "; "))
		return false
	}
	if cfg.Socket != old.Socket {
		w.log.Warn("reload: the socket stays as it is until grab watch is started again")
	}
	w.cfg.Store(cfg)
	w.tokens.Turn()
	w.metrics.Outcomes.Sites(cfg)
	w.journal.Wake()
	w.log.Info("reloaded", "config", cfg.Path)
	return true
}

// alive feeds systemd's watchdog from the mailbox loops' own signs of life, as
// long as all of them turn.
func (w *Collector) alive() func(mailwatch.State) {
	interval, err := daemon.SdWatchdogEnabled(false)
	if err != nil || interval == 0 {
		return func(mailwatch.State) {}
	}
	return func(st mailwatch.State) {
		if w.boxes.turning(st.Now) {
			tellSystemd(daemon.SdNotifyWatchdog)
		}
	}
}

func tellSystemd(state string) { daemon.SdNotify(false, state) }

// window is how much an alert asks for.
func (w *Collector) window() time.Duration {
	cfg := w.cfg.Load()
	return cfg.Window.Before + cfg.Window.After
}

// event logs the steps of incidents.
func (w *Collector) event(e runner.Event) {
	w.Notifier.Event(e)
	w.local.event(e)
	w.metrics.Event(e, w.Store)
	switch e.What {
	case runner.EventStarted, runner.EventGrown:
		w.log.Info(e.What, "incident", e.Incident, "since", e.Window.Since, "until", e.Window.Until)
	case runner.EventHeld:
		w.log.Info("held", "incident", e.Incident, "host", e.Host)
	case runner.EventFirstPass:
		w.log.Info("copied", "incident", e.Incident, "coverage", e.Coverage)
	case runner.EventPass:
		if e.Result != nil {
			w.shallow.row(e.Result, w.window())
			w.health.Hosts.Row(e.Result)
		}
		if e.Err != nil {
			w.log.Warn("pass", "incident", e.Incident, "host", e.Host, "err", e.Err, "hint", advice.For(e.Err))
		}
	}
}
