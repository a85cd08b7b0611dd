package main

import (
	"context"
	"fmt"
	"time"

	"rtmtgrab/internal/status"
)

// How often the watcher looks after its quarantine.
const (
	releaseEvery = 2 * time.Second  // for what is released by hand
	unsureEvery  = 30 * time.Second // at alerts whose sender could not be verified for the time being
	unsureFor    = 15 * time.Minute // since they were read
)

// guardQuarantine does what `grab quarantine` asks for, and judges alerts again
// whose sender could not be verified because the DNS did not answer: their minutes
// rotate away meanwhile, so it is done at once when it answers.
func (w *watching) guardQuarantine(ctx context.Context) {
	release, unsure := time.NewTicker(releaseEvery), time.NewTicker(unsureEvery)
	defer release.Stop()
	defer unsure.Stop()
	for {
		changed := false
		select {
		case <-ctx.Done():
			return
		case <-release.C:
			changed = w.journal.Answer(ctx)
		case <-unsure.C:
			changed = w.judgeAgain(ctx)
		}
		if changed {
			if _, err := w.journal.Decide(time.Now()); err != nil {
				w.log.Error("alerts cannot be decided yet", "err", err)
			}
		}
	}
}

// judgeAgain judges the alerts whose judgement is for the time being, and reports
// whether one may trigger now.
func (w *watching) judgeAgain(ctx context.Context) (changed bool) {
	rule := newJudge(w.cfg.Load(), w.keys.txt).rule
	for _, id := range w.journal.Unsure(unsureFor) {
		raw, err := w.store.Mail(id)
		if err != nil {
			continue // there were too many
		}
		rec, err := w.store.Alert(id)
		if err != nil {
			continue
		}
		v := rule.Judge(ctx, raw, rec.Alert.Truncated)
		if v.Temporary || ctx.Err() != nil {
			continue
		}
		if _, err := w.journal.Rejudge(id, v.Auth); err != nil {
			w.log.Error("an alert cannot be judged again", "alert", id[:12], "err", err)
			continue
		}
		w.log.Info("alert in quarantine was judged again", "alert", id[:12], "ok", v.OK, "why", v.Why)
		changed = changed || v.OK
	}
	return changed
}

// reportQuarantine says what was not grabbed because of who sent it, or because
// there was too much of it.
func (w *watching) reportQuarantine(r *status.Report) {
	all, recent, first := w.journal.Held(time.Now().Add(-24 * time.Hour))
	r.Held = all
	if recent > 0 {
		r.Add(status.Problem{Key: "quarantine", Since: first, What: plural(recent, "alert") + " of the last 24 hours in quarantine: nothing was grabbed for them",
			Hint: "`grab quarantine` lists them and says why; release those that are genuine"})
	}
	for _, l := range w.journal.Limits() {
		r.Add(status.Problem{Key: "limit/" + l.Site, Since: l.Since, Blocks: true,
			What: fmt.Sprintf("site %s: alerts.limit is reached, nothing was grabbed for %s", l.Site, plural(l.Alerts, "alert")),
			Hint: "see who sends them (`grab quarantine`, alerts.authenticity); `grab now --site " + l.Site + "` is not limited"})
	}
}
