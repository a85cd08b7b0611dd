package incident

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"rtmtgrab/internal/evidence"
)

// Bounds of the quarantine, for forged mails may come in any number. Of more mails
// the oldest go and their records stay; of more records the oldest go.
const (
	maxHeld      = 10_000
	maxHeldMails = 1_000
	maxHeldBytes = 64 << 20
)

// What a release can fail with.
var (
	ErrNotHeld = errors.New("the alert is not in quarantine")
	ErrTooOld  = errors.New("the alert is older than mail.max_age: its minutes will be overwritten")
)

// quarantine knows the alerts that are held, in the order in which they were read.
type quarantine struct {
	list  []heldAlert
	known map[string]bool
	mails int   // that are kept
	bytes int64 // of them
	lost  bool  // the bounds were reached, and that was said
}

type heldAlert struct {
	id     string
	seen   time.Time
	size   int64     // of the mail that is kept, -1: none
	unsure bool      // the judgement is for the time being
	t      time.Time // of the alert
	next   time.Time // of unsure: it is judged again from then on
	over   bool      // of unsure: it is not judged again
}

// hold takes a record into the quarantine, or out of it, by what it says.
func (j *Journal) hold(rec AlertRecord) {
	q, id := &j.held, rec.Alert.ID
	j.unhold(id)
	if rec.What != Quarantined {
		return
	}
	h := heldAlert{id: id, seen: rec.Seen, t: rec.Alert.Time, size: -1, unsure: rec.Alert.Auth != nil && rec.Alert.Auth.Temporary}
	if fi, err := os.Stat(j.st.mailPath(id)); err == nil {
		h.size = fi.Size()
		q.mails++
		q.bytes += h.size
	}
	if q.known == nil {
		q.known = map[string]bool{}
	}
	q.known[id] = true
	i, _ := slices.BinarySearchFunc(q.list, h, func(a, b heldAlert) int { return a.seen.Compare(b.seen) })
	q.list = slices.Insert(q.list, i, h)
}

func (j *Journal) unhold(id string) {
	q := &j.held
	if !q.known[id] {
		return
	}
	delete(q.known, id)
	i := slices.IndexFunc(q.list, func(h heldAlert) bool { return h.id == id })
	if h := q.list[i]; h.size >= 0 {
		q.mails--
		q.bytes -= h.size
	}
	q.list = slices.Delete(q.list, i, i+1)
}

// boundQuarantine keeps to the bounds. What cannot be removed is tried again with
// the next alert.
func (j *Journal) boundQuarantine() {
	q := &j.held
	over := func() bool { return q.mails > maxHeldMails || q.bytes > maxHeldBytes }
	if (over() || len(q.list) > maxHeld) && !q.lost {
		q.lost = true
		j.log.Warn("the quarantine is full: the oldest mails in it are removed, then the oldest records", "alerts", len(q.list), "mails", q.mails, "bytes", q.bytes)
	}
	for i := 0; i < len(q.list) && over(); i++ {
		h := &q.list[i]
		if h.size < 0 {
			continue
		}
		if err := j.st.remove(j.st.mailPath(h.id)); err != nil {
			j.log.Error("a mail in quarantine cannot be removed", "alert", h.id[:12], "err", err)
			return
		}
		q.mails--
		q.bytes -= h.size
		h.size = -1
	}
	for len(q.list) > maxHeld {
		id := q.list[0].id
		if err := errors.Join(j.st.remove(j.st.alertPath(id)), j.st.remove(j.st.mailPath(id))); err != nil {
			j.log.Error("a record in quarantine cannot be removed", "alert", id[:12], "err", err)
			return
		}
		j.forget(id)
	}
}

// redeems reports whether an alert that was seen is in quarantine, and this copy of
// its mail may trigger: one came by a way on which its sender could not be verified.
func (j *Journal) redeems(a evidence.Alert) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.held.known[a.ID] && mayTrigger(a)
}

// Release takes an alert out of quarantine: what it starts is left to Decide. Without
// force one that is older than Policy.MaxAge is refused (ErrTooOld).
func (j *Journal) Release(id string, force bool) (AlertRecord, error) {
	return j.rejudge(id, force, func(rec *AlertRecord) {
		why := "released by hand"
		if was := rec.Alert.Auth; was != nil {
			why += "; " + was.Why
		}
		rec.Alert.Auth = &evidence.Auth{OK: true, How: byHand, Why: why}
	})
}

// Rejudge puts another judgement in the place of the one for which an alert is in
// quarantine; it may let it out. One that is older than Policy.MaxAge by then is
// recorded as expired.
func (j *Journal) Rejudge(id string, auth evidence.Auth) (AlertRecord, error) {
	return j.rejudge(id, true, func(rec *AlertRecord) { rec.Alert.Auth = &auth })
}

// expire makes an alert expired that would trigger at now and is too old by then.
func (rec *AlertRecord) expire(now time.Time, maxAge time.Duration) {
	if rec.What == "" && maxAge > 0 && now.Sub(rec.Alert.Time) > maxAge {
		rec.What, rec.Sites = Expired, []Decision{}
	}
}

// Drop puts an alert in quarantine away; that it was there stays known.
func (j *Journal) Drop(id string) error {
	_, err := j.rejudge(id, true, func(rec *AlertRecord) { rec.What = Dropped })
	if err == nil {
		err = j.st.remove(j.st.mailPath(id))
	}
	return err
}

func (j *Journal) rejudge(id string, force bool, change func(*AlertRecord)) (AlertRecord, error) {
	j.adding.Lock()
	defer j.adding.Unlock()
	if err := j.commit(); err != nil { // a copy of its mail may have let it out
		return AlertRecord{}, err
	}
	rec, err := j.st.Alert(id)
	switch {
	case err != nil:
		return rec, err
	case rec.What != Quarantined:
		return rec, ErrNotHeld
	}
	j.mu.Lock()
	sites, policy := j.sites, j.policy
	j.mu.Unlock()
	now := j.now().UTC().Round(0)
	if !force && policy.MaxAge > 0 && now.Sub(rec.Alert.Time) > policy.MaxAge {
		return rec, ErrTooOld
	}
	change(&rec)
	if rec.What == Quarantined {
		maxAge := policy.MaxAge
		policy.MaxAge = 0 // what counts is not when it was read
		next := newRecord(rec.Alert, rec.Alert.Truncated, rec.Seen, sites, policy)
		if next.What != Quarantined {
			next.Released = now
		}
		for _, p := range rec.Copies {
			next.addCopy(p, rec.Seen, sites, policy)
		}
		if rec = next; rec.Alert.Auth.How != byHand {
			rec.expire(now, maxAge)
			j.hush(&rec, sites)
		}
	}
	if err := j.st.writeJSON(j.st.alertPath(id), rec); err != nil {
		return rec, fmt.Errorf("save alert %.12s: %w", id, err)
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.enter(rec)
	j.sayRecord(rec)
	return rec, nil
}

// Held tells how many alerts are in quarantine, how many of them were read since a
// time, and when the first of these was.
func (j *Journal) Held(since time.Time) (all, recent int, first time.Time) {
	j.mu.Lock()
	defer j.mu.Unlock()
	list := j.held.list
	i := slices.IndexFunc(list, func(h heldAlert) bool { return !h.seen.Before(since) })
	if i < 0 {
		return len(list), 0, first
	}
	return len(list), len(list) - i, list[i].seen
}
