package sight

import (
	"context"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/fleet"
	"rtmtgrab/internal/fleet/hub"
)

// Bounds of what is told to Prometheus: so many collectors and sites have lines of their own, the
// others share one. The hub is asked once in freshFor, however many look.
const (
	maxLabels    = 3000
	freshFor     = 10 * time.Second
	figuresSince = 24 * time.Hour
	others       = "other"
)

// causes are the words that a verdict's cause may have in a label, beside none and others.
var causes = []string{"late_keepalive", "tcp_dropped", "traversal_down", "path_changed", "cucm_failover", "auth", "refused", "reset_or_login", "unknown"}

func gauge(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("grab_fleet_"+name, help, labels, nil)
}

var (
	gaugeHub       = gauge("hub_up", "1 while the hub answers; all else is absent while it does not.")
	gaugeWorks     = gauge("works", "1 if every site works at a collector, none of these is silent, and each says that it works.")
	gaugeUp        = gauge("collector_up", "1 if the collector is heard; 0 if it is silent. One that has left is absent.", "collector")
	gaugeState     = gauge("collector_works", "1 if the collector says that an alert would work for all its sites.", "collector")
	gaugeAge       = gauge("collector_status_age_seconds", "Time since the collector's last word; absent if there is none.", "collector")
	gaugeProblems  = gauge("collector_problems", "Problems that the collector tells of.", "collector")
	gaugeOpen      = gauge("collector_incidents_open", "Incidents at the collector that are not sealed.", "collector")
	gaugeOutbox    = gauge("collector_outbox_waiting", "Messages at the collector that the hub has not acknowledged.", "collector")
	gaugeStarted   = gauge("collector_started_timestamp_seconds", "Start of the collector.", "collector", "version")
	gaugeSite      = gauge("site_collectors", "Collectors that reach the site.", "site")
	gaugeSiteReady = gauge("site_collectors_ready", "Of them, those at which an alert of the site would work now.", "site")
	gaugeVerdicts  = gauge("verdicts", "Incidents of the last 24 hours by site, cause and coverage, each in its newest revision.", "site", "cause", "coverage")
)

// Figures are the metrics of a fleet. The hub is asked when somebody looks.
type Figures struct {
	Hub func() (*hub.Hub, error)
	Log *slog.Logger // nil: none

	mu   sync.Mutex
	at   time.Time
	last figures
}

type figures struct {
	up   bool
	see  Overview
	list []fleet.Verdict
}

// Handler serves them.
func (f *Figures) Handler() http.Handler {
	r := prometheus.NewRegistry()
	r.MustRegister(f)
	return promhttp.HandlerFor(r, promhttp.HandlerOpts{MaxRequestsInFlight: 4})
}

// Describe tells nothing: what there is depends on the fleet.
func (f *Figures) Describe(chan<- *prometheus.Desc) {}

// Collect asks the hub, or says again what it answered a moment ago.
func (f *Figures) Collect(out chan<- prometheus.Metric) {
	now := f.get()
	put := func(d *prometheus.Desc, v float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	put(gaugeHub, truth(now.up))
	if !now.up {
		return
	}
	put(gaugeWorks, truth(now.see.Works))
	for _, c := range now.see.Collectors[:min(len(now.see.Collectors), maxLabels)] {
		c.tell(put)
	}
	for _, s := range now.see.Sites[:min(len(now.see.Sites), maxLabels)] {
		put(gaugeSite, float64(len(s.Collectors)), s.Site)
		put(gaugeSiteReady, float64(len(s.Working)), s.Site)
	}
	for labels, n := range counted(now.list) {
		put(gaugeVerdicts, float64(n), labels[:]...)
	}
}

func (c Collector) tell(put func(*prometheus.Desc, float64, ...string)) {
	if c.State == Left {
		return
	}
	put(gaugeUp, truth(c.State != Silent), c.Name)
	if c.Word == nil || c.State == Silent {
		return
	}
	put(gaugeState, truth(c.State != fleet.StateBlocked), c.Name)
	put(gaugeAge, c.AgeS, c.Name)
	put(gaugeProblems, float64(c.Word.Problems), c.Name)
	put(gaugeOpen, float64(c.Word.Open), c.Name)
	put(gaugeOutbox, float64(c.Word.Outbox), c.Name)
	if !c.Word.Started.IsZero() {
		put(gaugeStarted, float64(c.Word.Started.Unix()), c.Name, c.Word.Version)
	}
}

// counted are incidents by site, cause and coverage, in a bounded number of words.
func counted(list []fleet.Verdict) map[[3]string]int {
	n, sites := map[[3]string]int{}, map[string]bool{}
	for _, v := range list {
		labels := [3]string{v.Site, v.Cause, string(v.Coverage)}
		if !sites[v.Site] && len(sites) == maxLabels {
			labels[0] = others
		} else {
			sites[v.Site] = true
		}
		switch {
		case v.Cause == "":
			labels[1] = "none"
		case !slices.Contains(causes, v.Cause):
			labels[1] = others
		}
		if !slices.Contains([]evidence.Coverage{evidence.Complete, evidence.Partial, evidence.Lost}, v.Coverage) {
			labels[2] = others
		}
		n[labels]++
	}
	return n
}

func (f *Figures) get() figures {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.at.IsZero() && time.Since(f.at) < freshFor {
		return f.last
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*callFor)
	defer cancel()
	now, err := f.ask(ctx)
	if err != nil && f.Log != nil && (f.at.IsZero() || f.last.up) {
		f.Log.Warn("no metrics of the fleet: the hub does not answer", "err", err)
	}
	f.at, f.last = time.Now(), now
	return now
}

func (f *Figures) ask(ctx context.Context) (figures, error) {
	h, err := f.Hub()
	if err != nil {
		return figures{}, err
	}
	see, err := See(ctx, h.Stream)
	if err != nil {
		return figures{}, err
	}
	list, err := List(ctx, h.Stream, Query{Since: time.Now().Add(-figuresSince)})
	return figures{up: err == nil, see: see, list: list.List}, err
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
