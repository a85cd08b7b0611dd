package health

import (
	"errors"

	"rtmtgrab/internal/advice"
	"rtmtgrab/internal/collector/health/status"
	"rtmtgrab/internal/config"
	"rtmtgrab/internal/diagnostics"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/ledger"
	"rtmtgrab/internal/redact"
	"rtmtgrab/internal/wiring"
)

// ReportDiagnostics says which hosts write a diagnostic log for grab, and what was left running.
func ReportDiagnostics(r *status.Report, cfg *config.Config, store *incident.Store, a *wiring.Appliances) {
	for _, n := range diagnostics.Notes(store) {
		for name, h := range n.Hosts {
			if h.LeftOn && r.Now.Sub(h.Started) < diagnostics.LeftFor || h.Running() {
				r.Diagnostics = append(r.Diagnostics, status.Diagnostic{Host: name, Incident: n.Incident, Started: h.Started, LeftOn: h.LeftOn, Error: h.Why, Sites: []string{n.Site}})
			}
		}
	}
	told := map[string]bool{}
	for i := range cfg.Sites {
		for j := range cfg.Sites[i].Hosts {
			h := &cfg.Sites[i].Hosts[j]
			if !h.Diagnostics.Enabled || told[h.Name] {
				continue
			}
			told[h.Name] = true
			if api := a.Of(cfg, h); api != nil {
				reportBlocked(r, cfg, h, api.Blocked())
			}
		}
	}
	status.JudgeDiagnostics(r)
}

func reportBlocked(r *status.Report, cfg *config.Config, h *config.Host, err error) {
	if err == nil {
		return
	}
	d := status.Diagnostic{Host: h.Name, Blocked: true, Error: redact.Foreign(err.Error(), 400), Hint: advice.For(err)}
	for _, site := range cfg.SitesOf(h.Name) {
		d.Sites = append(d.Sites, site.Name)
	}
	if b, ok := errors.AsType[*ledger.BlockedError](err); ok {
		d.Started = b.Row.At
	}
	r.Diagnostics = append(r.Diagnostics, d)
}
