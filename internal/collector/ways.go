package collector

import (
	"rtmtgrab/internal/collector/health/status"
	"rtmtgrab/internal/collector/incoming"
	"rtmtgrab/internal/collector/webhook"
	"rtmtgrab/internal/config"
	"rtmtgrab/internal/wiring"
)

// ways are those in which alerts come that are no mails.
type ways struct {
	hook *webhook.Handler
	door *webhook.Door
}

func newWays(w *Collector) ways {
	in := &incoming.Intake{Journal: w.journal, Log: w.log, Count: w.metrics.Alert}
	hook := &webhook.Handler{Take: in.Take, Decide: in.Decide, Log: w.log, Config: func() *config.Config { return w.cfg.Load() }}
	return ways{hook: hook, door: &webhook.Door{Handler: hook, Log: w.log}}
}

// report says what comes by them.
func (y ways) report(r *status.Report, cfg *config.Config) {
	y.hook.Report(r, cfg.Alerts.Webhook)
}

// listens reports whether alerts can come at all, and how it is said if they cannot.
func listens(cfg *config.Config) error {
	if len(cfg.Mails) == 0 && cfg.Alerts.Webhook == nil {
		return wiring.ErrNoMail
	}
	return nil
}
