package owner

import (
	"context"
	"errors"
	"io/fs"
	"slices"
	"time"

	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/fleet"
	"rtmtgrab/internal/fleet/owner/claims"
	"rtmtgrab/internal/human"
	"rtmtgrab/internal/incident"
)

// settled does what is to be done about one alert at the hub, and reports whether that was all: it is
// sealed somewhere for good, or released by its owner.
func (o *Owner) settled(ctx context.Context, me claims.Me, site, alert string, since time.Time) (bool, error) {
	b, err := o.bucket(ctx, fleet.ClaimBucket)
	if err != nil {
		return false, err
	}
	in, d, err := o.incidentOf(site, alert)
	if err != nil {
		return false, err
	}
	switch {
	case d.At != "":
		return true, nil
	case in.Key != "" && in.State != incident.Sealed:
		if in.Fleet.Standing && me.Owner {
			o.Runner.Nudge(in.Key)
		}
		return false, nil
	case in.Key != "" && in.Fleet.Claimed:
		return true, o.mark(ctx, b, in, alert)
	case in.Key != "" && len(in.Fleet.SupplementOf) > 0:
		return true, nil
	case in.Key != "":
		o.sealed() // it is put together beside, which may take long
		return !o.mayMerge(in), nil
	}
	claim, there, err := claims.ClaimOf(ctx, b, site, alert)
	if err != nil || there && (!claim.Sealed.IsZero() || claim.Released != "") {
		return err == nil, err
	}
	why := releases(d, o.since(since) >= o.pace(unheardFor))
	if why == "" || !me.Owner {
		return false, nil
	}
	return true, claims.Release(ctx, b, me, site, alert, why)
}

// releases says why the owner makes no incident of an alert; "": it may yet.
func releases(d incident.Decision, late bool) string {
	switch {
	case d.What == incident.InIncident:
		return "removed"
	case d.What != "":
		return string(d.What)
	case late:
		return "unheard" // it did not come, or is not decided
	}
	return ""
}

// incidentOf is what this collector has of an alert: its incident, if that is there, and what was decided.
func (o *Owner) incidentOf(site, alert string) (in incident.Incident, d incident.Decision, err error) {
	if !incident.IsID(alert) {
		return in, incident.Decision{What: incident.Unrouted}, nil
	}
	rec, err := o.store().Alert(alert)
	if errors.Is(err, fs.ErrNotExist) {
		return in, d, nil
	}
	if err != nil {
		return in, d, err
	}
	i := slices.IndexFunc(rec.Sites, func(d incident.Decision) bool { return d.Site == site })
	if i < 0 {
		return in, incident.Decision{What: rec.What}, nil
	}
	d = rec.Sites[i]
	if d.What != incident.InIncident || d.At != "" {
		return in, d, nil
	}
	in, err = o.store().Read(d.Incident)
	if errors.Is(err, fs.ErrNotExist) {
		return incident.Incident{}, d, nil
	}
	return in, d, err
}

// mark has the claims of some alerts of a sealed incident say that they are final, and takes up who supplements it.
func (o *Owner) mark(ctx context.Context, b kv, in incident.Incident, alerts ...string) error {
	s, there, err := claims.SealingOf(ctx, b, in.Site, o.name(), in.Key)
	if err != nil || !there {
		return err
	}
	s.Alerts = slices.DeleteFunc(s.Alerts, func(a string) bool { return !slices.Contains(alerts, a) })
	if err := claims.Mark(ctx, b, in.Site, s); err != nil {
		return err
	}
	return o.supplemented(in, s.Links)
}

// supplemented writes into a sealed incident which ones others keep beside it.
func (o *Owner) supplemented(in incident.Incident, links []fleet.Link) error {
	if len(links) <= len(in.Fleet.Supplements) {
		return nil
	}
	return o.change(in.Key, func(in *incident.Incident) error {
		in.Fleet.Supplements = links
		return nil
	})
}

