package triage

import (
	"slices"
	"strings"
	"time"

	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/incident"
)

// restartPlan makes ready to judge all alerts of a site from the beginning, but for
// what cannot change any more. grown holds windows of started incidents, by key,
// that are wider than those on disk.
func (s *siteIndex) restartPlan(c circumstances, grown map[string]evidence.Window) {
	started, pins := startedGroups(c.incidents, grown)
	horizon := c.now.Add(-SeenFor)
	if p := c.policy; p.MaxAge > 0 { // nothing that still can come reaches further back
		horizon = c.now.Add(-(p.MaxAge + p.Cooldown + p.Max + widest(p)))
	}
	for _, e := range s.entries {
		if e.d.What == incident.InIncident && c.incidents[e.d.Incident] == nil {
			e.frozen = true // sealed, or removed since
		}
		if e.d.At != "" {
			e.frozen = true // another collector has it
		}
		e.pin = pins[e.id]
		e.fixed = e.frozen || (e.d.What == incident.Repeat || e.d.What == incident.Limited) && (e.t.Before(horizon) || e.seen.Before(c.cutoff))
	}
	s.plan, s.planned = newPlanner(c.policy, started), 0
	s.plan.sealed = s.sealed()
	s.plan.share = share{site: c.site, taken: openings(s.entries, c)}
}

// sealed are the alerts of incidents that nothing joins any more.
func (s *siteIndex) sealed() (list []*entry) {
	for _, e := range s.entries {
		if e.fixed && e.d.What == incident.InIncident {
			list = append(list, e)
		}
	}
	return list
}

// startedGroups are the incidents whose hosts were asked, and which alerts are pinned
// to them: hosts were asked for their windows.
func startedGroups(incidents map[string]*incident.Incident, grown map[string]evidence.Window) (started []*group, pins map[string]pin) {
	pins = map[string]pin{}
	for _, in := range incidents {
		if !in.Joinable() || in.State == incident.Waiting {
			continue
		}
		w := in.Asked
		if g, ok := grown[in.Key]; ok {
			w = g
		}
		g := &group{key: in.Key, kind: incident.KindOf(in.AlertKind), window: w}
		for _, m := range in.Members {
			if g.lead = m.Alert; m.Why != incident.WhyJoined {
				pins[m.Alert] = pin{in.Key, m.Why}
				g.pinned++
			}
		}
		started = append(started, g)
	}
	return started, pins
}

// openings are the times at which the incidents were opened which stay whatever is
// planned: hosts were asked for them. An earlier alert that joined one since, and
// leads its members now, does not move its opening: what was judged beside it stays
// judged alike, after a restart too.
func openings(entries []*entry, c circumstances) []opening {
	var list []opening
	seen := map[string]bool{}
	for _, e := range entries {
		if e.d.What != incident.InIncident || e.d.Why == incident.WhyJoined || seen[e.d.Incident] {
			continue
		}
		opened := e.opened
		if in := c.incidents[e.d.Incident]; in != nil {
			if in.Joinable() && in.State == incident.Waiting {
				continue // planned anew
			}
			opened = openedAt(*in, c.policy)
		}
		if opened.IsZero() { // its incident is gone
			opened = e.t
		}
		seen[e.d.Incident] = true
		o := openingOf(e, c.site)
		o.t = opened
		list = append(list, o)
	}
	slices.SortFunc(list, opening.compare)
	return list
}

// openedAt is the time of the first alert of an incident when the first host was
// asked: what joins without news widens no window.
func openedAt(in incident.Incident, p incident.Policy) time.Time {
	if in.Opened.Since.IsZero() {
		return time.Time{}
	}
	return in.Opened.Since.Add(p.Of(in.AlertKind).Before)
}

func newPlanner(p incident.Policy, started []*group) *planner {
	ahead := slices.Clone(started)
	slices.SortFunc(ahead, func(a, b *group) int {
		if c := a.window.Since.Compare(b.window.Since); c != 0 {
			return c
		}
		return strings.Compare(a.key, b.key)
	})
	begun := map[*group]time.Time{}
	for _, g := range ahead {
		begun[g] = g.window.Since
	}
	return &planner{policy: p, begun: begun, ahead: ahead, kinds: map[string]*memory{}}
}

// widest is the longest window that one alert can ask for.
func widest(p incident.Policy) time.Duration {
	w := p.Before + p.After
	for _, k := range p.Kinds {
		w = max(w, k.Before+k.After)
	}
	return w
}
