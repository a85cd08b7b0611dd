package report

import (
	"regexp"
	"strings"
	"time"

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
	return t.Format(timeForm) + " " + abbreviation(t)
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
	s := l.Format(day+form) + " " + abbreviation(l)
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
	if abbreviation(a) != abbreviation(b) {
		s += " " + abbreviation(a)
	}
	day := ""
	if a.Format(dayForm) != b.Format(dayForm) {
		day = dayForm
	}
	return s + " to " + b.Format(day+form) + " " + abbreviation(b)
}

// abbreviation is the zone's; for zones without letters "UTC-03".
func abbreviation(t time.Time) string {
	s := t.Format("MST")
	if strings.HasPrefix(s, "+") || strings.HasPrefix(s, "-") {
		return "UTC" + s
	}
	return s
}

// A span is a part of a sentence; Aside is what stands in brackets, and smaller.
type span struct {
	Text  string
	Aside bool
}

// unbroken is a blank at which no line ends.
const unbroken = "\u00a0"

// spokenRE is how the analysis writes times: "14:10:43 UTC", "14:10:43 and 14:12:23.500 UTC".
var spokenRE = regexp.MustCompile(`\b(\d{4}-\d\d-\d\d )?(\d\d:\d\d:\d\d(?:\.\d{3})?)(?:( and | to )(\d{4}-\d\d-\d\d )?(\d\d:\d\d:\d\d(?:\.\d{3})?))? UTC\b`)

// say turns the times of a sentence to the site's zone, each with what it was in UTC.
func (c siteClock) say(s string) []span {
	s = strings.ReplaceAll(s, " -> ", " → ")
	if c.zone == nil || c.near.IsZero() {
		return []span{{Text: s}}
	}
	var out []span
	end := 0
	for _, m := range spokenRE.FindAllStringSubmatchIndex(s, -1) {
		part := func(n int) string {
			if m[2*n] < 0 {
				return ""
			}
			return s[m[2*n]:m[2*n+1]]
		}
		local, zone, ok := c.local(part(1), part(2))
		if ok && part(5) != "" {
			second, zone2, ok2 := c.local(part(4), part(5))
			if ok = ok2; zone2 != zone {
				local += " " + zone
			}
			local, zone = local+part(3)+second, zone2
		}
		if ok {
			aside := "(" + strings.TrimSuffix(s[m[0]:m[1]], " UTC") + unbroken + "UTC)"
			out = append(out, span{Text: s[end:m[0]] + local + unbroken + zone + " "}, span{aside, true})
			end = m[1]
		}
	}
	return append(out, span{Text: s[end:]})
}

// local is a time of UTC in the site's zone and the zone's abbreviation. Without a day
// it is the one that is nearest to what the report is about.
func (c siteClock) local(day, clock string) (text, zone string, ok bool) {
	form := timeForm
	if strings.Contains(clock, ".") {
		form = milliForm
	}
	from := day
	if day == "" {
		from = c.near.UTC().Format(dayForm)
	}
	t, err := time.Parse(dayForm+form, from+clock)
	if err != nil {
		return "", "", false
	}
	if day == "" {
		switch d := t.Sub(c.near); {
		case d > 12*time.Hour:
			t = t.AddDate(0, 0, -1)
		case d < -12*time.Hour:
			t = t.AddDate(0, 0, 1)
		}
	} else {
		form = dayForm + form
	}
	l := t.In(c.zone)
	return l.Format(form), abbreviation(l), true
}
