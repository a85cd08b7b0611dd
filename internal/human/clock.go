package human

import (
	"regexp"
	"strings"
	"time"
)

// A Clock writes times for people: in a zone, with UTC in brackets where that differs. The
// zero value writes UTC.
type Clock struct {
	Zone *time.Location // a site's where there is one, else the machine's; nil: UTC
	Near time.Time      // about when all happened: it gives times of day in sentences their day
}

// Local is the clock of this machine, for what concerns no site or several.
func Local() Clock { return Clock{Zone: time.Local, Near: time.Now()} }

const dayForm = "2006-01-02 "

// hms shows milliseconds only where there are some.
func hms(t time.Time) string {
	if t.Nanosecond() >= int(time.Millisecond) {
		return t.Format("15:04:05.000")
	}
	return t.Format("15:04:05")
}

// ZoneName is how a zone is called at a time: "EST", or "UTC-03" where it has no letters.
func ZoneName(t time.Time, zone *time.Location) string {
	name := t.In(zone).Format("MST")
	if strings.HasPrefix(name, "+") || strings.HasPrefix(name, "-") {
		return "UTC" + name
	}
	return name
}

func (c Clock) zone() *time.Location {
	if c.Zone == nil {
		return time.UTC
	}
	return c.Zone
}

// isUTC reports whether the zone is UTC by name; London in winter is not.
func (c Clock) isUTC(t time.Time) bool { return ZoneName(t, c.zone()) == "UTC" }

// dateUnless is a time's day if that is another one than was shown.
func dateUnless(t, shown time.Time) string {
	if t.Format(dayForm) == shown.Format(dayForm) {
		return ""
	}
	return t.Format(dayForm)
}

// At is "2026-03-02 09:14:07 EST (14:14:07 UTC)"; the date is said again where it differs.
func (c Clock) At(t time.Time) string {
	local, utc := t.In(c.zone()), t.UTC()
	s := local.Format(dayForm) + hms(local) + " " + ZoneName(t, c.zone())
	if c.isUTC(t) {
		return s
	}
	return s + " (" + dateUnless(utc, local) + hms(utc) + " UTC)"
}

// OfDay is "09:14:07 EST (14:14:07 UTC)", where the day is known.
func (c Clock) OfDay(t time.Time) string {
	s := hms(t.In(c.zone())) + " " + ZoneName(t, c.zone())
	if c.isUTC(t) {
		return s
	}
	return s + " (" + hms(t.UTC()) + " UTC)"
}

// Short is a time for a table, without UTC beside it.
func (c Clock) Short(t time.Time) string {
	local := t.In(c.zone())
	return local.Format(dayForm) + hms(local) + " " + ZoneName(t, c.zone())
}

// Span is "2026-03-02 08:59:07 to 09:19:07 EST (13:59:07 to 14:19:07 UTC)".
func (c Clock) Span(a, b time.Time) string {
	la, lb, ua, ub := a.In(c.zone()), b.In(c.zone()), a.UTC(), b.UTC()
	s := la.Format(dayForm) + hms(la)
	if ZoneName(a, c.zone()) != ZoneName(b, c.zone()) {
		s += " " + ZoneName(a, c.zone())
	}
	s += " to " + dateUnless(lb, la) + hms(lb) + " " + ZoneName(b, c.zone())
	if c.isUTC(a) && c.isUTC(b) {
		return s
	}
	return s + " (" + dateUnless(ua, la) + hms(ua) + " to " + dateUnless(ub, ua) + hms(ub) + " UTC)"
}

// spokenRE is how sentences that programs read too write times: "14:10:43 UTC",
// "14:10:43 and 14:12:23.500 UTC", "2026-03-02 14:10:43 UTC", "2026-03-02T14:10:43Z".
var spokenRE = regexp.MustCompile(`\b(?:(\d{4}-\d\d-\d\d )?(\d\d:\d\d:\d\d(?:\.\d{3})?)(?:( and | to )(\d{4}-\d\d-\d\d )?(\d\d:\d\d:\d\d(?:\.\d{3})?))? UTC|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?Z)\b`)

var quotedRE = regexp.MustCompile("(--[a-z-]+[ =]|[\"`'])$")