// change changes the record of a sealed incident that nobody works at.
func (o *Owner) change(key string, change func(*incident.Incident) error) error {
	lock, err := o.store().LockIncident(key)
	if err != nil {
		return err
	}
	defer lock.Release()
	in, err := o.store().Read(key)
	if err != nil {
		return err
	}
	if err := change(&in); err != nil {
		return err
	}
	return o.store().Save(in)
}

// A todo is what is to be done about incidents that are sealed.
type todo struct {
	seen   map[string]time.Time
	open   map[string]incident.Incident // sealed alone; what settleAlone asks of them
	recent map[string]*looked           // links that may come
	untold map[string]bool              // that they are delivered
	said   map[string]bool              // of those of open, that it does not succeed yet
}

// putTogether settles what was sealed alone, until ctx ends, says what is delivered, and keeps links up
// to date.
func (o *Owner) putTogether(ctx context.Context) {
	d := &todo{map[string]time.Time{}, map[string]incident.Incident{}, map[string]*looked{}, map[string]bool{}, map[string]bool{}}
	for ctx.Err() == nil {
		o.note(d)
		for key, in := range d.open {
			if o.settleAlone(ctx, key, in, d.said) {
				delete(d.open, key)
				delete(d.said, key)
			}
		}
		o.tellDelivered(ctx, d.untold)
		o.lookAtLinks(ctx, d.recent)
		if !pauseOr(ctx, o.pace(mergeEvery), o.fresh) {
			pause(ctx, o.pace(freshAfter))
		}
	}
}

// note takes up what has changed of incidents on disk.
func (o *Owner) note(d *todo) {
	list, err := o.store().Changed(d.seen)
	if err != nil {
		o.Log.Debug("some incidents cannot be read", "err", err) // others say so
	}
	for _, in := range list {
		delete(d.open, in.Key)
		if in.State != incident.Sealed || in.Kind != incident.KindAlert {
			continue
		}
		if o.shares(in.Site) && o.untold(in) {
			d.untold[in.Key] = true
		}
		switch {
		case !in.Fleet.Claimed && len(in.Fleet.SupplementOf) == 0:
			d.open[in.Key] = incident.Incident{Site: in.Site, Fleet: in.Fleet, Revisions: in.Revisions}
		case in.Fleet.Claimed && o.shares(in.Site) && d.recent[in.Key] == nil && o.since(sealedAt(in)) < linksFor:
			d.recent[in.Key] = &looked{}
		}
	}
}

// settleAlone puts an incident together with others that was sealed alone: marked so, or because nobody
// knew that others watch the site; of the latter those that were sealed long ago stay as they are.
func (o *Owner) settleAlone(ctx context.Context, key string, in incident.Incident, said map[string]bool) (done bool) {
	if !o.mayMerge(in) {
		return true
	}
	if !o.shares(in.Site) {
		return false
	}
	done, err := o.merge(ctx, key)
	if err != nil && !unfinished(err) && !errors.Is(err, incident.ErrBusy) && !said[key] {
		said[key] = true
		o.Log.Warn("an incident that was sealed alone is not put together with others yet; trying again", "key", key, "err", human.OneLine(err))
	}
	return done && err == nil
}

// mayMerge reports whether an incident that was sealed alone is put together with others.
func (o *Owner) mayMerge(in incident.Incident) bool {
	return in.Fleet.Unclaimed || o.since(sealedAt(in)) < linksFor
}

const (
	mergeEvery = 10 * time.Second
	linksFor   = 24 * time.Hour // after it was sealed, an incident learns of its supplements
)

func sealedAt(in incident.Incident) time.Time {
	if n := len(in.Revisions); n > 0 {
		return in.Revisions[n-1].Sealed
	}
	return time.Time{}
}

// A looked is how often an incident was looked at at the hub, and when last.
type looked struct {
	times int
	last  time.Time
}

// due reports whether it is looked at once more: ever more seldom.
func (o *Owner) due(l *looked) bool {
	return l.last.IsZero() || o.since(l.last) >= o.pace(15*time.Second<<min(2*max(0, l.times-1), 12))
}

