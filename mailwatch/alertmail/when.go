package alertmail

import (
	"fmt"
	"net/mail"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/mailheader"
)

// What makes a time believable (docs/rtmt-mail.md, "Which time counts").
const (
	maxAhead = 2 * time.Minute // after INTERNALDATE
	maxOlder = time.Hour       // before the mail's Date
	agrees   = 5 * time.Minute // zone letters with the mail's Date
	maxSlow  = 24 * time.Hour  // of INTERNALDATE behind all times in the mail's header
)

// A javaDate is what Java's Date.toString writes, its zone not yet understood:
// "Fri May 21 08:11:00 CDT 2021", "Thu May 30 15:33:20 GMT+00:00 2013".
type javaDate struct {
	clock time.Time // the wall clock, as if it were UTC
	zone  string
}

const javaPattern = `(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*,? +)?(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]* +(\d{1,2}),? +(\d{1,2}):(\d{2}):(\d{2})(?: +([A-Za-z0-9+:-]{1,12}))? +(\d{4})`

var javaRE = regexp.MustCompile(`(?i)` + javaPattern)

var months = []string{"jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"}

// parseJava reads the first date in s.
func parseJava(s string) (d javaDate, ok bool) {
	m := javaRE.FindStringSubmatch(s)
	if m == nil {
		return d, false
	}
	var n [5]int
	for i, p := range []string{m[2], m[3], m[4], m[5], m[7]} {
		n[i], _ = strconv.Atoi(p)
	}
	month := time.Month(1 + slices.Index(months, strings.ToLower(m[1])))
	d = javaDate{time.Date(n[4], month, n[0], n[1], n[2], n[3], 0, time.UTC), strings.ToUpper(m[6])}
	if d.clock.Day() != n[0] || d.clock.Month() != month || n[1] > 23 || n[2] > 59 || n[3] > 60 || n[4] < 1970 || n[4] > 9998 {
		return d, false
	}
	return d, true
}

var offsetRE = regexp.MustCompile(`^(?:GMT|UTC)?([+-])(\d{1,2}):?(\d{2})$`)

// A reading is one instant that a date may mean, and how it was understood.
type reading struct {
	time time.Time
	how  string
}

// readings are the instants that d may mean, in order of trust. An offset is
// exact. Otherwise the site's zone decides if there is one; the letters count
// only if they agree with the mail's Date, for they lie: EST is seen in August.
// The hour that comes twice is the one nearest to the mail's Date.
func (d javaDate) readings(zone *time.Location, date time.Time) []reading {
	if m := offsetRE.FindStringSubmatch(d.zone); m != nil {
		h, _ := strconv.Atoi(m[2])
		min, _ := strconv.Atoi(m[3])
		off := time.Duration(h)*time.Hour + time.Duration(min)*time.Minute
		if off > evidence.MaxOffset {
			return nil
		}
		if m[1] == "-" {
			off = -off
		}
		return []reading{{d.clock.Add(-off), "its offset " + m[0]}}
	}
	var all []reading
	if zone != nil {
		all = append(all, reading{inZone(d.clock, zone, date), "the site's zone " + zone.String()})
	}
	for _, minutes := range letters[d.zone] {
		t := d.clock.Add(-time.Duration(minutes) * time.Minute)
		if t.Sub(date).Abs() <= agrees {
			all = append(all, reading{t, "its zone letters " + d.zone + ", which agree with the mail's Date"})
		}
	}
	return all
}

// inZone is the instant at which the clocks of a zone show this time. The hour
// that comes twice means the instant nearest to near.
func inZone(clock time.Time, zone *time.Location, near time.Time) time.Time {
	y, mo, d := clock.Date()
	h, mi, s := clock.Clock()
	best := time.Date(y, mo, d, h, mi, s, 0, zone)
	for _, around := range []time.Duration{-26 * time.Hour, 26 * time.Hour} {
		_, off := clock.Add(around).In(zone).Zone()
		t := clock.Add(-time.Duration(off) * time.Second)
		if _, real := t.In(zone).Zone(); real == off && t.Sub(near).Abs() < best.Sub(near).Abs() {
			best = t
		}
	}
	return best.UTC()
}

