// Package incoming takes alerts that are no mails into the journal: what a poll of CUCM has
// found, what a program has posted, and whatever comes by another way of that kind.
//
// It guarantees that after Take returned nil each alert is safe on disk, once, however
// often it comes; that the road from there is that of mails; and that they are judged
// soon, by a later Decide at the latest. It does not know how alerts are found out, nor who
// may send them.
package incoming

import (
	"context"
	"log/slog"
	"time"

	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/incident/triage"
)

// An Alert is one that came, with what came of it byte for byte.
type Alert struct {
	evidence.Alert
	Raw []byte
	Cut bool // Raw is not all of it
}

// An Intake is safe for concurrent use.
type Intake struct {
	Journal *triage.Journal
	Log     *slog.Logger
	Count   func(source string, fresh bool, err error) // each alert; may be nil
}

// Take makes alerts safe on disk: all, or after an error as good as none, and they are to be
// taken again, which is harmless. fresh says of each whether it was not seen before. What
// they start is left to Decide.
func (i *Intake) Take(ctx context.Context, list ...Alert) (fresh []bool, err error) {
	fresh = make([]bool, len(list))
	lost, seen := i.Journal.Lost(), time.Now()
	for k, a := range list {
		if a.Relay == nil { // else another collector says who sent it
			a.Sender = "by " + a.Source // of alerts.limit it has a share, as one who sends mails has; no address is like that
		}
		if fresh[k], err = i.Journal.Take(ctx, a.Alert, a.Raw, a.Cut, seen); err != nil {
			break
		}
	}
	if err == nil {
		err = i.Journal.Commit(lost)
	}
	for k, a := range list {
		i.note(a.Alert, fresh[k] && err == nil, err)
	}
	return fresh, err
}

func (i *Intake) note(a evidence.Alert, fresh bool, err error) {
	if i.Count != nil {
		i.Count(sourceOf(a), fresh, err)
	}
	if fresh {
		i.Log.Info("alert", "id", a.ID[:12], "by", a.Way(), "kind", a.Kind, "name", a.Name, "cluster", a.Cluster, "node", a.Node, "time", a.Time, "time_from", a.TimeFrom)
	}
}

// byFleet is the source, as it is counted, of what another collector has seen.
const byFleet = "fleet"

func sourceOf(a evidence.Alert) string {
	if a.Relay != nil {
		return byFleet
	}
	return a.Source
}

// Decide has what was taken judged.
func (i *Intake) Decide() {
	if _, err := i.Journal.Decide(time.Now()); err != nil {
		i.Log.Error("cannot decide on alerts yet; retrying", "err", err) // the runner does
	}
}
