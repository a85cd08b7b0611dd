package health

import (
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"rtmtgrab/internal/config"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/incident/runner"
)

// outcomeFailed stands beside the coverages: the work at an incident ended in an error.
const outcomeFailed = "failed"

// outcomes counts how incidents end, by site. A failure that is tried again and fails
// again counts once, until the incident is sealed.
type outcomes struct {
	count  *prometheus.CounterVec // by site and coverage
	mu     *sync.Mutex
	failed map[string]bool // incidents by key
}

func newOutcomes() outcomes {
	return outcomes{mu: &sync.Mutex{}, failed: map[string]bool{}, count: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "grab_incident_outcomes_total",
		Help: "How incidents ended: sealed revisions by coverage complete, partial, lost; and those that failed."}, []string{"site", "coverage"})}
}

// Sites lets the counters of a configuration's sites begin at 0.
func (o outcomes) Sites(cfg *config.Config) {
	for i := range cfg.Sites {
		for _, c := range []string{string(evidence.Complete), string(evidence.Partial), string(evidence.Lost), outcomeFailed} {
			o.count.WithLabelValues(cfg.Sites[i].Name, c)
		}
	}
}

func (o outcomes) event(e runner.Event) {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch e.What {
	case runner.EventSealed:
		delete(o.failed, e.Key)
		o.count.WithLabelValues(e.Site, string(e.Coverage)).Inc()
	case runner.EventFailed:
		if !o.failed[e.Key] {
			o.count.WithLabelValues(e.Site, outcomeFailed).Inc()
		}
		o.failed[e.Key] = true
	}
}

// CountLoops counts mails of our own that came back.
func (m *Metrics) CountLoops(loops func() int) {
	m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "grab_own_mails_total",
		Help: "Mails of our own, or answers to one, that came back and triggered nothing; canaries that arrive do not count."},
		func() float64 { return float64(loops()) }))
}
