package report

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"rtmtgrab/internal/registration"
)

// maxLanes is how many phones have a lane of full height; the rest are narrow.
const maxLanes = 60

// maxMarks bounds the marks of one lane: more cannot be told apart.
const maxMarks = 600

// A picture is time across and one lane for each phone. Places across are in percent
// of the width, so that it fits any screen without its text becoming smaller.
type picture struct {
	Day       string // of the first tick, UTC
	Ticks     []tick
	Zone      string // abbreviation of the site's, empty without one
	Before    string // width in percent that lies before the window
	After     string // where the window ends; empty if it is not known
	Rest      string // width in percent after it
	Alerts    []line
	Lanes     []lane
	Narrow    []lane
	since     time.Time
	length    time.Duration
	closedFor map[*registration.Phone][]mark
}

type tick struct{ X, UTC, Local string }

type line struct{ X, Title string }

// A lane is one phone.
type lane struct {
	P     *phone
	Title string
	Bands []band
	Marks []mark
	Full  string // path of narrow lanes: full registers and what came back by keep-alive
	Keep  string // other REGISTERs
	Bad   string // refused or not answered
}

// A band is a stretch of time: "gap", "lost" or "partial".
type band struct{ X, Width, Class, Title string }

// A mark is one sign of the legend.
type mark struct{ X, Sign, Title string }

// newPicture is nil if there is nothing to be drawn.
func newPicture(r *registration.Report, all []*phone, zone *time.Location) *picture {
	since, until, ok := extent(r)
	if !ok {
		return nil
	}
	pad := max(until.Sub(since)/50, time.Second)
	since, until = since.Add(-pad), until.Add(pad)
	pic := &picture{since: since, length: until.Sub(since)}
	if r.Window != nil {
		pic.Before, pic.After = pic.x(r.Window.Since), pic.x(r.Window.Until)
		pic.Rest = percent(100 - pic.at(r.Window.Until))
	}
	for _, a := range r.Alerts {
		pic.Alerts = append(pic.Alerts, line{pic.x(a.Time), "alert " + a.Name + ", " + a.Node + ", " + both(a.Time, zone)})
	}
	pic.ticks(until, zone)
	pic.connections(r)
	for i, p := range all {
		if i < maxLanes {
			pic.Lanes = append(pic.Lanes, pic.lane(p, until))
		} else {
			pic.Narrow = append(pic.Narrow, pic.narrow(p))
		}
	}
	pic.closedFor = nil
	return pic
}

// Foot is where the axis' text ends, in pixels.
func (p *picture) Foot() int {
	if p.Zone == "" {
		return 17
	}
	return 32
}

// NarrowOpen reports whether an affected phone is among the narrow lanes.
func (p *picture) NarrowOpen() bool {
	return slices.ContainsFunc(p.Narrow, func(l lane) bool { return l.P.Affected })
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

func (p *picture) ticks(until time.Time, zone *time.Location) {
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
	p.Day = p.since.Format("2006-01-02")
	if last := until.Format("2006-01-02"); last != p.Day {
		p.Day += " to " + last
	}
	if zone != nil {
		p.Zone = p.since.In(zone).Format("MST")
	}
}

// connections finds for each phone the connections that carried it and ended.
func (p *picture) connections(r *registration.Report) {
	p.closedFor = map[*registration.Phone][]mark{}
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
		title := fmt.Sprintf("%s TCP connection %s to %s %s", clock(t), c.Local, c.CUCM, what)
		if c.How != "" {
			title += ": " + c.How
		}
		for _, d := range c.Devices {
			for _, ph := range byDevice[d] {
				p.closedFor[ph] = append(p.closedFor[ph], mark{p.x(*t), "tcp", title})
			}
		}
	}
}

