package report

import (
	"net/netip"
	"slices"
	"strings"
	"time"

	"rtmtgrab/internal/registration"
)

// A block is one group: what happened, all its phones in one lane, and a lane for each.
type block struct {
	G     *group // nil: phones to which nothing happened
	Title string
	Event *event
	Over  []mark // ends of connections that carried several of them
	All   *lane
	Lanes []lane
	More  int // phones of the group that are not drawn
}

// An event happened to all phones of a group at once.
type event struct {
	mark
	Label string // beside the mark
	Left  bool   // where the label has room
}

// blocks draws the groups, and of the other phones those that were asked for; all, if
// they are few.
func (p *picture) blocks(pg *page, until time.Time) {
	drawn := pg.Groups[:min(len(pg.Groups), maxBlocks)]
	per := max(maxLanes/max(len(drawn), 1), minLanes)
	for _, g := range drawn {
		if len(g.Phones) > 0 {
			p.Blocks = append(p.Blocks, p.block(g, per, until))
		}
	}
	quiet := block{Title: "Other phones"}
	for _, ph := range pg.People {
		switch {
		case ph.Group != nil:
		case ph.Named && len(quiet.Lanes) < maxLanes, len(pg.People) <= maxQuiet:
			quiet.Lanes = append(quiet.Lanes, p.lane(ph, nil, until))
		default:
			p.Left++
		}
	}
	if len(quiet.Lanes) > 0 {
		p.Blocks = append(p.Blocks, quiet)
	}
	for _, g := range pg.Groups[len(drawn):] {
		p.Left += len(g.Phones)
	}
}

func (p *picture) block(g *group, most int, until time.Time) block {
	b := block{G: g, Title: plural(g.Size(), "phone")}
	over := p.shared(g)
	if at := g.event(); at != nil {
		x := p.at(*at)
		b.Event = &event{mark{X: percent(x), Sign: "tcp", Title: p.clock.of(at) + " " + lookup(causeWords, g.Cause)}, p.clock.brief(*at) + " " + eventWords[g.Cause], x > 50}
		p.used["tcp"] = true
		for ph := range p.ended { // the event itself is no second mark
			if g.has(ph) {
				p.ended[ph] = slices.DeleteFunc(p.ended[ph], func(s sight) bool { return distance(s.at, x) < minApart })
			}
		}
		b.Over = p.merge(slices.DeleteFunc(slices.Clone(over), func(s sight) bool { return distance(s.at, x) < minApart }))
		if len(b.Over) > 0 && x > 25 {
			b.Event.Left = true
		}
	} else {
		b.Over = p.merge(slices.Clone(over))
	}
	if g.Size() > 2 {
		all := p.all(g)
		b.All = &all
	}
	for i, ph := range g.Phones {
		if i == most {
			b.More = len(g.Phones) - i
			break
		}
		b.Lanes = append(b.Lanes, p.lane(ph, over, until))
	}
	return b
}

// shared are the ends of connections that carried several phones of a group: each is
// one event.
func (p *picture) shared(g *group) []sight {
	n := map[sight]int{}
	var out []sight
	for _, ph := range g.Phones {
		for _, s := range p.ended[ph.Phone] {
			if n[s]++; n[s] == 2 {
				out = append(out, s)
			}
		}
	}
	return out
}

// connections finds for each phone the connections that carried it and ended.
func (p *picture) connections(r *registration.Report) {
	p.ended = map[*registration.Phone][]sight{}
	byDevice := map[string][]*registration.Phone{}
	for i := range r.Phones {
		if d := r.Phones[i].Device; d != "" {
			byDevice[d] = append(byDevice[d], &r.Phones[i])
		}
	}
	for i := range r.Connections {
		c := &r.Connections[i]
		t, what := c.Closed, "closed"
		if c.Failed {
			what = "failed"
			if t == nil {
				t = c.Opened
			}
		}
		if t == nil || t.Before(p.since) || t.After(p.since.Add(p.length)) {
			continue
		}
		title := p.clock.of(t) + " TCP connection " + c.Local + " to " + c.CUCM + " " + what
		if c.How != "" {
			title += ": " + c.How
		}
		for _, d := range c.Devices {
			for _, ph := range byDevice[d] {
				p.ended[ph] = append(p.ended[ph], sight{p.at(*t), "tcp", title})
			}
		}
	}
}

// Label names a group in few words: the two ends of its connection, else its cause.
func (p *picture) Label(g *group) string {
	switch {
	case g.C != "" && g.CUCM != "":
		return host(g.C) + " → " + host(g.CUCM)
	case g.Cause != "":
		return lookup(causeWords, g.Cause)
	}
	return g.Word
}

// host is a name without its domain.
func host(s string) string {
	if _, err := netip.ParseAddr(s); err == nil {
		return s
	}
	short, _, _ := strings.Cut(s, ".")
	return short
}
