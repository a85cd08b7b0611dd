package incident

import (
	"cmp"
	"errors"
	"io/fs"
	"slices"
	"time"

	"rtmtgrab/internal/evidence"
)

// maxCopies bounds the places that are remembered of an alert; copies elsewhere then
// change nothing.
const maxCopies = 50

func (p Place) is(o Place) bool {
	return p.Mailbox == o.Mailbox && p.Folder == o.Folder && slices.Equal(p.Recipients, o.Recipients)
}

// at is the alert as if it had been read there first.
func (p Place) at(a evidence.Alert) evidence.Alert {
	a.Mailbox, a.Folder, a.Recipients = p.Mailbox, p.Folder, p.Recipients
	return a
}

// byPlace reports whether two copies of a mail may have different routes. While they
// may not, nobody remembers where further copies lay.
func (p Policy) byPlace() bool {
	return slices.ContainsFunc(p.Rules, func(r Rule) bool { return r.To != "" || r.Folder != "" })
}

// addCopy notes where another copy lay, and adds the sites that its route names and
// no copy before it did. So the sites are the same in whatever order copies are read,
// and each counts once; the same copy read again changes nothing. A copy that is read
// too late adds sites that do nothing. It returns how many sites there were before;
// ok is false if nothing changed.
func (rec *AlertRecord) addCopy(p Place, seen time.Time, sites []Site, policy Policy) (before int, ok bool) {
	if rec.What == Expired || rec.What == Dropped || placeOf(rec.Alert).is(p) || slices.ContainsFunc(rec.Copies, p.is) || len(rec.Copies) >= maxCopies {
		return len(rec.Sites), false
	}
	rec.Copies = append(slices.Clone(rec.Copies), p)
	rec.Sites = slices.Clone(rec.Sites)
	before = len(rec.Sites)
	if rec.What != "" && rec.What != Unrouted { // in quarantine: the sites are found when it is let out
		return before, true
	}
	names, why := RouteAlert(sites, policy.Rules, p.at(rec.Alert))
	for _, n := range names {
		if slices.ContainsFunc(rec.Sites, func(d Decision) bool { return d.Site == n }) {
			continue
		}
		d := Decision{Site: n}
		if policy.MaxAge > 0 && seen.Sub(rec.Alert.Time) > policy.MaxAge {
			d.What, d.Note = Expired, "the copy that names the site was older than mail.max_age when it was read"
		}
		rec.Sites = append(rec.Sites, d)
	}
	if len(rec.Sites) > before {
		rec.What = ""
		rec.Routed += "; a copy in " + cmp.Or(p.Folder, "another place") + ": " + why
	}
	return before, true
}

// counts reports whether a copy may add sites: it is not known to be forged. One
// whose sender cannot be verified for the time being may, for what it can add to is
// verified by itself.
func counts(a evidence.Alert) bool { return mayTrigger(a) || a.Auth.Temporary }

// another takes a further copy of an alert that was taken before. It is safe at once,
// or with what it is a copy of.
func (j *Journal) another(a evidence.Alert, seen time.Time, sites []Site, policy Policy) error {
	if !policy.byPlace() || !counts(a) {
		return nil
	}
	if i := j.pending(a.ID); i >= 0 {
		rec := j.taken.recs[i]
		if !j.widen(&rec, placeOf(a), seen, sites, policy) {
			return nil
		}
		err := j.taken.files.writeJSON(j.st.alertPath(a.ID), rec)
		if err == nil {
			j.taken.recs[i] = rec
		}
		return err
	}
	j.mu.Lock() // nothing is decided about it meanwhile
	defer j.mu.Unlock()
	rec, err := j.st.Alert(a.ID)
	if path, ok := errors.AsType[*fs.PathError](err); ok && !errors.Is(path, fs.ErrNotExist) {
		return err // another time
	}
	if err != nil {
		j.log.Error("a further copy of an alert changes nothing: its record cannot be read", "alert", a.ID[:12], "err", err)
		return nil
	}
	if !j.widen(&rec, placeOf(a), seen, sites, policy) {
		return nil
	}
	if err := j.st.writeJSON(j.st.alertPath(a.ID), rec); err != nil {
		return err
	}
	j.enter(rec)
	return nil
}

// pending is the newest record of an alert that waits for its commit, -1 if none does.
func (j *Journal) pending(id string) int {
	for i, rec := range slices.Backward(j.taken.recs) {
		if rec.Alert.ID == id {
			return i
		}
	}
	return -1
}

// widen is addCopy, with the pauses of this moment, said aloud.
func (j *Journal) widen(rec *AlertRecord, p Place, seen time.Time, sites []Site, policy Policy) bool {
	if !counts(rec.Alert) {
		return false
	}
	before, ok := rec.addCopy(p, seen.UTC().Round(0), sites, policy)
	j.hushSites(rec.Sites[before:], seen, sites)
	for _, d := range rec.Sites[before:] {
		about := []any{"alert", rec.Alert.ID[:12], "site", d.Site, "folder", p.Folder}
		switch d.What {
		case "":
			j.log.Info("alert goes to another site, by a further copy of its mail", about...)
		case Expired:
			j.log.Warn("alert is expired at another site: nothing is grabbed", append(about, "why", d.Note)...)
		default:
			j.log.Info("alert is paused at another site: nothing is grabbed", append(about, "why", d.Note)...)
		}
	}
	return ok
}

// unsureCopies are the places of copies in quarantine that could not be judged: they
// count when another copy lets the alert out.
func (j *Journal) unsureCopies(id string) []Place {
	var was AlertRecord
	if i := j.pending(id); i >= 0 {
		was = j.taken.recs[i]
	} else {
		was, _ = j.st.Alert(id) // none: there are none
	}
	if was.What != Quarantined || !counts(was.Alert) {
		return nil
	}
	return append([]Place{placeOf(was.Alert)}, was.Copies...)
}

// Further is what another copy of an alert would add to its record: the sites that
// its route names and no copy before it did.
func Further(rec AlertRecord, a evidence.Alert, seen time.Time, sites []Site, policy Policy) []Decision {
	if !policy.byPlace() || !counts(a) || !counts(rec.Alert) {
		return nil
	}
	before, _ := rec.addCopy(placeOf(a), seen, sites, policy)
	return rec.Sites[before:]
}
