package triage

import (
	"cmp"
	"slices"
	"time"

	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/incident"
)

// lateAfter is how old an alert may be when the mail server gets its mail. What is
// older came late or is backdated: it opens incidents out of a budget of its own, for
// who forges mails chooses their times.
const lateAfter = 5 * time.Minute

// limitDay times Policy.Limit incidents are opened in a day: the times of alerts
// are what mails say, and a day's worth of them can come at once. Late mails open
// Policy.Limit in a day.
const limitDay = 4

// isLate judges by INTERNALDATE, for an honest backlog is read long after it came.
func isLate(rec incident.AlertRecord) bool {
	came := rec.Seen
	if r := rec.Alert.Received; r != nil && r.Before(came) {
		came = *r
	}
	return came.Sub(rec.Alert.Time) > lateAfter
}

// An opening is an incident that an alert opens, as the limit counts it.
type opening struct {
	t        time.Time
	id       string // of the alert
	kind     string
	node     string
	from     string // the sender; "": not known
	late     bool
	stranger bool // the site names nodes, and not this one
}

func openingOf(e *entry, site incident.Site) opening {
	return opening{e.t, e.id, e.kind, e.node, e.from, e.late, len(site.Nodes) > 0 && !site.Names(e.node)}
}

func (o opening) compare(other opening) int {
	return cmp.Or(o.t.Compare(other.t), cmp.Compare(o.id, other.id))
}

// A share is what was spent of Policy.Limit at one site.
type share struct {
	site  incident.Site
	taken []opening // sorted
}

func (s *share) of(e *entry) opening { return openingOf(e, s.site) }

func (s *share) take(o opening) {
	i, _ := slices.BinarySearchFunc(s.taken, o, opening.compare)
	s.taken = slices.Insert(s.taken, i, o)
}

func (s *share) drop(o opening) {
	if i, found := slices.BinarySearchFunc(s.taken, o, opening.compare); found {
		s.taken = slices.Delete(s.taken, i, i+1)
	}
}

// Which part of the limit was reached, for people.
const (
	noteLate     = "alerts.limit was reached for mails that come late"
	noteNode     = "its node's share of alerts.limit was reached"
	noteSender   = "its sender's share of alerts.limit was reached"
	noteStranger = "the share of alerts.limit was reached for nodes that the site does not name"
)

// full reports whether one more incident would be too many: of any hour by the times
// of alerts, or of any day; and of these no node, no sender, and not all nodes together
// that the site does not name, may have more than three quarters. note says which it
// was, "" for all. What joins an incident is not counted.
func (s *share) full(o opening, limit int) (full bool, note string) {
	if limit <= 0 {
		return false, ""
	}
	part := limit - limit/4
	switch {
	case s.crowded(o, limit, func(opening) bool { return true }):
		if o.late {
			note = noteLate
		}
		return true, note
	case s.crowded(o, part, func(x opening) bool { return x.node == o.node }):
		return true, noteNode
	case o.from != "" && s.crowded(o, part, func(x opening) bool { return x.from == o.from }):
		return true, noteSender
	case o.stranger && s.crowded(o, part, func(x opening) bool { return x.stranger }):
		return true, noteStranger
	}
	return false, ""
}

// crowded reports whether, with one more, too many of those that are alike would lie in
// an hour or a day.
func (s *share) crowded(o opening, n int, alike func(opening) bool) bool {
	lo, _ := slices.BinarySearchFunc(s.taken, o.t.Add(-24*time.Hour), func(x opening, t time.Time) int { return x.t.Compare(t) })
	var near []time.Time
	for _, x := range s.taken[lo:] {
		if x.t.Sub(o.t) >= 24*time.Hour {
			break
		}
		if x.late == o.late && alike(x) {
			near = append(near, x.t)
		}
	}
	if o.late {
		return crowded(near, o.t, 24*time.Hour, n)
	}
	return crowded(near, o.t, time.Hour, n) || crowded(near, o.t, 24*time.Hour, limitDay*n)
}