// letters are the offsets, in minutes east of UTC, that zone letters stand for.
var letters = map[string][]int{
	"GMT": {0}, "UTC": {0}, "UT": {0}, "Z": {0}, "WET": {0}, "WEST": {60}, "BST": {60, 360}, "CET": {60}, "MET": {60}, "CEST": {120}, "MEST": {120},
	"EET": {120}, "EEST": {180}, "MSK": {180}, "TRT": {180}, "SAST": {120}, "EAT": {180}, "CAT": {120}, "WAT": {60},
	"EST": {-300}, "EDT": {-240}, "CST": {-360, 480}, "CDT": {-300}, "MST": {-420}, "MDT": {-360}, "PST": {-480}, "PDT": {-420},
	"AKST": {-540}, "AKDT": {-480}, "HST": {-600}, "AST": {-240, 180}, "ADT": {-180}, "NST": {-210}, "NDT": {-150}, "BRT": {-180}, "ART": {-180}, "COT": {-300}, "PET": {-300}, "CLT": {-240}, "CLST": {-180},
	"IST": {330, 60, 120}, "IDT": {180}, "GST": {240}, "PKT": {300}, "ICT": {420}, "WIB": {420}, "SGT": {480}, "MYT": {480}, "HKT": {480}, "PHT": {480}, "AWST": {480},
	"JST": {540}, "KST": {540}, "ACST": {570}, "ACDT": {630}, "AEST": {600}, "AEDT": {660}, "NZST": {720}, "NZDT": {780},
}

var zoneLettersRE = regexp.MustCompile(` ([A-Za-z]{1,5})$`)

// parseMailDate reads a Date header. Letters mean what RFC 5322 says; others
// make the date unreadable, for the standard library takes them for UTC.
func parseMailDate(s string) (time.Time, bool) {
	s = strings.TrimSpace(cut(s, 200))
	if i := strings.IndexByte(s, '('); i > 0 {
		s = strings.TrimSpace(s[:i])
	}
	if m := zoneLettersRE.FindStringSubmatch(s); m != nil {
		zone := strings.ToUpper(m[1])
		switch zone {
		case "GMT", "UT", "UTC", "Z", "EST", "EDT", "CST", "CDT", "MST", "MDT", "PST", "PDT":
		default:
			return time.Time{}, false
		}
		minutes := letters[zone][0]
		s = fmt.Sprintf("%s %+03d%02d", strings.TrimSuffix(s, m[0]), minutes/60, 0)
	}
	t, err := mail.ParseDate(s)
	if err != nil || !evidence.Believable(t) || offsetOf(t) > evidence.MaxOffset {
		return time.Time{}, false
	}
	return t.UTC(), true
}

// offsetOf is how far a time's zone is from UTC.
func offsetOf(t time.Time) time.Duration {
	_, sec := t.Zone()
	return (time.Duration(sec) * time.Second).Abs()
}

// A judge knows which times to believe.
type judge struct {
	internal time.Time // INTERNALDATE
	date     time.Time // the mail's Date; where that is missing or not believed, the first Received that is, else INTERNALDATE
}

func newJudge(internal, date time.Time, hasDate bool, received []time.Time) judge {
	if hasDate {
		received = append([]time.Time{date}, received...)
	}
	for _, t := range received {
		if !t.After(internal.Add(maxAhead)) {
			return judge{internal, t}
		}
	}
	return judge{internal, internal}
}

// doubt says why t is not believed, or nothing.
func (j judge) doubt(t time.Time) string {
	switch {
	case t.After(j.internal.Add(maxAhead)):
		return "later than the mail"
	case t.Before(j.date.Add(-maxOlder)):
		return "long before the mail"
	}
	return ""
}

// received are the times of the Received headers, the first hop first: each
// hop writes above those before it.
func (l *Letter) received() []time.Time {
	var all []time.Time
	for _, f := range slices.Backward(l.All("received")) {
		i := strings.LastIndexByte(f.Value, ';')
		if i < 0 {
			continue
		}
		if t, ok := parseMailDate(f.Value[i+1:]); ok {
			all = append(all, t)
		}
		if len(all) == 20 {
			break
		}
	}
	return all
}

// Got is when the mail server got a mail that was seen at that time: INTERNALDATE, or the earliest time in the
// mail's header where all of them are a day later and were past by then. The server's clock is not set, then.
func Got(raw []byte, internal, seen time.Time) time.Time {
	if seen.Sub(internal) <= maxSlow {
		return internal
	}
	l := Letter{Header: mailheader.Read(raw[:min(len(raw), MaxRaw)])}
	times := l.received()
	if date, ok := parseMailDate(l.First("date")); ok {
		times = append(times, date)
	}
	if len(times) == 0 {
		return internal
	}
	first, last := slices.MinFunc(times, time.Time.Compare), slices.MaxFunc(times, time.Time.Compare)
	if first.Sub(internal) <= maxSlow || last.After(seen.Add(maxAhead)) {
		return internal
	}
	return first
}

// Sane replaces an INTERNALDATE that cannot be one.
func Sane(t, now time.Time) time.Time {
	if !evidence.Believable(t) {
		return now.UTC()
	}
	return t.UTC()
}
