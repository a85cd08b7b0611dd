package report

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"rtmtgrab/internal/registration"
)

// What the picture draws at most: more cannot be taken in.
const (
	maxLanes  = 40 // phones
	minLanes  = 4  // phones of a group, where there are many groups
	maxBlocks = 12 // groups
	maxQuiet  = 12 // phones in all, up to which those are drawn to which nothing happened
)

// A picture is time across and a block of lanes for each group. Places across are in
// percent of the width, so that it fits any screen without its text becoming smaller.
type picture struct {
	Day    string // of the first tick, in the zone of the first row
	Ticks  []tick
	Zone   string // abbreviation of the site's, empty without one
	Before string // width in percent that lies before the window
	After  string // where the window ends; empty if it is not known
	Rest   string // width in percent after it
	Alerts []mark
	Blocks []block
	Legend []entry
	Left   int // phones that are not drawn, for nothing happened to them

	clock  siteClock
	since  time.Time
	length time.Duration
	ended  map[*registration.Phone][]sight // connections that carried it
	used   map[string]bool                 // signs and bands that the legend explains
}

type tick struct{ X, UTC, Local string }

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

// newPicture is nil if there is nothing to be drawn.
func newPicture(p *page) *picture {
	r := p.Report
	since, until, ok := extent(r)
	if !ok {
		return nil
	}
	pad := max(until.Sub(since)/50, time.Second)
	since, until = since.Add(-pad), until.Add(pad)
	pic := &picture{since: since, length: until.Sub(since), clock: p.Clock, used: map[string]bool{}}
	if r.Window != nil {
		pic.Before, pic.After = pic.x(r.Window.Since), pic.x(r.Window.Until)
		pic.Rest = percent(100 - pic.at(r.Window.Until))
	}
	var alerts []sight
	for _, a := range r.Alerts {
		alerts = append(alerts, sight{pic.at(a.Time), "alert", "alert " + a.Name + ", " + a.Node + ", " + pic.clock.both(a.Time)})
	}
	pic.Alerts = pic.merge(alerts)
	pic.ticks(until)
	pic.connections(r)
	pic.blocks(p, until)
	pic.Legend = pic.legend()
	return pic
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

// LeftOut says which phones are not drawn.
func (p *picture) LeftOut() string {
	if p.Left == 0 {
		return ""
	}
	return plural(p.Left, "phone") + " to which nothing of this happened " + verb(p.Left, "is", "are") + " not drawn."
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

// Foot is where the axis' text ends, in pixels.
func (p *picture) Foot() int {
	if p.Zone == "" {
		return 17
	}
	return 32
}

// extent is the time that the picture shows: the window, the alerts and all REGISTERs.
func extent(r *registration.Report) (since, until time.Time, ok bool) {
	put := func(t time.Time) {
		if t.IsZero() {
			return
		}
		if !ok || t.Before(since) {
			since = t
		}
		if !ok || t.After(until) {
			until = t
		}
		ok = true
	}
	seen := false
	for i := range r.Phones {
		for j := range r.Phones[i].Transactions {
			put(r.Phones[i].Transactions[j].At)
			seen = true
		}
	}
	if !seen {
		return since, until, false
	}
	if r.Window != nil {
		put(r.Window.Since)
		put(r.Window.Until)
	}
	for _, a := range r.Alerts {
		put(a.Time)
	}
	return since.UTC(), until.UTC(), true
}

// at is where a time stands, in percent, never outside the picture.
func (p *picture) at(t time.Time) float64 {
	return min(max(100*float64(t.Sub(p.since))/float64(p.length), 0), 100)
}

func (p *picture) x(t time.Time) string { return percent(p.at(t)) }

func percent(f float64) string { return strconv.FormatFloat(f, 'f', 2, 64) + "%" }

var steps = []time.Duration{time.Second, 2 * time.Second, 5 * time.Second, 10 * time.Second, 15 * time.Second, 30 * time.Second,
	time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute, 15 * time.Minute, 30 * time.Minute,
	time.Hour, 2 * time.Hour, 3 * time.Hour, 6 * time.Hour, 12 * time.Hour, 24 * time.Hour, 48 * time.Hour, 168 * time.Hour}

func (p *picture) ticks(until time.Time) {
	zone := p.clock.zone
	step := steps[len(steps)-1]
	for _, s := range steps {
		if p.length/s <= 8 {
			step = s
			break
		}
	}
	for p.length/step > 12 {
		step *= 2
	}
	form := "15:04"
	switch {
	case step < time.Minute:
		form = "15:04:05"
	case step >= 24*time.Hour:
		form = "01-02"
	}
	for t := p.since.Truncate(step).Add(step); t.Before(until); t = t.Add(step) {
		if x := p.at(t); x < 2.5 || x > 97.5 {
			continue
		}
		k := tick{X: p.x(t), UTC: t.Format(form)}
		if zone != nil {
			k.Local = t.In(zone).Format(form)
		}
		p.Ticks = append(p.Ticks, k)
	}
	first, last := p.since, until
	if zone != nil {
		first, last = first.In(zone), last.In(zone)
		p.Zone = abbreviation(first)
	}
	p.Day = first.Format(time.DateOnly)
	if day := last.Format(time.DateOnly); day != p.Day {
		p.Day += " to " + day
	}
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
