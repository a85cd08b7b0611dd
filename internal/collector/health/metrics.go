package health

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"rtmtgrab/internal/collector/health/status"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/incident/manifest"
	"rtmtgrab/internal/incident/runner"
	"rtmtgrab/mailwatch"
)

// Metrics are what Prometheus is told, in a registry of its own. Counters begin with
// the process.
type Metrics struct {
	registry  *prometheus.Registry
	mails     *prometheus.CounterVec   // by outcome
	delay     prometheus.Histogram     // from the mailbox to us
	incidents *prometheus.CounterVec   // by what happened
	sealed    *prometheus.CounterVec   // by coverage
	took      *prometheus.HistogramVec // by step
	copied    *prometheus.CounterVec   // bytes by host
	alerts    *prometheus.CounterVec
	Outcomes  outcomes
}

// NewMetrics makes them; report is asked at every look.
func NewMetrics(report func() status.Report) *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		mails: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "grab_mails_total",
			Help: "Matching mails read, by outcome: alert, seen_before, not_kept."}, []string{"outcome"}),
		delay: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "grab_mail_delay_seconds",
			Help: "From a mail's arrival in the mailbox until it was read.", Buckets: []float64{0.5, 1, 2, 5, 10, 30, 60, 120, 300, 900, 3600}}),
		incidents: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "grab_incidents_total",
			Help: "Incidents by what happened to them: started, sealed, failed (which is tried again)."}, []string{"what"}),
		sealed: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "grab_bundles_total",
			Help: "Sealed bundles by coverage: complete, partial, lost."}, []string{"coverage"}),
		took: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "grab_incident_seconds",
			Help:    "From the reading of an incident's mail until every reachable host's files were held, copied for the first time, and the bundle was sealed.",
			Buckets: []float64{0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800}}, []string{"step"}),
		copied: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "grab_copied_bytes_total",
			Help: "Bytes of logs in sealed bundles, by host."}, []string{"host"}),
		alerts: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "grab_alerts_total",
			Help: "Alerts that were no mails, by source (poll, webhook, fleet) and outcome: alert, seen_before, not_kept."}, []string{"source", "outcome"}),
		Outcomes: newOutcomes(),
	}
	m.registry.MustRegister(m.mails, m.delay, m.incidents, m.sealed, m.took, m.copied, m.alerts, m.Outcomes.count, reported(report),
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	for _, o := range []string{"alert", "seen_before", "not_kept"} {
		m.mails.WithLabelValues(o)
		m.alerts.WithLabelValues(evidence.SourcePoll, o)
		m.alerts.WithLabelValues(evidence.SourceWebhook, o)
	}
	for _, o := range []string{"started", "sealed", "failed"} {
		m.incidents.WithLabelValues(o)
	}
	for _, c := range []evidence.Coverage{evidence.Complete, evidence.Partial, evidence.Lost} {
		m.sealed.WithLabelValues(string(c))
	}
	return m
}

// Mail counts one.
func (m *Metrics) Mail(mail mailwatch.Mail, fresh bool, err error) {
	switch {
	case err != nil:
		m.mails.WithLabelValues("not_kept").Inc()
	case fresh:
		m.mails.WithLabelValues("alert").Inc()
		if !mail.Internal.IsZero() {
			m.delay.Observe(max(mail.Seen.Sub(mail.Internal).Seconds(), 0))
		}
	default:
		m.mails.WithLabelValues("seen_before").Inc()
	}
}

// Alert counts one that was no mail.
func (m *Metrics) Alert(source string, fresh bool, err error) {
	outcome := "seen_before"
	switch {
	case err != nil:
		outcome = "not_kept"
	case fresh:
		outcome = "alert"
	}
	m.alerts.WithLabelValues(source, outcome).Inc()
}

// Event counts the steps of incidents.
func (m *Metrics) Event(e runner.Event, store *incident.Store) {
	m.Outcomes.event(e)
	switch e.What {
	case runner.EventStarted:
		m.incidents.WithLabelValues("started").Inc()
	case runner.EventFailed:
		m.incidents.WithLabelValues("failed").Inc()
	case runner.EventSealed:
		m.incidents.WithLabelValues("sealed").Inc()
		m.sealed.WithLabelValues(string(e.Coverage)).Inc()
		if in, err := store.Load(e.Key); err == nil {
			if doc, err := manifest.Of(store, in); err == nil {
				m.bundle(doc)
			}
		}
	}
}

// bundle counts what is in one. A later revision holds what the first held.
func (m *Metrics) bundle(doc evidence.Manifest) {
	if doc.Revision > 1 {
		return
	}
	for _, h := range doc.Hosts {
		for _, f := range h.Files {
			m.copied.WithLabelValues(h.Host).Add(float64(f.Bytes))
		}
	}
	t := doc.Timing
	from := t.Seen
	if from.IsZero() {
		from = t.Claimed
	}
	if !t.Held.IsZero() {
		m.took.WithLabelValues("held").Observe(max(t.Held.Sub(from).Seconds(), 0))
	}
	if !t.Copied.IsZero() {
		m.took.WithLabelValues("copied").Observe(max(t.Copied.Sub(from).Seconds(), 0))
	}
	m.took.WithLabelValues("sealed").Observe(max(t.Sealed.Sub(from).Seconds(), 0))
}
