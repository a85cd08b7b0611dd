package report

import (
	"strings"
	"time"

	"rtmtgrab/internal/human"
	"rtmtgrab/internal/registration"
)

// A siteClock writes times for people: in the site's zone with UTC in brackets, or in
// UTC alone where no zone is known.
type siteClock struct {
	zone *time.Location // nil: UTC alone
	near time.Time      // about when all happened: it gives times of day their day
}

// newSiteClock is the clock of a report. An unknown zone is none.
func newSiteClock(r *registration.Report) siteClock {
	var c siteClock
	if r.TimeZone != "" && r.TimeZone != "UTC" {
		if z, err := time.LoadLocation(r.TimeZone); err == nil {
			c.zone = z
		}
	}
	if since, until, ok := extent(r); ok {
		c.near = since.Add(until.Sub(since) / 2)
	}
	return c
}

const (
	dayForm   = "2006-01-02 "
	timeForm  = "15:04:05"
	milliForm = "15:04:05.000"
)

// both is a time with its day, in both zones.
func (c siteClock) both(t any) string { return c.pair(t, dayForm, milliForm) }

// of is a time of day in both zones.
func (c siteClock) of(t any) string { return c.pair(t, "", milliForm) }

// seconds is a time of day without milliseconds.
func (c siteClock) seconds(t any) string { return c.pair(t, "", timeForm) }

// brief is a time of day in the site's zone alone, where both stand beside it.
func (c siteClock) brief(t time.Time) string {
	if c.zone != nil {
		t = t.In(c.zone)
	} else {
		t = t.UTC()
	}
	return t.Format(timeForm) + " " + human.ZoneName(t, t.Location())
}

func (c siteClock) pair(t any, day, form string) string {
	u, ok := utc(t)
	if !ok {
		return ""
	}
	if c.zone == nil {
		return u.Format(day+form) + " UTC"
	}
	l := u.In(c.zone)
	s := l.Format(day+form) + " " + human.ZoneName(l, l.Location())
	if day != "" && l.Format(day) == u.Format(day) {
		day = ""
	}
	return s + " (" + u.Format(day+form) + " UTC)"
}

// window is a stretch of time in both zones, no finer than it is.
func (c siteClock) window(since, until time.Time) string {
	form := "15:04"
	if since.Truncate(time.Minute) != since || until.Truncate(time.Minute) != until {
		form = timeForm
	}
	u := stretch(since.UTC(), until.UTC(), form)
	if c.zone == nil {
		return u
	}
	l := stretch(since.In(c.zone), until.In(c.zone), form)
	if l[:len(dayForm)] == u[:len(dayForm)] {
		u = u[len(dayForm):]
	}
	return l + " (" + u + ")"
}

// stretch names the day again, and the zone, only where it is another one.
func stretch(a, b time.Time, form string) string {
	s := a.Format(dayForm + form)
	if human.ZoneName(a, a.Location()) != human.ZoneName(b, b.Location()) {
		s += " " + human.ZoneName(a, a.Location())
	}
	day := ""
	if a.Format(dayForm) != b.Format(dayForm) {
		day = dayForm
	}
	return s + " to " + b.Format(day+form) + " " + human.ZoneName(b, b.Location())
}

// A span is a part of a sentence; Aside is what stands in brackets, and smaller.
type span struct {
	Text  string
	Aside bool
}

// unbroken is a blank at which no line ends.
const unbroken = "\u00a0"

// say turns the times of a sentence to the site's zone, each with what it was in UTC.
func (c siteClock) say(s string) []span {
	s = strings.ReplaceAll(s, " -> ", " → ")
	if c.zone == nil || c.near.IsZero() {
		return []span{{Text: s}}
	}
	var out []span
	for _, p := range (human.Clock{Zone: c.zone, Near: c.near}).Parts(s) {
		if p.Aside {
			p.Text = strings.TrimSuffix(p.Text, " UTC)") + unbroken + "UTC)"
			keep := &out[len(out)-1].Text // a time and its zone are not torn apart
			i := strings.LastIndexByte(strings.TrimSuffix(*keep, " "), ' ')
			*keep = (*keep)[:i] + unbroken + (*keep)[i+1:]
		}
		out = append(out, span(p))
	}
	return out
}
