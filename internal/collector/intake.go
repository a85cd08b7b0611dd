package collector

import (
	"context"
	"log/slog"

	"rtmtgrab/internal/collector/health"
	"rtmtgrab/internal/incident/triage"
	"rtmtgrab/internal/wiring"
	"rtmtgrab/mailwatch"
)

// intake takes the mails of one mailbox into the journal: each with handle, and many
// of them are made safe by one sync.
type intake struct {
	journal *triage.Journal
	metrics *health.Metrics
	log     *slog.Logger
	onFresh func(mailwatch.Mail) // may be nil
	mailbox string               // its name
	judge   wiring.Sender
	taking  bool // since the last sync
	lost    int  // as the journal said before
}

func (i *intake) handle(ctx context.Context, m mailwatch.Mail) error {
	m.Alert.Mailbox = i.mailbox
	m.Alert = i.judge.Mail(ctx, m).Alert
	if !i.taking {
		i.taking, i.lost = true, i.journal.Lost()
	}
	fresh, err := i.journal.TakeMail(ctx, m.Alert, m.Raw, m.Truncated, m.Seen)
	i.metrics.Mail(m, fresh, err)
	if err != nil {
		return err
	}
	if fresh {
		a := m.Alert
		i.log.Info("alert", "id", a.ID[:12], "kind", a.Kind, "name", a.Name, "cluster", a.Cluster, "node", a.Node, "time", a.Time, "time_from", a.TimeFrom)
		if i.onFresh != nil {
			i.onFresh(m)
		}
	}
	return nil
}

func (i *intake) sync(context.Context) error {
	i.taking = false
	return i.journal.Commit(i.lost)
}
