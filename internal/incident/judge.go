package incident

import (
	"time"

	"rtmtgrab/internal/evidence"
)

// judge plans what was not planned yet, or, if whole, everything. A started incident
// that grows backwards may then reach alerts that were judged before it was reached:
// they are judged again beside the grown one, until a restart would change nothing.
func (j *Journal) judge(site string, x *siteIndex, now time.Time) (verdicts []verdict, whole bool) {
	whole = x.stale || x.plan == nil
	grown := map[string]evidence.Window{}
	for again := true; again; {
		if whole {
			j.replan(site, x, now, grown)
		}
		verdicts = nil
		for _, e := range x.entries[x.planned:] {
			verdicts = append(verdicts, x.plan.step(e))
		}
		again = whole && x.plan.grewBack(grown)
	}
	x.planned = len(x.entries)
	return verdicts, whole
}

// replan makes ready to judge all alerts of a site from the beginning, but for
// what cannot change any more. grown holds windows of started incidents, by key,
// that are wider than those on disk.
func (j *Journal) replan(site string, x *siteIndex, now time.Time, grown map[string]evidence.Window) {
	var started []*group
	pins := map[string]Member{} // alert -> what it is to the incident that it is pinned to
	keys := map[string]string{}
	for _, in := range j.m {
		if in.Site != site || !in.open() || in.State == Waiting {
			continue
		}
		w := in.Asked
		if g, ok := grown[in.Key]; ok {
			w = g
		}
		started = append(started, &group{key: in.Key, kind: kindOf(in.AlertKind), window: w})
		for _, m := range in.Members {
			if m.Why != WhyJoined { // hosts were asked for its window
				pins[m.Alert], keys[m.Alert] = m, in.Key
			}
		}
	}
	horizon := now.Add(-SeenFor)
	if p := j.policy; p.MaxAge > 0 { // nothing that still can come reaches further back
		horizon = now.Add(-(p.MaxAge + p.Cooldown + p.Max + p.widest()))
	}
	for _, e := range x.entries {
		if e.d.What == InIncident && j.m[e.d.Incident] == nil {
			e.frozen = true // sealed, or removed since
		}
		e.pin, e.pinWhy = keys[e.id], pins[e.id].Why
		e.fixed = e.frozen || (e.d.What == Repeat || e.d.What == Limited) && (e.t.Before(horizon) || e.seen.Before(j.cutoff))
	}
	x.plan, x.planned = newPlanner(j.policy, started), 0
	x.plan.taken = j.openings(x.entries)
}
