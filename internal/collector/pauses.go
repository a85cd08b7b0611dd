package collector

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"time"

	"rtmtgrab/internal/collector/gate"
	"rtmtgrab/internal/collector/health/status"
	"rtmtgrab/internal/config"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/wiring"
)

// pauseEvery is how often the watcher looks what is paused; its journal looks with
// every mail.
const pauseEvery = time.Second

// pauseWatch shuts the gate while hosts are paused, and says what begins and ends.
type pauseWatch struct {
	cfg   func() *config.Config  // in force
	sites func() []incident.Site // of it
	store *incident.Store
	gate  *gate.Gate
	log   *slog.Logger
	known map[string]incident.Pause // in force at the last look
	bad   string
}

// run looks until ctx ends; look has been called once before.
func (m *pauseWatch) run(ctx context.Context) {
	t := time.NewTicker(pauseEvery)
	defer t.Stop()
	for {
		select {
		case <-t.C:
			m.look(time.Now())
		case <-ctx.Done():
			return
		}
	}
}

func (m *pauseWatch) look(now time.Time) {
	cfg := m.cfg()
	byHand, err := m.store.Pauses(now)
	if err != nil {
		if m.bad != err.Error() {
			m.log.Error("cannot read the pauses: nothing is paused by hand", "err", err)
		}
		m.bad = err.Error()
	} else {
		m.bad = ""
	}
	m.gate.Set(shutHosts(cfg, byHand))
	current := map[string]incident.Pause{}
	for _, p := range slices.Concat(byHand, incident.QuietNow(m.sites(), now)) {
		key := p.Site + "\x00" + p.From.String() + p.Until.String() + p.By
		if current[key] = p; m.known[key].Until.IsZero() {
			m.log.Info("paused: alerts are recorded, nothing is grabbed", "site", EverySite(p.Site), "until", p.Until, "by", p.By, "reason", p.Reason)
		}
	}
	for key, p := range m.known {
		if current[key].Until.IsZero() {
			m.log.Info("the pause is over", "site", EverySite(p.Site), "by", p.By, "reason", p.Reason)
		}
	}
	m.known = current
}

// shutHosts are the hosts of which all sites are in a pause that was begun by hand.
func shutHosts(cfg *config.Config, pauses []incident.Pause) map[string]bool {
	shut := map[string]bool{}
	if len(pauses) == 0 {
		return shut
	}
	for i := range cfg.Sites {
		for _, h := range cfg.Sites[i].Hosts {
			shut[h.Name] = !slices.ContainsFunc(cfg.SitesOf(h.Name), func(s *config.Site) bool { return !pausedBy(pauses, s.Name) })
		}
	}
	maps.DeleteFunc(shut, func(_ string, shut bool) bool { return !shut })
	return shut
}

func pausedBy(pauses []incident.Pause, site string) bool {
	return slices.ContainsFunc(pauses, func(p incident.Pause) bool { return p.Covers(site) })
}

// EverySite is the name of a pause's site for people.
func EverySite(site string) string {
	if site == "" {
		return "(all)"
	}
	return site
}

// reportPauses says what is paused, by hand and by schedule.
func reportPauses(r *status.Report, store *incident.Store, cfg *config.Config) {
	now := time.Now()
	list, err := store.Pauses(now)
	if err != nil {
		r.Add(status.Problem{Key: "pauses", What: "cannot read the pauses: nothing is paused by hand", Hint: err.Error(), Since: now})
	}
	for _, p := range slices.Concat(list, incident.QuietNow(wiring.Sites(cfg), now)) {
		r.Pauses = append(r.Pauses, status.Pause{Site: p.Site, From: p.From, Until: p.Until, Reason: p.Reason, By: p.By})
	}
}
