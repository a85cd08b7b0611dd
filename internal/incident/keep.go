package incident

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"rtmtgrab/internal/evidence"
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

// keep does the hourly cleaning, whose errors are only logged: the next one tries
// again.
func (r *Runner) keep(j *Journal) {
	now := r.now().UTC().Round(0)
	if err := r.Keep(now, r.Policy().Keep); err != nil {
		r.log().Error("old bundles cannot be removed", "err", err)
	}
	if err := j.Prune(now); err != nil {
		r.log().Error("old alerts cannot be removed", "err", err)
	}
}

// Keep removes incidents whose newest revision was sealed more than age ago (zero:
// none): bundles in the store, kept slices, the incident's folder. Each is written
// to removed.jsonl first, and logged. What is not sealed, or worked at, stays; so
// do bundles outside the store, which belong to whoever asked for them.
func (r *Runner) Keep(now time.Time, age time.Duration) error {
	if age <= 0 {
		return nil
	}
	keys, err := r.Store.keys()
	if err != nil {
		return err
	}
	var errs []error
	for _, k := range keys {
		if in, err := r.Store.read(k); err != nil || !in.older(now, age) {
			continue // unreadable ones are said by the journal
		}
		errs = append(errs, r.removeOld(k, now, age))
	}
	return errors.Join(errs...)
}

func (in Incident) older(now time.Time, age time.Duration) bool {
	n := len(in.Revisions)
	return in.State == Sealed && n > 0 && now.Sub(in.Revisions[n-1].Sealed) > age
}

func (r *Runner) removeOld(key string, now time.Time, age time.Duration) error {
	lock, err := r.Store.lockIncident(key)
	if errors.Is(err, ErrBusy) {
		return nil // somebody works at it
	}
	if err != nil {
		return err
	}
	release := func() { lock.Release() }
	defer func() { release() }()
	in, err := r.Store.read(key)
	if err != nil || !in.older(now, age) {
		return err
	}
	rm := Removed{Time: now, Incident: in.ID, Site: in.Site, Coverage: in.Coverage, Sealed: in.Revisions[len(in.Revisions)-1].Sealed, Bundles: []string{}, Why: "older than keep.age " + age.String()}
	for _, rev := range in.Revisions {
		fi, err := os.Stat(rev.Bundle)
		if err != nil || !r.Store.owns(rev.Bundle) {
			continue // gone, or not ours
		}
		rm.Bundles = append(rm.Bundles, rev.Bundle)
		rm.Bytes += fi.Size()
	}
	if err := r.Store.appendJSONL(r.Store.removed(), rm); err != nil {
		return fmt.Errorf("write down the removal of %s: %w", in.ID, err)
	}
	for _, b := range rm.Bundles {
		if err := r.Store.remove(b); err != nil {
			return fmt.Errorf("remove bundle: %w", err)
		}
	}
	release() // Windows removes no open file
	release = func() {}
	if err := r.Store.remove(r.Store.folder(key)); err != nil {
		return fmt.Errorf("remove incident: %w", err)
	}
	r.log().Info("old incident removed", "incident", in.ID, "bundles", len(rm.Bundles), "bytes", rm.Bytes, "sealed", rm.Sealed)
	return nil
}

// owns reports whether the bundle lies in the store.
func (s *Store) owns(bundle string) bool {
	a, errA := filepath.Abs(filepath.Dir(bundle))
	b, errB := filepath.Abs(s.Bundles())
	return errA == nil && errB == nil && a == b
}

// Prune forgets alerts that were read more than SeenFor ago, with their mails, and
// removes the mails of repeats after RepeatsFor. What belongs to an incident that
// is still there stays.
func (j *Journal) Prune(now time.Time) error {
	j.adding.Lock()
	defer j.adding.Unlock()
	j.mu.Lock()
	defer j.mu.Unlock()
	var errs []error
	for id, seen := range j.seen {
		switch age := now.Sub(seen); {
		case age > SeenFor && !j.needed(id):
			if err := errors.Join(j.st.remove(j.st.alert(id)), j.st.remove(j.st.mail(id))); err != nil {
				errs = append(errs, err)
				continue
			}
			j.forget(id)
		case age > RepeatsFor && j.onlyRepeats(id) && j.st.hasMail(id):
			errs = append(errs, j.st.remove(j.st.mail(id)))
		}
	}
	return errors.Join(errs...)
}

// needed reports whether the alert is undecided or of an incident that is there.
func (j *Journal) needed(id string) bool {
	for _, x := range j.index {
		e := x.byID[id]
		switch {
		case e == nil, e.d.What == Repeat, e.d.What == Limited:
			continue
		case e.d.What == "":
			return true
		}
		if _, err := os.Stat(j.st.folder(e.d.Incident)); err == nil {
			return true
		}
	}
	return false
}

func (j *Journal) onlyRepeats(id string) bool {
	any := false
	for _, x := range j.index {
		if e := x.byID[id]; e != nil {
			any = true
			if e.d.What != Repeat && e.d.What != Limited {
				return false
			}
		}
	}
	return any
}

func (j *Journal) forget(id string) {
	delete(j.seen, id)
	j.unhold(id)
	for _, x := range j.index {
		e := x.byID[id]
		if e == nil {
			continue
		}
		delete(x.byID, id)
		i, ok := slices.BinarySearchFunc(x.entries, e, (*entry).before)
		if !ok {
			continue
		}
		x.entries = slices.Delete(x.entries, i, i+1)
		if i < x.planned {
			x.planned--
		}
	}
}
