package collector

import (
	"sync/atomic"

	"rtmtgrab/internal/collector/health"
	"rtmtgrab/internal/collector/health/status"
	"rtmtgrab/internal/config"
	"rtmtgrab/internal/fleet/alerts"
	"rtmtgrab/internal/fleet/hub"
	"rtmtgrab/internal/fleet/member"
	"rtmtgrab/internal/wiring"
)

// newFleet is what a collector does by the hub of its fleet.
func newFleet(w *Collector) *member.Member {
	options := func(cfg *config.Config) (hub.Options, error) { return wiring.FleetHub(cfg, w.log) }
	return &member.Member{Options: options, Log: w.log, Workers: w.ways.others.Workers()}
}

// fleetPlace is what the collector is in its fleet by the configuration in force. It is asked
// for with each alert, and made anew when that is another.
func fleetPlace(cfg *configuration) func() (p alerts.Place, member bool) {
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
			m = &made{c, alerts.Place{Name: c.Fleet.Name, Sites: wiring.Sites(c), MaxAge: wiring.Policy(c).MaxAge}}
			last.Store(m)
		}
		return m.place, true
	}
}

// reportFleet says how it stands with other collectors.
func reportFleet(r *status.Report, w *Collector, cfg *config.Config) {
	health.ReportFleet(r, w.fleet.State(), w.ways.others.State(), !hearsItself(cfg))
}
