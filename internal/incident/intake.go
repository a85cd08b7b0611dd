package incident

import (
	"context"
	"errors"
	"fmt"
	"time"

	"rtmtgrab/internal/evidence"
)

// intake is what was taken and is not safe yet. It is under Journal.adding.
type intake struct {
	files storeBatch
	recs  []AlertRecord
	ids   map[string]bool // -> it goes into quarantine
	lost  int             // commits that failed
}

// maxIntake bounds an intake: Take commits what is more.
const maxIntake = 512

// Add makes one mail safe on disk: after a nil error it may be forgotten
// elsewhere. fresh is false if the alert was seen before, which is harmless. raw
// is the mail, of which truncated says that it was cut. What the alert starts is
// left to Decide. A copy that lay elsewhere may add sites, see Rule.
func (j *Journal) Add(ctx context.Context, a evidence.Alert, raw []byte, truncated bool, seen time.Time) (fresh bool, err error) {
	lost := j.Lost()
	if fresh, err = j.Take(ctx, a, raw, truncated, seen); err == nil {
		err = j.Commit(lost)
	}
	return fresh && err == nil, err
}

// Take is Add for one of many mails: it is safe only after Commit.
func (j *Journal) Take(ctx context.Context, a evidence.Alert, raw []byte, truncated bool, seen time.Time) (fresh bool, err error) {
	if !isID(a.ID) {
		return false, fmt.Errorf("add alert: ID %q is not a SHA-256 in hex", evidence.Printable(a.ID, 80))
	}
	if err := ctx.Err(); err != nil {
		return false, err
	}
	j.adding.Lock()
	defer j.adding.Unlock()
	j.mu.Lock()
	_, known := j.seen[a.ID]
	sites, policy := j.sites, j.policy
	j.mu.Unlock()
	t := &j.taken
	held, here := t.ids[a.ID]
	if here && !(held && mayTrigger(a)) || !here && known && !j.redeems(a) {
		return false, j.another(a, seen, sites, policy)
	}
	if len(t.recs) >= maxIntake {
		if err := j.commit(); err != nil {
			return false, err
		}
	}
	rec := newRecord(a, truncated, seen, sites, policy)
	j.hush(&rec, sites)
	if here || known { // it lets the alert out of quarantine
		for _, p := range j.unsureCopies(a.ID) {
			j.widen(&rec, p, seen, sites, policy)
		}
	}
	t.files.st = j.st
	before := t.files.b.Len()
	err = t.files.write(j.st.mailPath(a.ID), raw)
	if err == nil {
		err = t.files.writeJSON(j.st.alertPath(a.ID), rec)
	}
	if err != nil {
		t.files.b.Cut(before) // no mail without a record
		return false, fmt.Errorf("save alert %.12s: %w", a.ID, err)
	}
	if t.ids == nil {
		t.ids = map[string]bool{}
	}
	t.ids[a.ID] = rec.What == Quarantined
	t.recs = append(t.recs, rec)
	return true, nil
}

// Lost is how many commits have failed so far, see Commit.
func (j *Journal) Lost() int {
	j.adding.Lock()
	defer j.adding.Unlock()
	return j.taken.lost
}

// Commit makes all that was taken safe on disk. lost is what Lost said before the
// caller's first Take: an error means that what was taken since is to be taken
// again, whoever's commit it was that failed.
func (j *Journal) Commit(lost int) error {
	j.adding.Lock()
	defer j.adding.Unlock()
	err := j.commit()
	if err == nil && j.taken.lost != lost {
		err = errors.New("what was taken is not safe on disk: a commit beside this one has failed")
	}
	return err
}

func (j *Journal) commit() error {
	recs := j.taken.recs
	if len(recs) == 0 {
		return nil
	}
	j.taken.recs, j.taken.ids = nil, nil
	if err := j.taken.files.commit(); err != nil {
		j.taken.lost++
		return fmt.Errorf("save %d alerts: %w", len(recs), err)
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, rec := range recs {
		j.enter(rec)
		j.sayRecord(rec)
	}
	j.boundQuarantine()
	return nil
}

// sayRecord says aloud of what nothing will come.
func (j *Journal) sayRecord(rec AlertRecord) {
	a := rec.Alert
	about := []any{"alert", a.ID[:12], "time", a.Time, "cluster", evidence.Printable(a.Cluster, 80), "node", evidence.Printable(a.Node, 80), "name", evidence.Printable(a.Name, 80)}
	if rec.What != "" {
		j.log.Warn("alert is "+string(rec.What)+": nothing is grabbed", append(about, "why", rec.why())...)
	}
	for _, d := range rec.Sites {
		if d.What == Paused {
			j.log.Info("alert is paused: nothing is grabbed", append(about, "site", d.Site, "why", d.Note)...)
		}
	}
}
