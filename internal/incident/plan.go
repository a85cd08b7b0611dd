package incident

import (
	"slices"
	"strings"
	"time"

	"rtmtgrab/internal/evidence"
)

// An entry is one alert as one site sees it.
type entry struct {
	id   string
	t    time.Time
	seen time.Time
	node string // folded
	name string // folded
	kind string // kindOf
	n    *int   // the counter

	d      Decision
	frozen bool   // member of an incident that nothing joins any more
	fixed  bool   // frozen, or too old to be judged again
	pin    string // key of the started incident whose window it shaped
	pinWhy Why
	opened time.Time // of the frozen incident, see openings
}

func (e *entry) before(o *entry) int {
	if c := e.t.Compare(o.t); c != 0 {
		return c
	}
	return strings.Compare(e.id, o.id)
}

// A group is a set of alerts that make one incident.
type group struct {
	key     string // of its incident; "" until it has one
	kind    string
	window  evidence.Window
	members []Member
}

// A verdict is what planning says about one entry: a member of g, or, without g, a
// repeat of the alert of. settled means that there was nothing to judge.
type verdict struct {
	e       *entry
	g       *group
	why     Why
	of      string
	settled bool
	limited bool // it would open an incident, but the limit is reached
}

type nodeName struct{ node, name string }

// A planner walks over one site's alerts in alert order. It is pure: what it says
// follows from the policy, the entries and the started incidents alone, so that
// the order of arrival does not matter.
type planner struct {
	policy Policy
	begun  map[*group]time.Time // started ones, and where their windows began
	open   []*group             // that an alert may still join, in the order of opening
	ahead  []*group             // started ones whose first alert has not been reached

	kinds map[string]*memory

	taken []time.Time // of the alerts that opened incidents, sorted, see full
}

// A memory is what the alerts of one kind have said so far.
type memory struct {
	nodes  map[string]time.Time // last seen
	names  map[string]time.Time
	counts map[nodeName]int

	fresh   string        // alert that last brought or opened something
	freshAt time.Time     // when
	gap     time.Duration // from freshAt to the next incident of an unchanged storm
}

func (p *planner) of(kind string) *memory {
	m := p.kinds[kind]
	if m == nil {
		m = &memory{nodes: map[string]time.Time{}, names: map[string]time.Time{}, counts: map[nodeName]int{}}
		p.kinds[kind] = m
	}
	return m
}

// maxGap bounds the doubling of Policy.Again.
const maxGap = 24 * time.Hour

func newPlanner(p Policy, started []*group) *planner {
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

// step judges the next entry in alert order.
func (p *planner) step(e *entry) (v verdict) {
	defer func() {
		if !v.limited { // else it is news still
			p.remember(e)
		}
	}()
	p.open = slices.DeleteFunc(p.open, func(g *group) bool { // later alerts cannot reach it
		return !g.window.Until.After(e.t.Add(-p.policy.of(g.kind).Before))
	})
	if e.fixed {
		if e.d.What == InIncident && e.d.Why != WhyJoined {
			p.freshen(e, e.d.Why, true)
		}
		return verdict{e: e, settled: true, limited: e.d.What == Limited}
	}
	if g := p.take(e.pin); g != nil {
		return p.join(g, e, e.pinWhy)
	}
	// After a cooldown of silence its node is unseen: silence is news.
	news, again := p.news(e), p.due(e)
	if g := p.joinable(p.open, e); g != nil {
		if news {
			return p.join(g, e, WhyNews)
		}
		return p.join(g, e, WhyJoined)
	}
	why := WhyNews
	switch {
	case news:
	case again:
		why = WhyAgain
	default:
		return verdict{e: e, of: p.of(e.kind).fresh}
	}
	if g := p.joinable(p.ahead, e); g != nil { // an incident of later alerts already runs
		return p.join(p.take(g.key), e, why)
	}
	if p.full(e.t) {
		return verdict{e: e, limited: true}
	}
	p.charge(e.t)
	g := &group{kind: e.kind, window: p.policy.WindowOf(e.kind, e.t)}
	p.open = append(p.open, g)
	return p.join(g, e, why)
}

func (p *planner) join(g *group, e *entry, why Why) verdict {
	if why != WhyJoined {
		g.window = g.window.Union(p.policy.WindowOf(e.kind, e.t))
		p.freshen(e, why, len(g.members) == 0)
	}
	g.members = append(g.members, Member{Alert: e.id, Time: e.t, Why: why})
	return verdict{e: e, g: g, why: why}
}

// take returns the started group of that key and opens it if it was still ahead.
func (p *planner) take(key string) *group {
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
		if g.kind == e.kind && g.window.Overlaps(w) && (p.policy.Max <= 0 || g.window.Union(w).Length() <= p.policy.Max) {
			return g
		}
	}
	return nil
}

// news reports whether the node or the name was unseen for a cooldown, or the
// counter is above the node's previous value for that name.
func (p *planner) news(e *entry) bool {
	unseen := func(last time.Time, ok bool) bool { return !ok || e.t.Sub(last) >= p.policy.Cooldown }
	m := p.of(e.kind)
	node, okNode := m.nodes[e.node]
	name, okName := m.names[e.name]
	if unseen(node, okNode) || unseen(name, okName) {
		return true
	}
	last, ok := m.counts[nodeName{e.node, e.name}]
	return ok && e.n != nil && *e.n > last
}

// due reports whether an unchanged storm has lasted long enough for another incident.
func (p *planner) due(e *entry) bool {
	m := p.of(e.kind)
	return p.policy.Again > 0 && !e.t.Before(m.freshAt.Add(m.gap))
}

// freshen notes that e opened an incident, or brought news to one.
func (p *planner) freshen(e *entry, why Why, opened bool) {
	m := p.of(e.kind)
	m.fresh, m.freshAt = e.id, e.t
	switch {
	case why != WhyAgain:
		m.gap = p.policy.Again
	case opened:
		m.gap = min(2*m.gap, max(maxGap, p.policy.Again))
	}
}

func (p *planner) remember(e *entry) {
	m := p.of(e.kind)
	m.nodes[e.node], m.names[e.name] = e.t, e.t
	if e.n != nil {
		m.counts[nodeName{e.node, e.name}] = *e.n
	}
}

// drop forgets a group that nothing joins any more.
func (p *planner) drop(key string) {
	is := func(g *group) bool { return g.key == key }
	p.open, p.ahead = slices.DeleteFunc(p.open, is), slices.DeleteFunc(p.ahead, is)
}
