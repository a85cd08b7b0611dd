package collector

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"rtmtgrab/bundle/seal"
	"rtmtgrab/internal/advice"
	"rtmtgrab/internal/collector/health"
	"rtmtgrab/internal/collector/health/status"
	"rtmtgrab/internal/config"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/human"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/incident/runner"
	"rtmtgrab/internal/incident/triage"
	"rtmtgrab/internal/redact"
	"rtmtgrab/internal/version"
	"rtmtgrab/internal/wiring"
)

// Status says how the watcher is.
func (w *Collector) Status() status.Report {
	cfg := w.cfg.Load()
	r := status.Report{Now: time.Now().UTC(), Started: w.health.Started, Version: version.Version, Config: cfg.Path, Store: cfg.Store, TimeZone: commonZone(cfg)}
	for i := range cfg.Sites {
		r.Sites = append(r.Sites, status.Site{Site: cfg.Sites[i].Name, Zone: cfg.Sites[i].Zone()})
	}
	w.Mailboxes.report(&r, cfg)
	if len(cfg.Mails) > 0 {
		r.Senders, _ = wiring.WhoMayTrigger(cfg)
	}
	reportClusters(&r, cfg, w.journal.Clusters())
	reportPauses(&r, w.Store, cfg) // first: a host that is paused is not looked at
	w.health.Hosts.Report(&r, cfg)
	r.Incidents = OpenIncidents(w.journal.Open())
	r.JudgeIncidents(cfg.Patience)
	health.ReportQueue(&r, w.queue)
	w.health.Store.Report(&r)
	w.health.Disk.Report(&r, cfg, w.Runner.Reserve)
	reportKept(&r, w.Runner.Kept())
	reportKey(&r, w.Store)
	w.OwnMails.Report(&r)
	beatSites(&r, cfg)
	w.Notifier.Report(&r)
	reportHandover(&r, w.deliveries, cfg)
	health.ReportPRT(&r, w.prts.State())
	health.ReportLate(&r, w.Store, wiring.Policy(cfg).Late)
	health.ReportResets(&r, w.Store)
	w.drills.Runner.Report(&r, cfg, w.drills.Next(cfg, r.Now))
	health.ReportCUCM(&r, cfg, w.clusters)
	health.ReportDiagnostics(&r, cfg, w.Store, w.appliances)
	w.ways.report(&r, cfg)
	reportFleet(&r, w, cfg)
	reportQuarantine(&r, w.journal)
	reportUnrouted(&r, cfg, w.journal.Unrouted())
	reportExpired(&r, cfg, w.journal.Expired())
	status.JudgeUnheard(&r, wiring.Unheard(cfg))
	w.cfg.refused.report(&r, cfg.Path)
	w.fleet.Fellow.Report(&r)
	w.health.Since.Fill(&r)
	r.Finish()
	return r
}

// reportKept says what the bundles take, and what of them may not be removed.
func reportKept(r *status.Report, k runner.Kept) {
	if !k.Looked {
		return
	}
	r.Disk.Bundles = &status.Bundles{Bytes: k.Bytes, SizeBytes: k.Size, OverBytes: k.Over, Pinned: k.Pinned.Incidents, PinnedBytes: k.Pinned.Bytes,
		Undelivered: k.Undelivered.Incidents, UndeliveredBytes: k.Undelivered.Bytes}
	status.JudgeKept(r)
}

// reportKey says that bundles are not signed.
func reportKey(r *status.Report, store *incident.Store) {
	if _, err := (seal.Ring{Dir: store.Dir}).Load(); err != nil {
		r.Add(status.Problem{Key: "signing_key", What: "bundles are not signed: " + redact.Foreign(err.Error(), 300),
			Hint: "put the key back from where it is kept, or make a new one: `grab key rotate`, and give `grab key show` to those who verify"})
	}
}

