package report

import (
	"strconv"
	"time"

	"rtmtgrab/internal/human"
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

// LeftOut says which phones are not drawn.
func (p *picture) LeftOut() string {
	if p.Left == 0 {
		return ""
	}
	return plural(p.Left, "phone") + " to which nothing of this happened " + verb(p.Left, "is", "are") + " not drawn."
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
		p.Zone = human.ZoneName(first, first.Location())
	}
	p.Day = first.Format(time.DateOnly)
	if day := last.Format(time.DateOnly); day != p.Day {
		p.Day += " to " + day
	}
}
