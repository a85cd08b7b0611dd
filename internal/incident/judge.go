package incident

import (
	"slices"
	"time"

	"rtmtgrab/internal/evidence"
)

// circumstances are what a site's alerts are judged by, beside each other.
type circumstances struct {
	policy    Policy
	cutoff    time.Time            // repeats seen before it were judged under another policy, and stay
	incidents map[string]*Incident // the site's unsealed ones, by key
	now       time.Time
}

// judgeAlerts plans what was not planned yet, or, if whole, everything. A started incident
// that grows backwards may then reach alerts that were judged before it was reached:
// they are judged again beside the grown one, until a restart would change nothing.
func (s *siteIndex) judgeAlerts(c circumstances) (verdicts []verdict, whole bool) {
	whole = s.stale || s.plan == nil
	grown := map[string]evidence.Window{}
	for again := true; again; {
		if whole {
			s.restartPlan(c, grown)
		}
		verdicts = nil
		for _, e := range s.entries[s.planned:] {
			verdicts = append(verdicts, s.plan.judgeEntry(e))
		}
		again = whole && s.plan.grewBack(grown)
	}
	s.planned = len(s.entries)
	return verdicts, whole
}

// restartPlan makes ready to judge all alerts of a site from the beginning, but for
// what cannot change any more. grown holds windows of started incidents, by key,
// that are wider than those on disk.
func (s *siteIndex) restartPlan(c circumstances, grown map[string]evidence.Window) {
	started, pins := startedGroups(c.incidents, grown)
	horizon := c.now.Add(-SeenFor)
	if p := c.policy; p.MaxAge > 0 { // nothing that still can come reaches further back
		horizon = c.now.Add(-(p.MaxAge + p.Cooldown + p.Max + p.widest()))
	}
	for _, e := range s.entries {
		if e.d.What == InIncident && c.incidents[e.d.Incident] == nil {
			e.frozen = true // sealed, or removed since
		}
		e.pin = pins[e.id]
		e.fixed = e.frozen || (e.d.What == Repeat || e.d.What == Limited) && (e.t.Before(horizon) || e.seen.Before(c.cutoff))
	}
	s.plan, s.planned = newPlanner(c.policy, started), 0
	s.plan.taken = openings(s.entries, c)
}

// startedGroups are the incidents whose hosts were asked, and which alerts are pinned
// to them: hosts were asked for their windows.
func startedGroups(incidents map[string]*Incident, grown map[string]evidence.Window) (started []*group, pins map[string]pin) {
	pins = map[string]pin{}
	for _, in := range incidents {
		if !in.Joinable() || in.State == Waiting {
			continue
		}
		w := in.Asked
		if g, ok := grown[in.Key]; ok {
			w = g
		}
		started = append(started, &group{key: in.Key, kind: KindOf(in.AlertKind), window: w})
		for _, m := range in.Members {
			if m.Why != WhyJoined {
				pins[m.Alert] = pin{in.Key, m.Why}
			}
		}
	}
	return started, pins
}

// openings are the times at which the incidents were opened which stay whatever is
// planned: hosts were asked for them. An earlier alert that joined one since, and
// leads its members now, does not move its opening: what was judged beside it stays
// judged alike, after a restart too.
func openings(entries []*entry, c circumstances) []time.Time {
	var times []time.Time
	seen := map[string]bool{}
	for _, e := range entries {
		if e.d.What != InIncident || e.d.Why == WhyJoined || seen[e.d.Incident] {
			continue
		}
		opened := e.opened
		if in := c.incidents[e.d.Incident]; in != nil {
			if in.Joinable() && in.State == Waiting {
				continue // planned anew
			}
			opened = openedAt(*in, c.policy)
		}
		if opened.IsZero() { // its incident is gone
			opened = e.t
		}
		seen[e.d.Incident] = true
		times = append(times, opened)
	}
	slices.SortFunc(times, time.Time.Compare)
	return times
}

// openedAt is the time of the first alert of an incident when the first host was
// asked: what joins without news widens no window.
func openedAt(in Incident, p Policy) time.Time {
	if in.Opened.Since.IsZero() {
		return time.Time{}
	}
	return in.Opened.Since.Add(p.Of(in.AlertKind).Before)
}
