package triage

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/incident"
)

// Bounds of the quarantine, for forged mails may come in any number. Of more mails
// the oldest go and their records stay; of more records the oldest go.
const (
	maxSuspects     = 10_000
	maxSuspectMails = 1_000
	maxSuspectBytes = 64 << 20
)

// What a release can fail with.
var (
	ErrNotQuarantined = errors.New("the alert is not in quarantine")
	ErrTooOld         = errors.New("the alert is older than mail.max_age: its minutes are probably overwritten")
)

// quarantine knows the alerts that are in it, in the order in which they were read.
type quarantine struct {
	st    *incident.Store
	log   *slog.Logger
	list  []suspect
	known map[string]bool
	mails int   // that are kept
	bytes int64 // of them
	full  bool  // the bounds were reached, and that was said
}

// A suspect is one alert in quarantine.
type suspect struct {
	id     string
	seen   time.Time
	size   int64     // of the mail that is kept, -1: none
	unsure bool      // the judgement is for the time being
	t      time.Time // of the alert
	next   time.Time // of unsure: it is judged again from then on
	over   bool      // of unsure: it is not judged again
}

// enter takes a record into the quarantine, or out of it, by what it says.
func (q *quarantine) enter(rec incident.AlertRecord) {
	id := rec.Alert.ID
	q.remove(id)
	if rec.What != incident.Quarantined {
		return
	}
	s := suspect{id: id, seen: rec.Seen, t: rec.Alert.Time, size: q.st.MailSize(id), unsure: rec.Alert.Auth != nil && rec.Alert.Auth.Temporary}
	if s.size >= 0 {
		q.mails++
		q.bytes += s.size
	}
	q.known[id] = true
	i, _ := slices.BinarySearchFunc(q.list, s, func(a, b suspect) int { return a.seen.Compare(b.seen) })
	q.list = slices.Insert(q.list, i, s)
}

func (q *quarantine) remove(id string) {
	if !q.known[id] {
		return
	}
	delete(q.known, id)
	i := slices.IndexFunc(q.list, func(s suspect) bool { return s.id == id })
	if s := q.list[i]; s.size >= 0 {
		q.mails--
		q.bytes -= s.size
	}
	q.list = slices.Delete(q.list, i, i+1)
}

// bound keeps to the bounds, and returns the IDs of the alerts that went. What cannot
// be removed is tried again with the next alert.
func (q *quarantine) bound() (gone []string) {
	over := func() bool { return q.mails > maxSuspectMails || q.bytes > maxSuspectBytes }
	if (over() || len(q.list) > maxSuspects) && !q.full {
		q.full = true
		q.log.Warn("quarantine full: removing the oldest mails, then the oldest records", "alerts", len(q.list), "mails", q.mails, "bytes", q.bytes)
	}
	for i := 0; i < len(q.list) && over(); i++ {
		s := &q.list[i]
		if s.size < 0 {
			continue
		}
		if err := q.st.Remove(q.st.MailPath(s.id)); err != nil {
			q.log.Error("cannot remove a mail from quarantine", "alert", s.id[:12], "err", err)
			return gone
		}
		q.mails--
		q.bytes -= s.size
		s.size = -1
	}

	for len(q.list) > maxSuspects {
		id := q.list[0].id
		if err := errors.Join(q.st.Remove(q.st.AlertPath(id)), q.st.Remove(q.st.MailPath(id))); err != nil {
			q.log.Error("cannot remove a record from quarantine", "alert", id[:12], "err", err)
			return gone
		}
		q.remove(id)
		gone = append(gone, id)
	}
	return gone
}

// byHand is evidence.Auth.How of what was released by hand: that triggers in a pause
// too, as `grab now` does.
const byHand = "released"

// Release takes an alert out of quarantine: what it starts is left to Decide. Without
// force one that is older than Policy.MaxAge is refused (ErrTooOld).
func (j *Journal) Release(id string, force bool) (incident.AlertRecord, error) {
	return j.rejudge(id, force, func(rec incident.AlertRecord) incident.AlertRecord {
		why := "released by hand"
		if was := rec.Alert.Auth; was != nil {
			why += "; " + was.Why
		}
		rec.Alert.Auth = &evidence.Auth{OK: true, How: byHand, Why: why}
		return rec
	})
}

// Rejudge puts another judgement in the place of the one for which an alert is in
// quarantine; it may let it out. One that is older than Policy.MaxAge by then is
// recorded as expired.
func (j *Journal) Rejudge(id string, auth evidence.Auth) (incident.AlertRecord, error) {
	return j.rejudge(id, true, func(rec incident.AlertRecord) incident.AlertRecord {
		rec.Alert.Auth = &auth
		return rec
	})
}

// Unexpire judges alerts again that were too old when they were read, by a clock that was ahead then
// and was set back since: their minutes may still be there. It reports whether one may trigger.
func (j *Journal) Unexpire() (changed bool, err error) {
	now := j.now().UTC().Round(0)
	for _, id := range readAhead(j, now) {
		rec, err := unexpire(j, id, now)
		if err != nil {
			return changed, fmt.Errorf("judge alert %.12s again: %w", id, err)
		}
		changed = changed || rec.What == ""
	}
	return changed, nil
}

