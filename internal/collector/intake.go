package collector

import (
	"context"

	"rtmtgrab/internal/wiring"
	"rtmtgrab/mailwatch"
)

// intake takes the mails of one mailbox into the journal: each with handle, and many
// of them are made safe by one sync.
type intake struct {
	w       *Collector
	mailbox string // its name
	judge   wiring.Sender
	taking  bool // since the last sync
	lost    int  // as the journal said before
}

func (i *intake) handle(ctx context.Context, m mailwatch.Mail) error {
	m.Alert.Mailbox = i.mailbox
	m.Alert = i.judge.Mail(ctx, m).Alert
	if !i.taking {
		i.taking, i.lost = true, i.w.journal.Lost()
	}
	fresh, err := i.w.journal.TakeMail(ctx, m.Alert, m.Raw, m.Truncated, m.Seen)
	i.w.metrics.Mail(m, fresh, err)
	if err != nil {
		return err
	}
	if fresh {
		a := m.Alert
		i.w.log.Info("alert", "id", a.ID[:12], "kind", a.Kind, "name", a.Name, "cluster", a.Cluster, "node", a.Node, "time", a.Time, "time_from", a.TimeFrom)
		if i.w.OnMail != nil {
			i.w.OnMail(m)
		}
	}
	return nil
}

func (i *intake) sync(context.Context) error {
	i.taking = false
	return i.w.journal.Commit(i.lost)
}
