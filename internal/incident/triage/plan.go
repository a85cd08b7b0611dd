package triage

import (
	"slices"
	"time"

	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/incident"
)

// A pin holds an alert at the started incident whose window it shaped.
type pin struct {
	key string // "": at none
	why incident.Why
}

// A group is a set of alerts that make one incident.
type group struct {
	key     string // of its incident; "" until it has one
	first   *entry // that opened it; nil: hosts were asked
	kind    string
	window  evidence.Window
	part    string // the alert whose part of the limit it has; "": none was kept for it
	members []incident.Member
	pinned  int    // members of a started one that are still to come
	lead    string // a member of a started one
}

// maxMembers bounds the alerts of one incident, but for those that widen its window by a second: who forges mails
// could else have thousands of them kept, and written anew with each, for as long as it is there.
const maxMembers = 1000

// crowded reports whether a group has no place for an alert of that window, and by which of its members
// that alert's minutes are grabbed all the same.
func (g *group) crowded(widens bool, w evidence.Window) (of string, yes bool) {
	if len(g.members)+g.pinned < maxMembers || widens && g.window.Union(w).Length()-g.window.Length() >= time.Second {
		return "", false
	}
	if n := len(g.members); n > 0 {
		return g.members[n-1].Alert, true
	}
	return g.lead, true
}

// A verdict is what planning says about one entry: a member of g, or, without g, a
// repeat of the alert of. settled means that there was nothing to judge.
type verdict struct {
	e       *entry
	g       *group
	why     incident.Why
	of      string
	settled bool
	limited bool   // it would open an incident, but the limit is reached
	note    string // of limited: which part of it
}

// A planner walks over one site's alerts in alert order. It is pure: what it says
// follows from the policy, the entries and the started incidents alone, so that
// the order of arrival does not matter.
type planner struct {
	policy incident.Policy
	begun  map[*group]time.Time // started ones, and where their windows began
	open   []*group             // that an alert may still join, in the order of opening
	ahead  []*group             // started ones whose first alert has not been reached

	kinds  map[string]*memory
	sealed []*entry // of incidents that nothing joins any more, in alert order

	share  share                      // of the limit
	chosen map[string]evidence.Window // by alerts for which a part of the limit is kept, see chooseNewest
}

func (p *planner) of(kind string) *memory {
	m := p.kinds[kind]
	if m == nil {
		m = newMemory()
		p.kinds[kind] = m
	}
	return m
}

// maxGap bounds the doubling of Policy.Again.
const maxGap = 24 * time.Hour

// circumstances are what a site's alerts are judged by, beside each other.
type circumstances struct {
	policy    incident.Policy
	cutoff    time.Time                     // repeats seen before it were judged under another policy, and stay
	incidents map[string]*incident.Incident // the site's unsealed ones, by key
	site      incident.Site
	now       time.Time
}

// judgeAlerts plans what was not planned yet, or, if whole, everything. Where an alert is
// limited although incidents of older ones have not begun, everything is planned anew:
// the limit is spent newest first.
func (s *siteIndex) judgeAlerts(c circumstances) (verdicts []verdict, whole bool) {
	if !s.stale && s.plan != nil {
		verdicts = s.judgeRest()
		if !mayGiveWay(verdicts, c.incidents) {
			return verdicts, false
		}
	}
	free := c
	free.policy.Limit = 0
	verdicts = s.judgeAll(free, nil, nil)
	if c.policy.Limit > 0 {
		if chosen, windows, all := s.chooseNewest(c, verdicts); !all {
			verdicts = s.judgeAll(c, chosen, windows)
		}
	}
	s.plan.policy = c.policy
	return verdicts, true
}

// judgeRest judges what was not planned yet.
func (s *siteIndex) judgeRest() (verdicts []verdict) {
	for _, e := range s.entries[s.planned:] {
		verdicts = append(verdicts, s.plan.judgeEntry(e))
	}
	s.planned = len(s.entries)
	return verdicts
}

// mostSteps is how often everything is judged anew for windows that reach further back. Each step is
// about half of a window or more: with the usual ones window.max is reached before. Who forges mails could
// else have thousands of them judged thousands of times, where window.max is many windows long.
const mostSteps = 12

// judgeAll judges everything. An incident that grows backwards, a started one or one that was
// chosen, may reach alerts that were judged before it was reached: they are judged again
// beside the grown one, until a restart would change nothing. One that was chosen grows mostSteps
// times at most.
func (s *siteIndex) judgeAll(c circumstances, chosen []opening, windows map[string]evidence.Window) (verdicts []verdict) {
	grown := map[string]evidence.Window{}
	steps := 0
	for again := true; again; steps++ {
		s.restartPlan(c, grown)
		s.plan.choose(chosen, windows)
		verdicts = s.judgeRest()
		again = s.plan.grewBack(grown) || steps < mostSteps && widened(verdicts, windows)
	}
	return verdicts
}

// grewBack notes in grown the windows, by key, of started groups that begin earlier
// than they did, and reports whether there are any.
func (p *planner) grewBack(grown map[string]evidence.Window) (some bool) {
	for g, since := range p.begun {
		if g.window.Since.Before(since) {
			grown[g.key], some = g.window, true
		}
	}
	return some
}

// widened widens the windows, by alert, that the limit has a part for, to those of the groups
// that got it and begin earlier, and reports whether there are any.
func widened(verdicts []verdict, windows map[string]evidence.Window) (some bool) {
	for _, v := range verdicts {
		if v.g != nil && v.g.part != "" && v.g.window.Since.Before(windows[v.g.part].Since) {
			windows[v.g.part], some = windows[v.g.part].Union(v.g.window), true
		}
	}
	return some
}