// crowded reports whether, with one more at t, more than n of the sorted times
// would lie in one half-open span.
func crowded(taken []time.Time, t time.Time, span time.Duration, n int) bool {
	lo, _ := slices.BinarySearchFunc(taken, t.Add(-span), time.Time.Compare)
	hi, _ := slices.BinarySearchFunc(taken, t.Add(span), time.Time.Compare)
	near := slices.Clone(taken[lo:hi])
	at, _ := slices.BinarySearchFunc(near, t, time.Time.Compare)
	near = slices.Insert(near, at, t)
	for i := max(0, at-n); i <= at && i+n < len(near); i++ {
		if near[i+n].Sub(near[i]) < span {
			return true
		}
	}
	return false
}

// mayGiveWay reports whether an alert is limited while there are incidents of which no
// host was asked yet, which may have to give way to it.
func mayGiveWay(verdicts []verdict, incidents map[string]*incident.Incident) bool {
	limited, waits := false, false
	for _, v := range verdicts {
		limited = limited || v.limited && !v.settled
		waits = waits || v.g != nil && v.g.key == ""
	}
	for _, in := range incidents {
		waits = waits || in.Kind == incident.KindAlert && in.Joinable() && in.State == incident.Waiting
	}
	return limited && waits
}

// chooseNewest chooses the openings that the limit allows among those that there would
// be without a limit, the newest first, with the windows of their incidents by alert. all says
// that none had to be left out.
func (s *siteIndex) chooseNewest(c circumstances, unlimited []verdict) (chosen []opening, windows map[string]evidence.Window, all bool) {
	spent := share{site: c.site, taken: openings(s.entries, c)}
	windows = map[string]evidence.Window{}
	var wishes []opening
	for _, v := range unlimited {
		if v.g != nil && v.g.first == v.e {
			windows[v.e.id] = v.g.window
			wishes = append(wishes, spent.of(v.e))
		}
	}
	slices.SortFunc(wishes, func(a, b opening) int { return b.compare(a) })
	for _, o := range wishes {
		if full, _ := spent.full(o, c.policy.Limit); !full {
			spent.take(o)
			chosen = append(chosen, o)
		}
	}
	return chosen, windows, len(chosen) == len(wishes)
}

// choose keeps a part of the limit for openings, and for the windows of their incidents, by alert.
func (p *planner) choose(chosen []opening, windows map[string]evidence.Window) {
	p.chosen = map[string]evidence.Window{}
	for _, o := range chosen {
		p.chosen[o.id] = windows[o.id]
		p.share.take(o)
	}
}

// spend takes the part of the limit that an incident needs which e opens: its own, if it was
// chosen, or that of a chosen one which comes later and whose window it reaches, for else e
// would be limited though its minutes are grabbed. g is the incident's group; nil: there is no
// room, and note says why.
func (p *planner) spend(e *entry) (g *group, note string) {
	g = &group{kind: e.kind, first: e, window: p.policy.WindowOf(e.kind, e.t)}
	if _, mine := p.chosen[e.id]; mine {
		g.part = e.id
		return g, ""
	}
	o, next := p.share.of(e), p.nextChosen(e, g.window)
	if next != nil {
		p.share.drop(*next)
	}
	if full, note := p.share.full(o, p.policy.Limit); full {
		if next != nil {
			p.share.take(*next)
		}
		return nil, note
	}
	p.share.take(o)
	if next != nil {
		g.part, g.window = next.id, g.window.Union(p.chosen[next.id])
		delete(p.chosen, next.id)
	}
	return g, ""
}

// nextChosen is the first of the chosen openings not before e that can share an incident with
// its window; nil: there is none.
func (p *planner) nextChosen(e *entry, w evidence.Window) *opening {
	at, _ := slices.BinarySearchFunc(p.share.taken, e.t, func(x opening, t time.Time) int { return x.t.Compare(t) })
	for _, x := range p.share.taken[at:] {
		if kept, ok := p.chosen[x.id]; ok && x.kind == e.kind && p.fits(w, kept) {
			return &x
		}
	}
	return nil
}