// A Part is a part of a sentence; Aside is a time in UTC in brackets, and the part before it
// ends with the same in the clock's zone.
type Part struct {
	Text  string
	Aside bool
}

// Say turns the times of a sentence, which are UTC, to the clock's zone, each with what it
// was in brackets, its day only where it differs. What stands in such brackets already stays.
func (c Clock) Say(s string) string {
	var b strings.Builder
	before := ""
	for _, p := range c.Parts(s) {
		if day := dayRE.FindString(p.Text); p.Aside && day != "" && strings.Contains(before, day[1:]) {
			p.Text = "(" + p.Text[len(day):]
		}
		b.WriteString(p.Text)
		before = p.Text[max(0, len(p.Text)-len(dayForm)*4):]
	}
	return b.String()
}

var dayRE = regexp.MustCompile(`^\(\d{4}-\d\d-\d\d `)

// Parts is Say in parts, for who shows the asides in another way; each as it was.
func (c Clock) Parts(s string) (parts []Part) {
	end := 0
	for _, m := range spokenRE.FindAllStringSubmatchIndex(s, -1) {
		if m[0] > 0 && s[m[0]-1] == '(' && m[1] < len(s) && s[m[1]] == ')' {
			continue // the local time stands before it
		}
		if quotedRE.MatchString(s[:m[0]]) || s[m[0]:m[1]] == time.RFC3339[:len("2006-01-02T15:04:05Z")] {
			continue // of a command that somebody copies, or typed; or how times are written
		}
		local, utc, ok := c.spoken(s, m)
		if !ok {
			continue
		}
		parts = append(parts, Part{Text: s[end:m[0]] + local + " "}, Part{"(" + utc + ")", true})
		end = m[1]
	}
	return append(parts, Part{Text: s[end:]})
}

// spoken is one match of spokenRE in the zone, and in UTC.
func (c Clock) spoken(s string, m []int) (local, utc string, ok bool) {
	part := func(n int) string {
		if m[2*n] < 0 {
			return ""
		}
		return s[m[2*n]:m[2*n+1]]
	}
	if part(2) == "" { // RFC 3339
		t, err := time.Parse(time.RFC3339Nano, s[m[0]:m[1]])
		if err != nil || c.isUTC(t) {
			return "", "", false
		}
		local, utc, _ = strings.Cut(c.At(t), " (")
		return local, strings.TrimSuffix(utc, ")"), true
	}
	first, ok := c.moment(part(1), part(2))
	if !ok || c.isUTC(first) {
		return "", "", false
	}
	day := part(1)
	local = c.said(day, part(2), first)
	if part(5) == "" {
		return local + " " + ZoneName(first, c.zone()), s[m[0]:m[1]], true
	}
	second, ok := c.moment(part(4), part(5))
	if !ok {
		return "", "", false
	}
	if ZoneName(first, c.zone()) != ZoneName(second, c.zone()) {
		local += " " + ZoneName(first, c.zone())
	}
	return local + part(3) + c.said(part(4), part(5), second) + " " + ZoneName(second, c.zone()), s[m[0]:m[1]], true
}

// said is a time in the zone, with its day if it had one, and as fine as it was.
func (c Clock) said(day, clock string, t time.Time) string {
	form := "15:04:05"
	if strings.Contains(clock, ".") {
		form = "15:04:05.000"
	}
	if day != "" {
		form = dayForm + form
	}
	return t.In(c.zone()).Format(form)
}

// moment is a time of UTC. Without a day it is the one that is nearest to what it is about.
func (c Clock) moment(day, clock string) (time.Time, bool) {
	from := day
	if day == "" {
		if c.Near.IsZero() {
			return time.Time{}, false
		}
		from = c.Near.UTC().Format(dayForm)
	}
	t, err := time.Parse(dayForm+"15:04:05", from+clock)
	if err != nil {
		return t, false
	}
	if day == "" {
		switch d := t.Sub(c.Near); {
		case d > 12*time.Hour:
			t = t.AddDate(0, 0, -1)
		case d < -12*time.Hour:
			t = t.AddDate(0, 0, 1)
		}
	}
	return t, true
}
