package triage

import (
	"cmp"
	"log/slog"
	"slices"
	"time"

	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/incident"
)

// maxCopies bounds the places that are remembered of an alert; copies elsewhere then
// change nothing.
const maxCopies = 50

func placeOf(a evidence.Alert) incident.Place {
	if a.Relay != nil {
		return incident.Place{Relay: a.Relay}
	}
	return incident.Place{Mailbox: a.Mailbox, Folder: a.Folder, Recipients: a.Recipients}
}

func samePlace(p, o incident.Place) bool {
	if p.Relay != nil || o.Relay != nil {
		return p.Relay != nil && o.Relay != nil && p.Relay.Site == o.Relay.Site
	}
	return p.Mailbox == o.Mailbox && p.Folder == o.Folder && slices.Equal(p.Recipients, o.Recipients)
}

// readAt is the alert as if it had been read there first.
func readAt(p incident.Place, a evidence.Alert) evidence.Alert {
	if a.Relay = p.Relay; p.Relay == nil {
		a.Mailbox, a.Folder, a.Recipients = p.Mailbox, p.Folder, p.Recipients
	}
	return a
}

// byPlace reports whether two copies of a mail may have different routes. While they
// may not, nobody remembers where further copies lay.
func byPlace(p incident.Policy) bool {
	return slices.ContainsFunc(p.Rules, func(r incident.Rule) bool { return r.To != "" || r.Folder != "" })
}

// withPlace notes where another copy lay, and adds the sites that its route names and
// no copy before it did. So the sites are the same in whatever order copies are read,
// and each counts once; the same copy read again changes nothing. A copy that is read
// too late adds sites that do nothing. changed is false if nothing is new.
func withPlace(rec incident.AlertRecord, p incident.Place, seen time.Time, conf config) (next incident.AlertRecord, changed bool) {
	known := samePlace(placeOf(rec.Alert), p) || slices.ContainsFunc(rec.Copies, func(o incident.Place) bool { return samePlace(o, p) })
	if p.Relay != nil && slices.ContainsFunc(rec.Sites, func(d incident.Decision) bool { return d.Site == p.Relay.Site }) {
		return rec, false // it is there already, by whatever way
	}
	if rec.What == incident.Expired || rec.What == incident.Dropped || rec.What == incident.Drilled || known || len(rec.Copies) >= maxCopies {
		return rec, false
	}
	rec.Copies = append(slices.Clone(rec.Copies), p)
	rec.Sites = slices.Clone(rec.Sites)
	if rec.What != "" && rec.What != incident.Unrouted && rec.What != incident.Forwarded { // in quarantine: the sites are found when it is let out
		return rec, true
	}

	names, why := incident.RouteAlert(conf.sites, conf.policy.Rules, readAt(p, rec.Alert))
	before := len(rec.Sites)
	for _, n := range names {
		if slices.ContainsFunc(rec.Sites, func(d incident.Decision) bool { return d.Site == n }) {
			continue
		}
		d := incident.Decision{Site: n}
		if tooOld(rec.Alert.Time, seen, conf.policy) {
			d.What, d.Note = incident.Expired, "the copy for this site was older than mail.max_age when it was read"
		}
		rec.Sites = append(rec.Sites, d)
	}
	if len(rec.Sites) > before {
		rec.What = ""
		rec.Routed += "; a copy " + whereOf(p) + ": " + why
	}
	return rec, true
}

func whereOf(p incident.Place) string {
	if p.Relay != nil {
		return "by the fleet"
	}
	return "in " + cmp.Or(p.Folder, "another place")
}

// withUnsureCopies adds the places of copies in quarantine that could not be judged:
// they count when another copy lets the alert out.
func (in *intake) withUnsureCopies(rec incident.AlertRecord, seen time.Time, conf config) incident.AlertRecord {
	var was incident.AlertRecord
	if i, ok := in.newest[rec.Alert.ID]; ok {
		was = in.recs[i]
	} else {
		was, _ = in.files.St.Alert(rec.Alert.ID) // none: there are none
	}
	if was.What != incident.Quarantined || !counts(was.Alert) {
		return rec
	}
	for _, p := range append([]incident.Place{placeOf(was.Alert)}, was.Copies...) {
		rec, _ = in.withCopy(rec, p, seen, conf)
	}
	return rec
}

// withCopy is the record with the sites that another copy adds, and the pauses of
// this moment, and logged; changed is false if it adds nothing to the record.
func (in *intake) withCopy(rec incident.AlertRecord, p incident.Place, seen time.Time, conf config) (next incident.AlertRecord, changed bool) {
	if !counts(rec.Alert) {
		return rec, false
	}
	before := len(rec.Sites)
	next, changed = withPlace(rec, p, seen.UTC().Round(0), conf)
	added := in.silence(next.Sites[before:], seen, conf.sites)
	next.Sites = append(next.Sites[:before:before], added...)
	logAdded(in.log, rec.Alert.ID, p, added)
	return next, changed
}

// counts reports whether a copy may add sites: it is not known to be forged. One
// whose sender cannot be verified for the time being may, for what it can add to is
// verified by itself.
func counts(a evidence.Alert) bool { return mayTrigger(a) || a.Auth.Temporary }

// logAdded says which sites a copy has added.
func logAdded(log *slog.Logger, id string, p incident.Place, added []incident.Decision) {
	for _, d := range added {
		about := []any{"alert", id[:12], "site", d.Site, "folder", p.Folder}
		switch d.What {
		case "":
			log.Info("another copy of the mail routes the alert to one more site", about...)
		case incident.Expired:
			log.Warn("alert expired for one more site: nothing is grabbed", append(about, "why", d.Note)...)
		default:
			log.Info("alert paused for one more site: nothing is grabbed", append(about, "why", d.Note)...)
		}
	}
}

// Further is what another copy of an alert would add to its record: the sites that
// its route names and no copy before it did.
func Further(rec incident.AlertRecord, a evidence.Alert, seen time.Time, sites []incident.Site, policy incident.Policy) []incident.Decision {
	if !byPlace(policy) || !counts(a) || !counts(rec.Alert) {
		return nil
	}
	next, _ := withPlace(rec, placeOf(a), seen, config{sites, policy})
	return next.Sites[len(rec.Sites):]
}