// judgeEntry judges the next entry in alert order.
func (p *planner) judgeEntry(e *entry) verdict {
	v := p.verdictOf(e)
	if !v.limited { // else it is news still
		p.of(e.kind).remember(e, v.g != nil || e.fixed && e.d.What == incident.InIncident)
	}
	return v
}

// verdictOf asks: is it settled? Does it join an open incident? Is it a repeat, or
// news? Does it join one that comes later, or open its own?
func (p *planner) verdictOf(e *entry) verdict {
	p.closeBefore(e)
	if e.fixed {
		if e.d.What == incident.InIncident && e.d.Why != incident.WhyJoined {
			p.freshen(e, e.d.Why, true)
		}
		return verdict{e: e, settled: true, limited: e.d.What == incident.Limited, note: e.d.Note}
	}
	if g := p.openGroup(e.pin.key); g != nil {
		g.pinned--
		return p.join(g, e, e.pin.why)
	}

	why, by := p.newsOf(e)
	w := p.policy.WindowOf(e.kind, e.t)
	if g := p.joinable(p.open, e); g != nil {
		if of, yes := g.crowded(why == incident.WhyNews, w); yes {
			return verdict{e: e, of: of}
		}
		if why == incident.WhyNews {
			return p.join(g, e, incident.WhyNews)
		}
		return p.join(g, e, incident.WhyJoined)
	}
	if why == "" {
		return verdict{e: e, of: by}
	}

	if g := p.joinable(p.ahead, e); g != nil { // an incident of later alerts already runs
		if of, yes := g.crowded(true, w); yes {
			return verdict{e: e, of: of}
		}
		return p.join(p.openGroup(g.key), e, why)
	}
	g, note := p.spend(e)
	if g == nil {
		return verdict{e: e, limited: true, note: note}
	}
	p.open = append(p.open, g)
	return p.join(g, e, why)
}

// closeBefore closes the groups that e and later alerts cannot reach.
func (p *planner) closeBefore(e *entry) {
	p.open = slices.DeleteFunc(p.open, func(g *group) bool {
		return !g.window.Until.After(e.t.Add(-p.policy.Of(g.kind).Before))
	})
}

func (p *planner) join(g *group, e *entry, why incident.Why) verdict {
	if why != incident.WhyJoined {
		g.window = g.window.Union(p.policy.WindowOf(e.kind, e.t))
		p.freshen(e, why, len(g.members) == 0)
	}
	g.members = append(g.members, incident.Member{Alert: e.id, Time: e.t, Why: why})
	return verdict{e: e, g: g, why: why}
}

// openGroup returns the started group of that key and opens it if it was still ahead.
func (p *planner) openGroup(key string) *group {
	if key == "" {
		return nil
	}
	if i := slices.IndexFunc(p.ahead, func(g *group) bool { return g.key == key }); i >= 0 {
		g := p.ahead[i]
		p.ahead = slices.Delete(p.ahead, i, i+1)
		p.open = append(p.open, g)
		return g
	}
	if i := slices.IndexFunc(p.open, func(g *group) bool { return g.key == key }); i >= 0 {
		return p.open[i]
	}
	return nil
}

// joinable is the last of the groups of the alert's kind whose window overlaps the
// alert's with a union that is not too long.
func (p *planner) joinable(groups []*group, e *entry) *group {
	w := p.policy.WindowOf(e.kind, e.t)
	for _, g := range slices.Backward(groups) {
		if g.kind == e.kind && p.fits(g.window, w) {
			return g
		}
	}
	return nil
}

// fits reports whether two windows may be one incident's.
func (p *planner) fits(a, b evidence.Window) bool {
	return a.Overlaps(b) && (p.policy.Max <= 0 || a.Union(b).Length() <= p.policy.Max)
}

// newsOf says why an alert is no repeat: WhyNews, WhyAgain, or "" if it is one; by is
// the alert that it repeats.
func (p *planner) newsOf(e *entry) (why incident.Why, by string) {
	m := p.of(e.kind)
	why, by = "", m.fresh
	for _, news := range []struct{ is, rise bool }{{m.unseen(e, p.policy.Cooldown), false}, {m.rose(e), true}} {
		if !news.is {
			continue
		}
		x := p.told(e, news.rise)
		if x == nil {
			why = incident.WhyNews
			break
		}
		by = x.id
	}
	if why == "" && p.policy.Again > 0 && !e.t.Before(m.freshAt.Add(m.gap)) { // an unchanged storm has lasted long enough
		why = incident.WhyAgain
	}
	if why != "" {
		if x := p.foretold(e, why == incident.WhyNews && m.rose(e)); x != nil {
			return "", x.id
		}
	}
	return why, by
}

// freshen notes that e opened an incident, or brought news to one.
func (p *planner) freshen(e *entry, why incident.Why, opened bool) {
	m := p.of(e.kind)
	m.fresh, m.freshAt = e.id, e.t
	switch {
	case why != incident.WhyAgain:
		m.gap = p.policy.Again
	case opened:
		m.gap = min(max(2*m.gap, p.policy.Again), max(maxGap, p.policy.Again)) // 0: how the storm began is forgotten
	}
}

// drop forgets a group that nothing joins any more.
func (p *planner) drop(key string) {
	is := func(g *group) bool { return g.key == key }
	p.open, p.ahead = slices.DeleteFunc(p.open, is), slices.DeleteFunc(p.ahead, is)
}