func (p *picture) lane(ph *phone, until time.Time) lane {
	l := lane{P: ph, Title: ph.Name + ", " + strings.ToLower(ph.Word) + ": " + ph.Digest}
	l.Bands = p.bands(ph, until)
	last := map[string]float64{}
	for i := range ph.Transactions {
		t := &ph.Transactions[i]
		x, s := p.at(t.At), sign(t)
		if len(ph.Transactions) > maxMarks && s == "keep" && x-last[s] < 100.0/maxMarks {
			continue
		}
		last[s] = x
		l.Marks = append(l.Marks, mark{percent(x), s, title(t)}, mark{percent(x), "a-" + answerSign(t), ""})
	}
	l.Marks = append(l.Marks, p.closedFor[ph.Phone]...)
	if ph.At != nil && (ph.Verdict == registration.VerdictPartial || ph.Verdict == registration.PhoneCameBack || ph.Verdict == registration.VerdictRecovered) {
		l.Marks = append(l.Marks, mark{p.x(*ph.At), "moment", clock(ph.At) + " taken for a new registration"})
	}
	return l
}

// bands are the gaps that were longer than the cadence, the time without a
// registration, and the time with a part of the lines.
func (p *picture) bands(ph *phone, until time.Time) []band {
	var out []band
	add := func(since, until time.Time, class, title string) {
		if a, b := p.at(since), p.at(until); b > a {
			out = append(out, band{percent(a), percent(b - a), class, title})
		}
	}
	for i := range ph.Transactions {
		t := &ph.Transactions[i]
		if t.GapS != nil && t.LateByS != nil && *t.LateByS >= lateFrom {
			gap := time.Duration(*t.GapS * float64(time.Second))
			add(t.At.Add(-gap), t.At, "gap", seconds(t.GapS)+" without a REGISTER, "+seconds(t.LateByS)+" longer than the cadence")
		}
	}
	back := until
	if ph.BackAt != nil {
		back = *ph.BackAt
	}
	if ph.LostAt != nil {
		end := back
		if ph.At != nil && ph.At.Before(back) {
			end = *ph.At
		}
		add(*ph.LostAt, end, "lost", "registration lost")
	}
	if ph.At != nil && (ph.Verdict == registration.VerdictPartial || ph.Verdict == registration.VerdictRecovered) {
		add(*ph.At, back, "partial", "partially registered")
	}
	return out
}

func (p *picture) narrow(ph *phone) lane {
	l := lane{P: ph, Title: ph.Name + " " + strings.Join(ph.Numbers, " ") + ", " + strings.ToLower(ph.Word) + ": " + ph.Digest}
	var full, keep, bad []int
	for i := range ph.Transactions {
		t := &ph.Transactions[i]
		x := int(p.at(t.At)*10 + 0.5)
		switch s := sign(t); {
		case answerSign(t) != "ok":
			bad = append(bad, x)
		case s == "full" || s == "back":
			full = append(full, x)
		default:
			keep = append(keep, x)
		}
	}
	l.Full, l.Keep, l.Bad = strokes(full), strokes(keep), strokes(bad)
	return l
}

// strokes is a path of upright strokes at thousandths of the width.
func strokes(xs []int) string {
	slices.Sort(xs)
	var b strings.Builder
	for _, x := range slices.Compact(xs) {
		fmt.Fprintf(&b, "M%d 0v8", x)
	}
	return b.String()
}

// sign is the sign of the legend for a transaction.
func sign(t *registration.Transaction) string {
	switch {
	case t.NewReg && t.Kind == registration.KindKeepAlive:
		return "back"
	case t.Kind == registration.KindFull:
		return "full"
	case t.Kind == registration.KindKeepAlive:
		return "keep"
	case t.Kind == registration.KindSecondary:
		return "second"
	case t.Kind == registration.KindUnregister:
		return "off"
	default:
		return "reg"
	}
}

func answerSign(t *registration.Transaction) string {
	switch {
	case t.Code == 0:
		return "none"
	case t.Code >= 300:
		return "no"
	default:
		return "ok"
	}
}

func title(t *registration.Transaction) string {
	text, _ := result(t)
	s := clock(t.At) + " " + word(kindWords, t.Kind) + ": " + text
	if t.GapS != nil {
		s += ", " + seconds(t.GapS) + " after the one before"
	}
	return s
}
