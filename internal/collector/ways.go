package collector

import (
	"fmt"
	"slices"

	"rtmtgrab/internal/collector/health/status"
	"rtmtgrab/internal/collector/incoming"
	"rtmtgrab/internal/collector/poll"
	"rtmtgrab/internal/collector/webhook"
	"rtmtgrab/internal/config"
	"rtmtgrab/internal/wiring"
)

// ways are those in which alerts come that are no mails.
type ways struct {
	hook *webhook.Handler
	door *webhook.Door

	polls *poll.Poller
}

func newWays(w *Collector) ways {
	in := &incoming.Intake{Journal: w.journal, Log: w.log, Count: w.metrics.Alert}
	hook := &webhook.Handler{Take: in.Take, Decide: in.Decide, Log: w.log, Config: func() *config.Config { return w.cfg.Load() }}
	polls := &poll.Poller{Store: w.Store.Dir, Config: func() *config.Config { return w.cfg.Load() }, Take: in.Take, Decide: in.Decide, Log: w.log,
		Reach: w.reach}
	return ways{hook, &webhook.Door{Handler: hook, Log: w.log}, polls}
}

// reach is the cluster that incidents ask too, so that all that ask it have one budget and stop
// together at a refused login.
func (w *Collector) reach(u *config.CUCM) (poll.Cluster, error) {
	made, err := w.clusters.Of(w.cfg.Load(), u)
	if err != nil {
		return nil, err
	}
	return made, nil
}

// close ends them.
func (y ways) close() {
	y.door.Close()
	y.polls.Close()
}

// report says what comes by them.
func (y ways) report(r *status.Report, cfg *config.Config) {
	y.hook.Report(r, cfg.Alerts.Webhook)
	y.polls.Report(r, cfg)
}

// listens reports whether alerts can come at all, and how it is said if they cannot.
func listens(cfg *config.Config) error {
	polled := slices.ContainsFunc(cfg.CUCM, func(u config.CUCM) bool { return u.Poll.Enabled })
	if len(cfg.Mails) == 0 && cfg.Alerts.Webhook == nil && !polled {
		return fmt.Errorf("%w, nor another way for alerts to come (alerts.webhook, cucm: poll)", wiring.ErrNoMail)
	}
	return nil
}
