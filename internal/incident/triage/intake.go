package triage

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"rtmtgrab/internal/atomicfile"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/incident"
)

// intake is what was taken and is not safe yet.
type intake struct {
	mu     sync.Mutex // serialises what adds alerts, changes or forgets them; is taken before the table's lock
	files  incident.Batch
	recs   []incident.AlertRecord
	newest map[string]int // alert ID -> its newest one of recs
	lost   int            // commits that failed
	bytes  int64          // of the mails among files
	pauses incident.PauseFile
	fleet  Fleet // nil: there are no others
	log    *slog.Logger
}

func newIntake(st *incident.Store, log *slog.Logger) intake {
	return intake{files: incident.Batch{St: st}, newest: map[string]int{}, log: log}
}

// maxIntake bounds an intake: Take commits what is more.
const maxIntake = 512

// heard is what an alert's mail is, beside those that were read before.
type heard int

const (
	unheard heard = iota // the first one
	copied               // a further copy
	redeems              // a copy that may trigger, of an alert in quarantine: one came by a way on which its sender could not be verified
)

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
	if !incident.IsID(a.ID) {
		return false, fmt.Errorf("add alert: ID %q is not a SHA-256 in hex", evidence.Printable(a.ID, 80))
	}
	if err := ctx.Err(); err != nil {
		return false, err
	}
	j.intake.mu.Lock()
	defer j.intake.mu.Unlock()

	conf := j.config()
	was := j.heard(a)
	if was == copied {
		return false, j.addCopy(a, seen, conf)
	}
	if len(j.intake.recs) >= maxIntake {
		if err := j.commit(); err != nil {
			return false, err
		}
	}

	rec := routed(a, truncated, seen, conf)
	rec.Sites = j.intake.silence(rec.Sites, rec.Seen, conf.sites)
	if was == redeems {
		rec = j.intake.withUnsureCopies(rec, seen, conf)
	}
	rec, err = j.intake.forwarded(&j.intake.files, rec, func() []byte { return raw }, conf)
	if err != nil {
		return false, fmt.Errorf("save alert %.12s: %w", a.ID, err)
	}
	rec, raw = j.fit(rec, raw)
	if err := j.intake.write(rec, raw); err != nil {
		return false, fmt.Errorf("save alert %.12s: %w", a.ID, err)
	}
	return true, nil
}

// fit is what there is room for of a mail.
func (j *Journal) fit(rec incident.AlertRecord, raw []byte) (incident.AlertRecord, []byte) {
	if rec.What == incident.Quarantined {
		return rec, raw
	}
	j.table.Lock()
	defer j.table.Unlock()
	open := func(key string) bool { return j.table.FindLocked(key) != nil }
	return j.index.fit(rec, raw, j.intake.bytes, open, j.now().UTC())
}

// config is what is in force now.
func (j *Journal) config() config {
	j.table.Lock()
	defer j.table.Unlock()
	return j.conf
}

// heard tells what was heard of an alert before.
func (j *Journal) heard(a evidence.Alert) heard {
	var known, quarantined bool
	if i, ok := j.intake.newest[a.ID]; ok {
		known, quarantined = true, j.intake.recs[i].What == incident.Quarantined
	} else {
		j.table.Lock()
		_, known = j.index.seen[a.ID]
		quarantined = j.index.quarantine.known[a.ID]
		j.table.Unlock()
	}
	switch {
	case !known:
		return unheard
	case quarantined && mayTrigger(a):
		return redeems
	}
	return copied
}

// routed is the record of an alert, with the sites that it goes to. A time that
// cannot be (none, or far in the future) becomes the time of reading, for a window in
// 2099 would never end.
func routed(a evidence.Alert, truncated bool, seen time.Time, conf config) incident.AlertRecord {
	seen = seen.UTC().Round(0)
	if a.Time.IsZero() || a.Time.After(seen.Add(evidence.MostAhead)) {
		a.Notes = append(slices.Clone(a.Notes), "alert has no usable time; using the time it was read")
		a.Time = seen
	}
	a.Time = a.Time.UTC().Round(0)
	a.Truncated = a.Truncated || truncated
	a = evidence.Bounded(a)

	rec := incident.AlertRecord{Alert: a, Seen: seen, Sites: []incident.Decision{}, Sender: a.Sender}
	names, why := incident.RouteAlert(conf.sites, conf.policy.Rules, a)
	rec.Routed = why
	switch {
	case a.Drill != "":
		rec.What = incident.Drilled
	case !mayTrigger(a):
		rec.What = incident.Quarantined
	case tooOld(a.Time, seen, conf.policy):
		rec.What = incident.Expired
	case len(names) == 0:
		rec.What = incident.Unrouted
	default:
		for _, n := range names {
			rec.Sites = append(rec.Sites, incident.Decision{Site: n})
		}
	}
	return rec
}

// mayTrigger reports whether the mail's sender is beyond doubt, or not asked for.
func mayTrigger(a evidence.Alert) bool { return a.Auth == nil || a.Auth.OK }

func tooOld(t, now time.Time, p incident.Policy) bool { return p.MaxAge > 0 && now.Sub(t) > p.MaxAge }

