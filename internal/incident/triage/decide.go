package triage

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"rtmtgrab/internal/incident"
)

// decideQuiet is for how long no alert may have come until a batch is judged whose end
// nobody tells.
const decideQuiet = 30 * time.Second

// Decide judges every alert that was added and writes down what it starts: which
// incidents there are, with which alerts and windows. It is to be called after a
// batch of mails; the incidents that have yet to be run, or whose window grew, are
// returned, and the Runner is woken. After an error the rest stays undecided until
// it is called again, which the Runner does by itself.
func (j *Journal) Decide(now time.Time) ([]incident.Incident, error) {
	j.table.Lock()
	defer j.table.Unlock()
	if !j.due.some {
		return nil, nil
	}
	changed, errs := decideSites(j, now)
	j.due.some, j.due.failed = len(errs) > 0, len(errs) > 0
	slices.SortFunc(changed, incident.NewestFirst)
	j.table.Wake()
	return changed, errors.Join(errs...)
}

// Undecided reports whether Decide is to be called again.
func (j *Journal) Undecided() bool {
	j.table.Lock()
	defer j.table.Unlock()
	return j.due.some
}

// Overdue reports whether Decide is to be called although no batch has ended: it failed,
// or nothing came for so long that nobody is about to. Half of a batch is not to be
// judged: its gaps would look like news, and what is older would run first.
func (j *Journal) Overdue() bool {
	j.table.Lock()
	defer j.table.Unlock()
	quiet := j.now().Sub(j.due.came)
	return j.due.some && (j.due.failed || quiet < 0 || quiet >= decideQuiet)
}

func (j *Journal) circumstances(site string, incidents map[string]*incident.Incident, now time.Time) circumstances {
	c := circumstances{policy: j.conf.policy, cutoff: j.cutoff, incidents: incidents, now: now}
	if i := slices.IndexFunc(j.conf.sites, func(s incident.Site) bool { return s.Name == site }); i >= 0 {
		c.site = j.conf.sites[i]
	}
	return c
}

// unsettled are the verdicts that say something new, and their groups in the order in
// which alerts came to them.
func unsettled(all []verdict) (verdicts []verdict, groups []*group) {
	seen := map[*group]bool{}
	for _, v := range all {
		if v.settled {
			continue
		}
		verdicts = append(verdicts, v)
		if v.g != nil && !seen[v.g] {
			seen[v.g] = true
			groups = append(groups, v.g)
		}
	}
	return verdicts, groups
}

// waiting maps the alerts of incidents of which no host was asked to their keys.
func waiting(incidents map[string]*incident.Incident) map[string]string {
	keys := map[string]string{}
	for _, in := range incidents {
		if in.Joinable() && in.State == incident.Waiting {
			for _, m := range in.Members {
				keys[m.Alert] = in.Key
			}
		}
	}
	return keys
}

// reuse gives groups that have no incident yet the waiting ones in which a member of
// theirs already is, each to one group only.
func reuse(groups []*group, waiting map[string]string) {
	taken := map[string]bool{}
	for _, g := range groups {
		if g.key != "" {
			taken[g.key] = true
		}
	}
	for _, g := range groups {
		if g.key == "" {
			g.key = reusable(g, waiting, taken)
			taken[g.key] = true
		}
	}
}

// reusable is the waiting incident in which a member of the group already is.
func reusable(g *group, waiting map[string]string, taken map[string]bool) string {
	for _, m := range g.members {
		if key := waiting[m.Alert]; key != "" && !taken[key] {
			return key
		}
	}
	return ""
}

// saveGroup brings one incident into line with its group.
func (j *Journal) saveGroup(site string, g *group) (in incident.Incident, changed bool, err error) {
	first := g.members[0]
	id := incident.MakeID(first.Time, site, first.Alert)
	if g.key == "" {
		in, err := j.table.ClaimLocked(j.newIncident(id, site, g), j.now)
		if err == nil {
			g.key = in.Key
		}
		return in, true, err
	}

	cur := j.table.FindLocked(g.key)
	w := g.window // of a started one: never less than it was, see restartPlan
	grew := !incident.SameWindow(w, cur.Asked)
	if !grew && id == cur.ID && sameMembers(g.members, cur.Members) {
		return cur.Clone(), false, nil
	}
	in, err = j.table.ChangeLocked(g.key, func(in *incident.Incident) {
		if in.ID != id {
			in.Aliases = append(slices.DeleteFunc(in.Aliases, func(a string) bool { return a == id }), in.ID)
		}
		in.ID, in.Asked, in.Members = id, w, slices.Clone(g.members)
	})
	return in, grew, err
}

// newIncident is the incident of a group that has none.
func (j *Journal) newIncident(id, site string, g *group) incident.Incident {
	in := incident.Incident{
		ID: id, Site: site, Kind: incident.KindAlert, State: incident.Waiting,
		Asked: g.window, AlertKind: g.kind, Members: slices.Clone(g.members), Revision: 1,
	}
	if i := slices.IndexFunc(j.conf.sites, func(s incident.Site) bool { return s.Name == site }); i >= 0 {
		s := j.conf.sites[i]
		in.TimeZone, in.Hosts, in.Families = s.TimeZone, slices.Clone(s.Hosts), slices.Clone(s.Families)
	}
	if only := j.conf.policy.Of(g.kind).Families; len(only) > 0 {
		in.Only, in.Families = slices.Clone(only), slices.Clone(only)
	}
	return in
}

// decision is a verdict as it is written down.
func (v verdict) decision(site string) incident.Decision {
	switch {
	case v.g != nil:
		return incident.Decision{Site: site, What: incident.InIncident, Incident: v.g.key, Why: v.why}
	case v.limited:
		return incident.Decision{Site: site, What: incident.Limited, Note: v.note}
	}
	return incident.Decision{Site: site, What: incident.Repeat, Of: v.of}
}

// dissolve removes waiting incidents of which nothing is left: their alerts have
// gone into others.
func (j *Journal) dissolve(incidents map[string]*incident.Incident, groups []*group) error {
	kept := map[string]bool{}
	for _, g := range groups {
		kept[g.key] = true
	}
	for key, in := range incidents {
		if in.Kind != incident.KindAlert || in.State != incident.Waiting || kept[key] {
			continue
		}
		if err := j.table.DissolveLocked(key); err != nil {
			return fmt.Errorf("dissolve incident %s: %w", in.ID, err)
		}
	}
	return nil
}

func sameMembers(a, b []incident.Member) bool {
	return slices.EqualFunc(a, b, func(a, b incident.Member) bool {
		return a.Alert == b.Alert && a.Why == b.Why && a.Time.Equal(b.Time)
	})
}
