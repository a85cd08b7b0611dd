package runner

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/human"
	"rtmtgrab/internal/incident"
)

// A Removed is one line of removed.jsonl, written before anything is removed.
type Removed struct {
	Time     time.Time         `json:"time"`
	Incident string            `json:"incident"`
	Site     string            `json:"site"`
	Bundles  []string          `json:"bundles"`
	Bytes    int64             `json:"bytes"`
	Coverage evidence.Coverage `json:"coverage"`
	Sealed   time.Time         `json:"sealed"`
	Why      string            `json:"why"`
}

// cleanUp does the hourly cleaning, whose errors are only logged: the next one tries
// again.
func (r *Runner) cleanUp(t Triage) {
	now := r.now().UTC().Round(0)
	if err := r.RemoveOlder(now, r.Policy().Keep); err != nil {
		r.log().Error("cannot remove old bundles", "err", err)
	}
	if err := t.Prune(now); err != nil {
		r.log().Error("cannot remove old alerts", "err", err)
	}
}

// RemoveOlder removes incidents whose newest revision was sealed more than age ago (zero:
// none): bundles in the store, kept slices, the incident's folder. Each is written
// to removed.jsonl first, and logged. What is not sealed, not delivered, or worked at, stays; so
// do bundles outside the store, which belong to whoever asked for them.
func (r *Runner) RemoveOlder(now time.Time, age time.Duration) error {
	if age <= 0 {
		return nil
	}
	keys, err := r.Store.Keys()
	if err != nil {
		return err
	}
	var errs []error
	for _, k := range keys {
		if in, err := r.Store.Read(k); err != nil || !older(in, now, age) {
			continue // unreadable ones are said by the journal
		}
		_, err := r.remove(k, now, func(in incident.Incident) bool { return older(in, now, age) }, "older than keep.age, "+human.Span(age))
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

func older(in incident.Incident, now time.Time, age time.Duration) bool {
	return in.State == incident.Sealed && len(in.Revisions) > 0 && now.Sub(lastSealed(in)) > age
}

// lastSealed is when the newest revision of an incident was sealed that has one.
func lastSealed(in incident.Incident) time.Time { return in.Revisions[len(in.Revisions)-1].Sealed }

// remove removes an incident that nobody works at if it still may be, and returns how
// many bytes its bundles had.
func (r *Runner) remove(key string, now time.Time, may func(incident.Incident) bool, why string) (freed int64, err error) {
	lock, err := r.Store.LockIncident(key)
	if errors.Is(err, incident.ErrBusy) {
		return 0, nil // somebody works at it
	}
	if err != nil {
		return 0, err
	}
	release := func() { lock.Release() }
	defer func() { release() }()
	in, err := r.Store.Read(key)
	if err != nil || !may(in) || r.undelivered(key) {
		return 0, err
	}
	rm := r.removal(in, now, why)
	if err := r.Store.AppendJSONL(filepath.Join(r.Store.Dir, "removed.jsonl"), rm); err != nil {
		return 0, fmt.Errorf("record the removal of %s: %w", in.ID, err)
	}
	for _, b := range rm.Bundles {
		r.sayRemoving(b, why, now)
		if err := r.Store.Remove(b); err != nil {
			return 0, fmt.Errorf("remove bundle: %w", err)
		}
	}
	release() // Windows removes no open file
	release = func() {}
	if err := r.Store.Remove(r.Store.IncidentDir(key)); err != nil {
		return rm.Bytes, fmt.Errorf("remove incident: %w", err)
	}
	r.log().Info("old incident removed", "incident", in.ID, "bundles", len(rm.Bundles), "bytes", rm.Bytes, "sealed", rm.Sealed, "why", why)
	return rm.Bytes, nil
}

func (r *Runner) sayRemoving(bundle, why string, at time.Time) {
	if r.Removing == nil {
		return
	}
	if err := r.Removing(bundle, why, at); err != nil {
		r.log().Warn("that a bundle is removed is not in its custody", "bundle", bundle, "err", err)
	}
}

// removal is what is written down of it.
func (r *Runner) removal(in incident.Incident, now time.Time, why string) Removed {
	rm := Removed{Time: now, Incident: in.ID, Site: in.Site, Coverage: in.Coverage, Sealed: lastSealed(in), Bundles: []string{}, Why: why}
	for _, rev := range in.Revisions {
		fi, err := os.Stat(rev.Bundle)
		if err != nil || !owns(r.Store, rev.Bundle) {
			continue // gone, or not ours
		}
		rm.Bundles = append(rm.Bundles, rev.Bundle)
		rm.Bytes += fi.Size()
	}
	return rm
}

// owns reports whether the bundle lies in the store.
func owns(st *incident.Store, bundle string) bool {
	a, errA := filepath.Abs(filepath.Dir(bundle))
	b, errB := filepath.Abs(st.Bundles())
	return errA == nil && errB == nil && a == b
}

// tidy finishes what a crash left undone of sealed incidents: the slices of
// complete ones, which nobody needs. Unsealed incidents are taken up by Run like
// new ones; a bundle that was finished before the crash is adopted there.
func (r *Runner) tidy() {
	all, err := r.Store.IncidentsOnDisk(r.log().Error)
	if err != nil {
		r.log().Error("cannot list incidents", "err", err)
		return
	}
	for _, in := range all {
		if in.State != incident.Sealed {
			continue
		}
		lock, err := r.Store.LockIncident(in.Key)
		if err != nil {
			continue // somebody works at it
		}
		if now, err := r.Store.Read(in.Key); err == nil {
			if err := dropSlices(r.Store, now); err != nil {
				r.log().Warn("cannot remove slices yet", "incident", in.ID, "err", err)
			}
		}
		lock.Release()
	}
}