// Drop puts an alert in quarantine away; that it was there stays known.
func (j *Journal) Drop(id string) error {
	_, err := j.rejudge(id, true, func(rec incident.AlertRecord) incident.AlertRecord {
		rec.What = incident.Dropped
		return rec
	})
	if err == nil {
		err = j.dropMail(id)
	}
	return err
}

func (j *Journal) dropMail(id string) error {
	j.table.Lock()
	defer j.table.Unlock()
	if err := j.st.Remove(j.st.MailPath(id)); err != nil {
		return err
	}
	j.index.mails.forget(id)
	return nil
}

func (j *Journal) rejudge(id string, force bool, change func(incident.AlertRecord) incident.AlertRecord) (incident.AlertRecord, error) {
	j.intake.mu.Lock()
	defer j.intake.mu.Unlock()
	if err := j.commit(); err != nil { // a copy of its mail may have let it out
		return incident.AlertRecord{}, err
	}
	rec, err := j.st.Alert(id)
	switch {
	case err != nil:
		return rec, err
	case rec.What != incident.Quarantined:
		return rec, ErrNotQuarantined
	}
	conf, now := j.config(), j.now().UTC().Round(0)
	if !force && tooOld(rec.Alert.Time, now, conf.policy) {
		return rec, ErrTooOld
	}

	if rec = change(rec); rec.What == incident.Quarantined {
		rec = reroute(rec, now, conf)
		if rec.Alert.Auth.How != byHand {
			rec = expire(rec, now, conf.policy)
			rec.Sites = j.intake.silence(rec.Sites, rec.Seen, conf.sites)
		}
	}
	if rec, err = j.intake.saveForwarded(rec, conf); err != nil {
		return rec, fmt.Errorf("save alert %.12s: %w", id, err)
	}
	j.table.Lock()
	defer j.table.Unlock()
	j.enter(rec)
	logRecord(j.log, rec)
	return rec, nil
}

// reroute is the record of an alert whose judgement is another one since now: its
// sites are found as when it was read.
func reroute(rec incident.AlertRecord, now time.Time, conf config) incident.AlertRecord {
	conf.policy.MaxAge = 0 // what counts is not when it was read
	next := routed(rec.Alert, rec.Alert.Truncated, rec.Seen, conf)
	next.Sender = rec.Sender
	if next.What != incident.Quarantined {
		next.Released = now
	}
	for _, p := range rec.Copies {
		next, _ = withPlace(next, p, rec.Seen, conf)
	}
	return next
}

// expire makes an alert expired that would trigger at now and is too old by then.
func expire(rec incident.AlertRecord, now time.Time, p incident.Policy) incident.AlertRecord {
	if rec.What == "" && tooOld(rec.Alert.Time, now, p) {
		rec.What, rec.Sites = incident.Expired, []incident.Decision{}
	}
	return rec
}

// QuarantineCounts tells how many alerts are in quarantine, how many of them were read since a
// time, and when the first of these was.
func (j *Journal) QuarantineCounts(since time.Time) (all, recent int, first time.Time) {
	j.table.Lock()
	defer j.table.Unlock()
	list := j.index.quarantine.list
	i := slices.IndexFunc(list, func(s suspect) bool { return !s.seen.Before(since) })
	if i < 0 {
		return len(list), 0, first
	}
	return len(list), len(list) - i, list[i].seen
}

// How long an alert waits that cannot be judged yet: a thirtieth of the time for
// which it has been held, within these bounds. The minutes of a young one are the
// most in danger.
const (
	unsureLeast = 30 * time.Second
	UnsureMost  = 5 * time.Minute
)

// Unsure are the alerts in quarantine whose judgement is for the time being, and
// whose turn to be judged again comes until then, the one that waits longest first.
// After a start all have their turn.
func (j *Journal) Unsure(then time.Time) []string {
	j.table.Lock()
	defer j.table.Unlock()
	return j.index.quarantine.dueUnsure(then)
}

func (q *quarantine) dueUnsure(then time.Time) (ids []string) {
	var list []suspect
	for _, s := range q.list {
		if s.unsure && !s.over && !s.next.After(then) {
			list = append(list, s)
		}
	}
	slices.SortStableFunc(list, func(a, b suspect) int { return a.next.Compare(b.next) })
	for _, s := range list {
		ids = append(ids, s.id)
	}
	return ids
}

// StillUnsure says that an alert could not be judged at now either. Its next turn is
// a while later; one that is older than Policy.MaxAge has none before the next start,
// which is logged.
func (j *Journal) StillUnsure(id string, now time.Time) {
	j.table.Lock()
	defer j.table.Unlock()
	j.index.quarantine.putOff(id, now, j.conf.policy)
}

func (q *quarantine) putOff(id string, now time.Time, p incident.Policy) {
	i := slices.IndexFunc(q.list, func(s suspect) bool { return s.id == id })
	if i < 0 || !q.list[i].unsure {
		return
	}
	s := &q.list[i]
	s.next = now.Add(min(max(now.Sub(s.seen)/30, unsureLeast), UnsureMost))
	if tooOld(s.t, now, p) {
		s.over = true
		q.log.Warn("alert not verified within mail.max_age: it stays in quarantine", "alert", id[:12], "time", s.t)
	}
}
