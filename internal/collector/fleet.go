package collector

import (
	"context"
	"log/slog"
	"slices"
	"sync/atomic"

	"rtmtgrab/internal/collector/fellow"
	"rtmtgrab/internal/collector/health"
	"rtmtgrab/internal/collector/health/status"
	"rtmtgrab/internal/config"
	"rtmtgrab/internal/fleet/alerts"
	"rtmtgrab/internal/fleet/hub"
	"rtmtgrab/internal/fleet/logins"
	"rtmtgrab/internal/fleet/member"
	"rtmtgrab/internal/fleet/owner"
	"rtmtgrab/internal/fleet/share"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/wiring"
)

// newFleet is what a collector does by the hub of its fleet.
func newFleet(w *Collector) fellow.Place {
	options := func(cfg *config.Config) (hub.Options, error) { return wiring.FleetHub(cfg, w.log) }
	refused := &logins.Logins{Place: loginPlace(&w.cfg), Collectors: w.ways.others.Directory.Collectors, Store: w.Store, Log: w.log}
	f := fellow.New(fellow.Parts{Cfg: w.cfg.Load, Store: w.Store, Status: w.Status, Grab: grabFor(w), Log: w.log, Unclaimed: func(in incident.Incident, _ incident.Revision) bool { return in.Fleet.Unclaimed }, Waiting: func() int { return w.ways.others.State().Waiting }})
	workers := slices.Concat(w.ways.others.Workers(), f.Workers(), []member.Worker{{Name: "refused logins", Run: refused.Run}})
	place := fleetPlace(&w.cfg, w.ways.keys, w.log)
	m := &member.Member{Options: options, Log: w.log, Workers: workers}
	pairs := owner.New(&owner.Owner{
		Place: func() (string, []incident.Site) { p, _ := place(); return p.Name, p.Sites },
		Hub:   m.Hub, Collectors: w.ways.others.Directory.Collectors, Runner: w.Runner, Table: w.journal.Table(), Withdraw: w.deliveries.Withdraw, Unfit: f.Astray, Log: w.log,
	})
	lender := &share.Lender{Place: func() share.Place { return share.PlaceOf(w.cfg.Load().Fleet) }, Entries: w.ways.others.Directory.Of, Hub: m.Hub, Keys: w.ways.keys, Store: w.Store, Table: w.journal.Table(), Log: w.log}
	w.Runner.Beside.Borrow = lender.Borrow
	w.Runner.Beside.Own, w.Notifier.News.MayTell = pairs.Own, pairs.MayTell
	m.Workers = append(m.Workers, member.Worker{Name: "whose incidents are", Run: pairs.Run, Stays: true}, member.Worker{Name: "what is lent", Run: lender.Run, Ails: lender.Full})
	return fellow.Place{Member: m, Fellow: f}
}

// configureFleet lets it work by cfg until ctx ends.
func configureFleet(ctx context.Context, m *member.Member, cfg *config.Config, log *slog.Logger) {
	if cfg.Fleet == nil {
		if err := wiring.Ledger(cfg).Share(nil); err != nil {
			log.Warn("the attempts at hosts are still shared with other collectors", "err", err)
		}
	}
	m.Configure(ctx, cfg)
}

// loginPlace is to what it logs in, as a member of its fleet.
func loginPlace(cfg *configuration) func() (p logins.Place, member bool) {
	return func() (p logins.Place, member bool) {
		c := cfg.Load()
		if c.Fleet == nil {
			return p, false
		}
		p = logins.Place{Tenant: c.Fleet.Tenant, Name: c.Fleet.Name, Ledger: wiring.Ledger(c)}
		for i := range c.Sites {
			for j := range c.Sites[i].Hosts {
				p.Hosts = append(p.Hosts, logins.Host{Site: c.Sites[i].Name, Dial: wiring.Dialing(&c.Sites[i].Hosts[j], p.Ledger)})
			}
		}
		return p, true
	}
}

// fleetPlace is what the collector is in its fleet by the configuration in force. It is asked
// for with each alert, and made anew when that is another.
func fleetPlace(cfg *configuration, keys share.Keyring, log *slog.Logger) func() (p alerts.Place, member bool) {
	type made struct {
		of    *config.Config
		place alerts.Place
	}
	var last atomic.Pointer[made]
	return func() (alerts.Place, bool) {
		c := cfg.Load()
		if c.Fleet == nil {
			return alerts.Place{}, false
		}
		m := last.Load()
		if m == nil || m.of != c {
			m = &made{c, alerts.Place{Name: c.Fleet.Name, Sites: wiring.Sites(c), MaxAge: wiring.Policy(c).MaxAge, Lends: keys.Known(c.Fleet, log)}}
			last.Store(m)
		}
		return m.place, true
	}
}

// reportFleet says how it stands with other collectors.
func reportFleet(r *status.Report, w *Collector, cfg *config.Config) {
	health.ReportFleet(r, w.fleet.State(), w.ways.others.State(), slices.Equal(wiring.Ways(cfg), []string{wiring.WayFleet}))
}
