package collector

import (
	"fmt"

	"rtmtgrab/internal/collector/health/status"
	"rtmtgrab/internal/collector/incoming"
	"rtmtgrab/internal/collector/poll"
	"rtmtgrab/internal/collector/webhook"
	"rtmtgrab/internal/config"
	"rtmtgrab/internal/fleet/alerts"
	"rtmtgrab/internal/fleet/share"
	"rtmtgrab/internal/wiring"
)

// ways are those in which alerts come that are no mails.
type ways struct {
	hook *webhook.Handler
	door *webhook.Door

	polls *poll.Poller

	others *alerts.Exchange // with other collectors
	keys   share.Keyring    // by which they lend to each other
}

func newWays(w *Collector) (ways, error) {
	in := &incoming.Intake{Journal: w.journal, Log: w.log, Count: w.metrics.Alert}
	hook := &webhook.Handler{Take: in.Take, Decide: in.Decide, Log: w.log, Config: func() *config.Config { return w.cfg.Load() }}
	polls := &poll.Poller{Store: w.Store.Dir, Config: func() *config.Config { return w.cfg.Load() }, Take: in.Take, Decide: in.Decide, Log: w.log,
		Reach: w.reach, Sites: wiring.SitesPolled}
	keys := share.KeysIn(w.Store)
	others, err := alerts.Open(w.Store, fleetPlace(&w.cfg, keys, w.log), w.journal, in, w.log)
	return ways{hook, &webhook.Door{Handler: hook, Log: w.log}, polls, others, keys}, err
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
	if len(wiring.Ways(cfg)) == 0 {
		return fmt.Errorf("%w, nor another way for alerts to come (alerts.webhook, cucm: poll, fleet)", wiring.ErrNoMail)
	}
	return nil
}