// lookAtLinks has incidents that were sealed of late learn of supplements that others keep.
func (o *Owner) lookAtLinks(ctx context.Context, recent map[string]*looked) {
	for key, l := range recent {
		if !o.due(l) {
			continue
		}
		in, err := o.store().Read(key)
		if errors.Is(err, fs.ErrNotExist) || err == nil && o.since(sealedAt(in)) >= linksFor {
			delete(recent, key)
			continue
		}
		if err == nil {
			err = o.lookAtOne(ctx, in, l.times == 0)
		}
		if unfinished(err) {
			return // the hub is away: there is another time for all
		}
		l.last = o.now()
		if err == nil {
			l.times++
		}
	}
}

func (o *Owner) lookAtOne(ctx context.Context, in incident.Incident, first bool) error {
	ctx, cancel := context.WithTimeout(ctx, asking(len(in.Members)))
	defer cancel()
	b, err := o.bucket(ctx, fleet.ClaimBucket)
	if err != nil {
		return err
	}
	if first {
		return o.mark(ctx, b, in, in.AlertIDs()...)
	}
	s, _, err := claims.SealingOf(ctx, b, in.Site, o.name(), in.Key)
	if err != nil {
		return err
	}
	return o.supplemented(in, s.Links)
}

// merge settles an incident that was sealed without the hub: it claims its alerts, or gives way to
// those who did. done: nothing is left to do.
func (o *Owner) merge(ctx context.Context, key string) (done bool, err error) {
	lock, err := o.store().LockIncident(key)
	if err != nil {
		return false, err
	}
	release := func() { lock.Release() }
	defer func() { release() }()
	in, err := o.store().Read(key)
	if errors.Is(err, fs.ErrNotExist) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	if in.State != incident.Sealed || in.Fleet.Claimed || len(in.Fleet.SupplementOf) > 0 {
		return in.State == incident.Sealed, nil
	}
	m, err := o.store().ManifestFile(key, in.Revision).Read()
	if err != nil {
		return false, err
	}
	ctx, cancel := context.WithTimeout(ctx, asking(len(in.Members)))
	defer cancel()
	v, _, err := o.judge(ctx, in, claims.HasOf(m.Asked, m.Hosts), m.Coverage)
	if err != nil {
		return false, err
	}
	list := elsewhere(in, v)
	switch v.Act {
	case claims.Seal:
		return o.claimLate(ctx, in, m, v)
	case claims.Supplement:
		if err := o.keep(ctx, in, m, v); err != nil {
			return false, err
		}
		in.Supplement(list)
		in.Fleet.InPlace = v.InPlace
		return true, o.save(in, list)
	case claims.Drop:
		if o.Withdraw != nil && o.Withdraw(key, incident.DropWhy(list)) {
			return false, nil // what has begun comes to its end first
		}
		if err := o.save(in, list); err != nil {
			return false, err
		}
		release() // for the removal
		release = func() {}
		return o.Runner.RemoveGiven(key)
	}
	return false, nil
}

// claimLate claims an incident that was sealed without the hub; what of its alerts others have is not in it any more.
func (o *Owner) claimLate(ctx context.Context, in incident.Incident, m evidence.Manifest, v claims.Verdict) (done bool, err error) {
	ok, err := o.commit(ctx, in, m, v)
	if err != nil || !ok {
		return false, err
	}
	list := elsewhere(in, v)
	in.Fleet.Claimed, in.Fleet.Unclaimed, in.Fleet.Epoch = true, false, v.Epoch()
	in.Members = slices.DeleteFunc(slices.Clone(in.Members), func(m incident.Member) bool { return !slices.Contains(v.Mine, m.Alert) })
	return true, o.save(in, list)
}

// save writes a sealed incident, and first into its alerts where they are.
func (o *Owner) save(in incident.Incident, list []incident.Elsewhere) error {
	for _, e := range list {
		if !slices.Contains(in.Fleet.Elsewhere, e) {
			in.Fleet.Elsewhere = append(in.Fleet.Elsewhere, e)
		}
	}
	o.Table.Lock()
	err := incident.SetElsewhere(o.store(), in.Site, list)
	o.Table.Unlock()
	if err != nil {
		return err
	}
	return o.store().Save(in)
}