// reportClusters says when each cluster was heard of last.
func reportClusters(r *status.Report, cfg *config.Config, heard map[string]time.Time) {
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

// reportUnrouted says which alerts no site claims, and what name was probably meant.
func reportUnrouted(r *status.Report, cfg *config.Config, list []triage.Unrouted) {
	var clusters, nodes []string
	for _, s := range cfg.Sites {
		clusters, nodes = append(clusters, s.Clusters...), append(nodes, s.Nodes...)
	}
	for _, u := range list {
		of := status.Unrouted{Cluster: u.Last.Cluster, Further: u.Further, Alerts: u.Alerts, Since: u.Since, Last: u.Till}
		if of.Cluster != "" {
			of.Meant = human.Nearest(of.Cluster, clusters...)
		} else {
			of.Node = u.Last.Node
			of.Meant = human.Nearest(of.Node, nodes...)
		}
		r.Unrouted = append(r.Unrouted, of)
	}
	r.JudgeUnrouted(onlyZone(cfg))
}

// reportExpired says that alerts were too old when they were read.
func reportExpired(r *status.Report, cfg *config.Config, list []triage.Unrouted) {
	var e status.Expired
	for _, u := range list {
		if e.Alerts += u.Alerts; e.Since.IsZero() || u.Since.Before(e.Since) {
			e.Since = u.Since
		}
		if !u.Till.Before(e.Last) {
			e.Last, e.Age = u.Till, u.Till.Sub(u.Last.Time)
		}
	}
	status.JudgeExpired(r, e, onlyZone(cfg))
}

// onlyZone is the zone of the site where there is one only, else UTC.
func onlyZone(cfg *config.Config) *time.Location {
	if len(cfg.Sites) == 1 {
		return cfg.Sites[0].Zone()
	}
	return time.UTC
}

// beatSites says which sites a heartbeat that is missing concerns: those that its cluster's
// alerts go to.
func beatSites(r *status.Report, cfg *config.Config) {
	if len(cfg.Beats) == 0 {
		return
	}
	sites, rules := wiring.Sites(cfg), wiring.Policy(cfg).Rules
	for _, b := range cfg.Beats {
		i := slices.IndexFunc(r.Problems, func(p status.Problem) bool { return p.Key == "heartbeat/"+b.Name })
		if i >= 0 && b.Cluster != "" {
			r.Problems[i].Sites, _ = incident.RouteAlert(sites, rules, evidence.Alert{Cluster: b.Cluster})
		}
	}
}

// OpenIncidents are those of a list as the report shows them.
func OpenIncidents(list []incident.OpenIncident) (out []status.Incident) {
	for _, in := range list {
		out = append(out, status.Incident{Incident: in.ID, Site: in.Site, State: string(in.State), Since: in.Created, Coverage: string(in.SoFar),
			Error: redact.Foreign(in.Error, 600), Until: in.Asked.Until, Waiting: in.Waiting, Standing: evidence.Printable(in.Fleet.Stands(), 200), Sealed: in.Fleet.Delivery})
	}
	return out
}

// Problems are those of this moment.
func (w *Collector) Problems() []status.Problem { return w.Status().Problems }

// commonZone is the zone that all sites have; "" if they have several.
func commonZone(cfg *config.Config) string {
	zone := ""
	for i := range cfg.Sites {
		switch name := cfg.Sites[i].Zone().String(); zone {
		case "", name:
			zone = name
		default:
			return ""
		}
	}
	return zone
}

// event logs the steps of incidents.
func (w *Collector) event(e runner.Event) {
	w.Notifier.Event(e)
	w.followers.event(e)
	if e.What == runner.EventSealed {
		w.deliveries.Sealed()
		w.fleet.Fellow.Sealed()
	}
	w.metrics.Event(e, w.Store)
	switch e.What {
	case runner.EventStarted, runner.EventGrown:
		w.log.Info(e.What, "incident", e.Incident, "since", e.Window.Since, "until", e.Window.Until)
	case runner.EventHeld:
		w.log.Info("files open", "incident", e.Incident, "host", e.Host)
	case runner.EventFirstPass:
		w.log.Info("first copy done", "incident", e.Incident, "coverage", e.Coverage)
	case runner.EventLooked:
		w.health.Hosts.Row(e.Result, time.Now())
	case runner.EventPass:
		if e.Result != nil {
			w.shallow.row(e.Result, w.cfg.window())
			w.health.Hosts.Row(e.Result, time.Now())
		}
		if hint := advice.For(e.Err); hint != "" && !e.Again { // the runner has logged the error
			w.log.Warn("what to do about the host", "incident", e.Incident, "host", e.Host, "hint", hint)
		}
	}
}