// silence makes a pause of the decision of each site that is paused when the mail is
// read.
func (in *intake) silence(decisions []incident.Decision, seen time.Time, sites []incident.Site) []incident.Decision {
	if len(decisions) == 0 {
		return decisions
	}
	pauses := in.pauses.InForce(in.files.St, sites, seen, in.log.Error)
	decisions = slices.Clone(decisions)
	for i := range decisions {
		d := &decisions[i]
		for _, p := range pauses {
			if d.What != incident.Expired && p.At(seen) && p.Covers(d.Site) {
				d.What, d.Note = incident.Paused, p.String()
			}
		}
	}
	return decisions
}

// write takes a record with its mail.
func (in *intake) write(rec incident.AlertRecord, raw []byte) error {
	if err := in.files.WriteAlert(rec, raw); err != nil {
		return err
	}
	in.newest[rec.Alert.ID] = len(in.recs)
	in.recs = append(in.recs, rec)
	if rec.What != incident.Quarantined {
		in.bytes += int64(len(raw))
	}
	return nil
}

// Lost is how many commits have failed so far, see Commit.
func (j *Journal) Lost() int {
	j.intake.mu.Lock()
	defer j.intake.mu.Unlock()
	return j.intake.lost
}

// Commit makes all that was taken safe on disk. lost is what Lost said before the
// caller's first Take: an error means that what was taken since is to be taken
// again, whoever's commit it was that failed.
func (j *Journal) Commit(lost int) error {
	j.intake.mu.Lock()
	defer j.intake.mu.Unlock()
	err := j.commit()
	if err == nil && j.intake.lost != lost {
		err = errors.New("alert not saved: a commit at the same time failed")
	}
	return err
}

func (j *Journal) commit() error {
	recs, err := j.intake.commit()
	if j.intake.fleet != nil && slices.ContainsFunc(recs, func(rec incident.AlertRecord) bool { return len(rec.SentTo) > 0 }) {
		j.intake.fleet.Posted()
	}
	if err != nil {
		return fmt.Errorf("save %d alerts: %w", len(recs), err)
	}
	if len(recs) == 0 {
		return nil
	}
	for _, rec := range recs {
		logRecord(j.log, rec)
	}
	j.table.Lock()
	defer j.table.Unlock()
	j.index.mails.tight = false
	if j.index.enterAll(recs) {
		j.due.some, j.due.came = true, j.now()
	}
	if err := j.index.boundRecords(j.conf.policy, j.now()); err != nil {
		j.log.Error("old alerts cannot be forgotten", "err", err) // the next mail tries again
	}
	return nil
}

// commit makes what was taken safe, and returns it; after an error it is gone.
func (in *intake) commit() ([]incident.AlertRecord, error) {
	recs := in.recs
	if len(recs) == 0 {
		return nil, nil
	}
	in.recs, in.newest, in.bytes = nil, map[string]int{}, 0
	err := in.files.Commit()
	if err != nil {
		in.lost++
	}
	return recs, err
}

// enter puts a record that is on disk into the index, or what is new in it.
func (j *Journal) enter(rec incident.AlertRecord) {
	if j.index.enter(rec) {
		j.due.some, j.due.came = true, j.now()
	}
}

// logRecord says of what nothing will come.
func logRecord(log *slog.Logger, rec incident.AlertRecord) {
	a := rec.Alert
	about := []any{"alert", a.ID[:12], "time", a.Time, "cluster", evidence.Printable(a.Cluster, 80), "node", evidence.Printable(a.Node, 80), "name", evidence.Printable(a.Name, 80)}
	if rec.What == incident.Drilled {
		log.Info("drill mail", append(about, "site", a.Drill)...)
	} else if rec.What != "" {
		log.Warn("alert is "+string(rec.What)+": nothing is grabbed", append(about, "why", rec.Reason())...)
	}
	for _, d := range rec.Sites {
		if d.What == incident.Paused {
			log.Info("alert is paused: nothing is grabbed", append(about, "site", d.Site, "why", d.Note)...)
		}
	}
}

// addCopy takes a further copy of an alert that was taken before. It is safe at once,
// or with what it is a copy of.
func (j *Journal) addCopy(a evidence.Alert, seen time.Time, conf config) error {
	if !byPlace(conf.policy) && a.Relay == nil && j.intake.fleet == nil || !counts(a) {
		return nil
	}
	if i, ok := j.intake.newest[a.ID]; ok {
		rec, changed := j.intake.withCopy(j.intake.recs[i], placeOf(a), seen, conf)
		if !changed {
			return nil
		}
		raw := func() []byte { return nil } // the first copy has brought it to where it goes
		rec, err := j.intake.forwarded(&j.intake.files, rec, raw, conf)
		if err == nil {
			err = j.intake.files.WriteRecord(rec)
		}
		if err == nil {
			j.intake.recs[i] = rec
		}
		return err
	}

	j.table.Lock() // nothing is decided about it meanwhile
	defer j.table.Unlock()
	rec, err := j.st.Alert(a.ID)
	if _, ok := errors.AsType[*atomicfile.UnreadableError](err); ok {
		return err // another time
	}
	if err != nil {
		j.log.Error("further copy of an alert ignored: cannot read its record", "alert", a.ID[:12], "err", err)
		return nil
	}
	rec, changed := j.intake.withCopy(rec, placeOf(a), seen, conf)
	if !changed {
		return nil
	}
	if rec, err = j.intake.saveForwarded(rec, conf); err != nil {
		return err
	}
	j.enter(rec)
	return nil
}
