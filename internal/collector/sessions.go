package collector

import (
	"context"
	"log/slog"
	"reflect"
	"runtime/debug"
	"sync"
	"time"

	"rtmtgrab/fetch/hostconn"
	"rtmtgrab/fetch/logset"
	"rtmtgrab/internal/collector/gate"
	"rtmtgrab/internal/config"
	"rtmtgrab/internal/sshdial"
	"rtmtgrab/internal/wiring"
)

// sessions keep one to each host that is to be warm, one for each way of
// logging in to an address, whatever number of hosts and sites share it. It is
// not for concurrent use.
type sessions struct {
	pool    *hostconn.Pool
	log     *slog.Logger
	gate    gate.Gate            // shut to hosts that are paused
	period  time.Duration        // between two proofs of a host; zero: the keeper's own
	reach   reach                // in place of TCP
	back    func() time.Duration // how far back an alert asks
	proven  func(host string, p logset.Proof)
	forget  func(host string) // what was proven of it: it is configured anew
	clock   func(host string, at time.Time, s hostconn.KeeperState)
	state   func(key string) func(hostconn.KeeperState) // who gets the state of a session
	keepers map[string]*sessionKeeper                   // by source.key
}

// A sessionKeeper is a keeper that runs.
type sessionKeeper struct {
	hosts  []config.Host // for which it works
	cancel context.CancelFunc
	done   chan struct{}
}

// configure lets the keepers work by cfg until ctx ends: it stops those that are
// not wanted any more or whose hosts have changed, and starts what is missing.
func (w *sessions) configure(ctx context.Context, cfg *config.Config) {
	hosts, sources := warmHosts(cfg)
	var stopped sync.WaitGroup
	for key, k := range w.keepers {
		if !reflect.DeepEqual(k.hosts, hosts[key]) {
			stopped.Go(k.stop)
			delete(w.keepers, key)
		}
	}
	stopped.Wait()
	if w.keepers == nil {
		w.keepers = map[string]*sessionKeeper{}
	}
	for key, list := range sources {
		if w.keepers[key] != nil {
			continue
		}
		list[0].Dial.Conn = w.reach
		prover := &logset.Prover{Proven: w.proven, Reach: w.back}
		for _, s := range list {
			prover.Hosts = append(prover.Hosts, s.Host)
			w.forget(s.Host.Name)
		}
		keeper := &hostconn.Keeper{Pool: w.pool, Key: key, Commands: list[0].Commands, Name: list[0].Host.Name, Log: w.log, State: w.stateOf(key, list),
			Period: w.period, Prove: prover.Prove,
			Dial:  func(ctx context.Context) (*sshdial.Client, error) { return sshdial.Dial(ctx, list[0].Dial) },
			Fixed: func(ctx context.Context, err error) func() bool { return sshdial.Fixed(ctx, list[0].Dial, err) }}
		ctx, cancel := context.WithCancel(ctx)
		k := &sessionKeeper{hosts: hosts[key], cancel: cancel, done: make(chan struct{})}
		w.keepers[key] = k
		go func() {
			defer close(k.done)
			defer survive(w.log, "warm session", list[0].Host.Name)
			w.gate.While(ctx, hostNames(list), keeper.Run)
		}()
	}
}

// stateOf gets the state of the session to hosts.
func (w *sessions) stateOf(key string, hosts []wiring.Source) func(hostconn.KeeperState) {
	tell := w.state(key)
	return func(s hostconn.KeeperState) {
		tell(s)
		for _, h := range hosts {
			w.clock(h.Host.Name, time.Now(), s)
		}
	}
}

func hostNames(list []wiring.Source) (hosts []string) {
	for _, s := range list {
		hosts = append(hosts, s.Host.Name)
	}
	return hosts
}

// survive keeps the watcher alive when what it does beside incidents panics over
// what a host sent: it ends for that host.
func survive(log *slog.Logger, what, host string) {
	if v := recover(); v != nil {
		log.Error("panic in the collector; continuing without that part", "what", what, "host", host, "panic", v, "stack", string(debug.Stack()))
	}
}

// close stops all keepers and waits for them.
func (w *sessions) close() {
	var stopped sync.WaitGroup
	for _, k := range w.keepers {
		stopped.Go(k.stop)
	}
	stopped.Wait()
	w.keepers = nil
}

func (k *sessionKeeper) stop() {
	k.cancel()
	<-k.done
}

// warmHosts are the hosts with ssh.warm, each once, by source.key.
func warmHosts(cfg *config.Config) (hosts map[string][]config.Host, sources map[string][]wiring.Source) {
	hosts, sources = map[string][]config.Host{}, map[string][]wiring.Source{}
	seen := map[string]bool{}
	ledger := wiring.Ledger(cfg)
	for i := range cfg.Sites {
		site := &cfg.Sites[i]
		for j := range site.Hosts {
			h := &site.Hosts[j]
			if !h.SSH.Warm || seen[h.Name] {
				continue
			}
			seen[h.Name] = true
			s := wiring.Configured(h, site.Zone(), ledger)
			hosts[s.Key()] = append(hosts[s.Key()], *h)
			sources[s.Key()] = append(sources[s.Key()], s)
		}
	}
	return hosts, sources
}
