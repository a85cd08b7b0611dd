package collector

import (
	"cmp"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"rtmtgrab/internal/advice"
	"rtmtgrab/internal/collector/control"
	"rtmtgrab/internal/collector/health/status"
	"rtmtgrab/internal/config"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/version"
)

// Status says how the watcher is.
func (w *Collector) Status() status.Report {
	cfg := w.cfg.Load()
	r := status.Report{Now: time.Now().UTC(), Started: w.health.Started, Version: version.Version, Config: cfg.Path, Store: cfg.Store}
	w.reportMailboxes(&r, cfg)
	w.reportClusters(&r, cfg)
	w.health.Hosts.Report(&r, cfg)
	w.reportIncidents(&r)
	w.health.Disk.Report(&r, cfg)
	w.OwnMails.Report(&r)
	w.Notifier.Report(&r)
	w.reportPauses(&r)
	w.reportQuarantine(&r)
	w.health.Since.Fill(&r)
	r.Finish()
	return r
}

func (w *Collector) serveStatus(rw http.ResponseWriter, _ *http.Request) {
	control.Answer(rw, w.Status())
}

func (w *Collector) reportMailboxes(r *status.Report, cfg *config.Config) {
	for _, b := range w.boxes.all() {
		i := slices.IndexFunc(cfg.Mails, func(m config.Mail) bool { return m.Name == b.Mail })
		if i < 0 { // a reload has taken it away
			continue
		}
		m, hint := mailboxStatus(&cfg.Mails[i], b)
		r.Mailboxes = append(r.Mailboxes, m)
		r.JudgeMailbox(m, hint)
	}
}

// mailboxStatus is a mailbox in the words of the report, and the next move if it is down.
func mailboxStatus(mail *config.Mail, b boxState) (m status.Mailbox, hint string) {
	s := b.State
	m = status.Mailbox{Name: b.Name, Server: b.Server, Connected: s.Connected, Idle: s.Idle, Since: s.Since.UTC(), Answer: s.Answer.UTC(), Turned: s.Now.UTC(),
		UIDValidity: s.Cursor.UIDValidity, UID: s.Cursor.UID, Newest: s.Cursor.LastInternal.UTC(), Retry: s.Retry.UTC(),
		TokenTill: b.TokenTill.UTC(), Attempts: s.Attempts, Broken: b.Never}
	if s.Err != nil {
		m.Error, hint = evidence.Printable(s.Err.Error(), 600), advice.ForMail(mail, s.Err)
	}
	return m, hint
}

func (w *Collector) reportClusters(r *status.Report, cfg *config.Config) {
	heard := w.journal.Clusters()
	if heard == nil {
		heard = map[string]time.Time{}
	}
	// What stands in a subject where a cluster's name belongs may be anything: no
	// label, and no business of who asks for metrics.
	maps.DeleteFunc(heard, func(name string, _ time.Time) bool {
		return evidence.CheckName(name) != nil && !slices.ContainsFunc(cfg.Sites, func(s config.Site) bool {
			return slices.ContainsFunc(s.Clusters, func(c string) bool { return strings.EqualFold(c, name) })
		})
	})
	for _, s := range cfg.Sites { // one of which nothing came is what is to be seen
		for _, c := range s.Clusters {
			if !slices.ContainsFunc(slices.Collect(maps.Keys(heard)), func(h string) bool { return strings.EqualFold(h, c) }) {
				heard[c] = time.Time{}
			}
		}
	}
	for name, at := range heard {
		r.Clusters = append(r.Clusters, status.Cluster{Name: name, Mail: at})
	}
	slices.SortFunc(r.Clusters, func(a, b status.Cluster) int { return cmp.Compare(a.Name, b.Name) })
}

func (w *Collector) reportIncidents(r *status.Report) {
	r.Incidents = OpenIncidents(w.journal.Open())
	r.JudgeIncidents()
}

func OpenIncidents(list []incident.OpenIncident) (out []status.Incident) {
	for _, in := range list {
		out = append(out, status.Incident{Incident: in.ID, Site: in.Site, State: string(in.State), Since: in.Created, Coverage: string(in.SoFar),
			Error: evidence.Printable(in.Error, 600)})
	}
	return out
}

// Problems are those of this moment.
func (w *Collector) Problems() []status.Problem { return w.Status().Problems }
