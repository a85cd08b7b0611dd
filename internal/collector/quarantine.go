package collector

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"rtmtgrab/internal/collector/health/status"
	"rtmtgrab/internal/config"
	"rtmtgrab/internal/human"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/incident/triage"
	"rtmtgrab/internal/wiring"
)

// How often the watcher looks after its quarantine.
const (
	ReleaseEvery = 2 * time.Second  // for what is released by hand
	unsureEvery  = 30 * time.Second // at alerts whose sender could not be verified for the time being
)

// quarantine looks after the alerts that are in quarantine.
type quarantine struct {
	cfg     func() *config.Config // in force
	store   *incident.Store
	journal *triage.Journal
	keys    *wiring.KeyCache // of DKIM
	log     *slog.Logger
}

// run does what `grab quarantine` asks for, and judges alerts again
// whose sender could not be verified because the DNS did not answer, or that were read while the
// clock was ahead: their minutes rotate away meanwhile, so it is done soon.
func (q *quarantine) run(ctx context.Context) {
	var wg sync.WaitGroup
	wg.Go(func() { q.guard(ctx, ReleaseEvery, (&triage.RequestQueue{Journal: q.journal}).Answer) })
	wg.Go(func() {
		q.guard(ctx, unsureEvery, func(ctx context.Context) bool { return q.judgeAgain(ctx, time.Now()) })
	})
	wg.Go(func() { q.guard(ctx, unsureEvery, q.unexpire) })
	wg.Wait()
}

// unexpire judges alerts again that were too old by a clock that was ahead, and reports whether one
// may trigger.
func (q *quarantine) unexpire(context.Context) bool {
	changed, err := q.journal.Unexpire()
	if err != nil {
		q.log.Error("cannot judge alerts again that were read while the clock was ahead; retrying", "err", err)
	}
	return changed
}

// guard looks every so often until ctx ends; look reports whether there is something
// to decide.
func (q *quarantine) guard(ctx context.Context, every time.Duration, look func(context.Context) bool) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if look(ctx) {
			if _, err := q.journal.Decide(time.Now()); err != nil {
				q.log.Error("cannot decide on alerts yet; retrying", "err", err)
			}
		}
	}
}

// judgeAgain judges the alerts whose judgement is for the time being and whose turn
// has come by now, and reports whether one may trigger. It ends at the first that
// still cannot be judged, so that a dead DNS is asked for one mail at a time; once
// it answers, all that wait have their turn.
func (q *quarantine) judgeAgain(ctx context.Context, now time.Time) (changed bool) {
	rule := wiring.NewSender(q.cfg(), q.keys.LookupTXT).Rule
	answered := false
	for ids := q.journal.Unsure(now); len(ids) > 0; {
		id := ids[0]
		ids = ids[1:]
		raw, err := q.store.Mail(id)
		rec, errRec := q.store.Alert(id)
		if err != nil || errRec != nil { // there were too many
			q.journal.StillUnsure(id, now)
			continue
		}
		v := rule.Judge(ctx, raw, rec.Alert.Truncated)
		if ctx.Err() != nil {
			return changed
		}
		if v.Temporary {
			q.journal.StillUnsure(id, now)
			return changed
		}
		_, err = q.journal.Rejudge(id, v.Auth)
		switch {
		case errors.Is(err, triage.ErrNotQuarantined): // released meanwhile
		case err != nil:
			q.log.Error("cannot check an alert in quarantine again", "alert", id[:12], "err", err)
		default:
			q.log.Info("alert in quarantine was checked again", "alert", id[:12], "ok", v.OK, "why", v.Why)
			changed = changed || v.OK
		}
		if !answered {
			answered, ids = true, q.journal.Unsure(now.Add(triage.UnsureMost))
		}
	}
	return changed
}

// reportQuarantine says what was not grabbed because of who sent it, or because
// there was too much of it.
func reportQuarantine(r *status.Report, journal *triage.Journal) {
	all, recent, first := journal.QuarantineCounts(time.Now().Add(-24 * time.Hour))
	r.Held = all
	if recent > 0 {
		r.Add(status.Problem{Key: "quarantine", Since: first, What: human.Plural(recent, "alert") + " of the last 24 hours in quarantine: nothing was grabbed for them",
			Hint: "`grab quarantine` lists them and says why; release those that are genuine"})
	}
	if s := journal.Skimped(); s.Mails > 0 {
		r.Add(status.Problem{Key: "mails", Since: s.Since, What: "the budget for mails is reached: of " + human.Plural(s.Mails, "mail") + " only the header is kept",
			Hint: "alerts are grabbed all the same; see who sends so much (`grab list --alerts`)"})
	}
	for _, l := range journal.Limits() {
		r.Add(status.Problem{Key: "limit/" + l.Site, Since: l.Since, Blocks: true,
			What: fmt.Sprintf("site %s: alerts.limit is reached, nothing was grabbed for %s", l.Site, human.Plural(l.Alerts, "alert")),
			Hint: "find out who sends them (`grab quarantine`, alerts.authenticity); `grab now --site " + l.Site + "` is not limited"})
	}
}
