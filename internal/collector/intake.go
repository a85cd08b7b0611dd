package collector

import (
	"context"
	"log/slog"
	"time"

	"rtmtgrab/internal/collector/health"
	"rtmtgrab/internal/collector/rehearsal"
	"rtmtgrab/internal/drill"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/incident"
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
	draft   func(a evidence.Alert, truncated bool, seen time.Time) incident.AlertRecord // what an alert would come to
	drills  *rehearsal.Mails
	taking  bool                // since the last sync
	lost    int                 // as the journal said before
	drilled []rehearsal.Drilled // since the last sync
}

func (i *intake) handle(ctx context.Context, m mailwatch.Mail) error {
	m.Alert.Mailbox = i.mailbox
	m.Alert = i.judge.Mail(ctx, m).Alert
	if !i.taking {
		i.taking, i.lost, i.drilled = true, i.journal.Lost(), nil
	}
	site, mark := i.drills.Claim(m)
	m.Alert.Drill = site
	fresh, err := i.journal.Take(ctx, m.Alert, m.Raw, m.Truncated, m.Seen)
	if err == nil && site != "" {
		i.takeDrill(m, mark, fresh)
		return nil
	}
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

// takeDrill notes the mail of a drill, of which its drill is told when it is safe.
func (i *intake) takeDrill(m mailwatch.Mail, mark string, fresh bool) {
	if !fresh {
		return // a copy of one that was taken
	}
	as := m.Alert
	as.Drill = "" // as the alert that it rehearses
	step := rehearsal.Recognised(i.draft(as, m.Truncated, m.Seen), m.Alert.Drill)
	i.drilled = append(i.drilled, rehearsal.Drilled{Mark: mark, Sighting: rehearsal.Sighting{Step: step, Alert: m.Alert}})
}

func (i *intake) sync(context.Context) error {
	i.taking = false
	drilled := i.drilled
	i.drilled = nil
	if err := i.journal.Commit(i.lost); err != nil {
		return err
	}
	for _, d := range drilled {
		if i.drills.Sighted(d.Mark, d.Sighting) {
			continue
		}
		i.log.Warn("the mail of a drill came when nobody waited for it any more: nothing is grabbed", "site", d.Alert.Drill, "issued_within", drill.Life)
		if err := triage.DropDrillMail(i.journal, d.Alert.ID); err != nil {
			i.log.Warn("cannot remove the copy of a drill's mail", "err", err)
		}
	}
	return nil
}
