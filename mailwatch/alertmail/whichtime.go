package alertmail

import (
	"fmt"
	"strings"
	"time"

	"rtmtgrab/internal/evidence"
)

// setTime finds out when it happened: the first source that is believed, in the
// order of docs/rtmt-mail.md. Where the mail has another time, a note says which was
// used and why.
func (x *extract) setTime(zone *time.Location, internal time.Time) {
	a := x.alert
	received := x.letter.received()
	date, hasDate := parseMailDate(x.letter.First("date"))
	if hasDate {
		a.MailDate = &date
	}
	judge := newJudge(internal, date, hasDate, received)
	others := x.otherTimes(zone, judge.date)
	try := func(from string, rs ...reading) bool {
		for _, r := range rs {
			why := judge.doubt(r.time)
			if why == "" {
				a.Time, a.TimeFrom = r.time.UTC(), from
				x.from("time", strings.TrimSuffix(from+", by "+r.how, ", by ")+x.whyThis(others))
				return true
			}
			x.letter.note(fmt.Sprintf("the %s's time %s is not believed: %s", from, r.time.UTC().Format(time.RFC3339), why))
		}
		return false
	}
	for _, c := range []struct{ from, text string }{{evidence.TimeFromSentence, x.sentence.date}, {evidence.TimeFromTimeStamp, x.values["timestamp"]}} {
		d, ok := parseJava(c.text)
		if !ok {
			continue
		}
		rs := d.readings(zone, judge.date)
		if len(rs) == 0 {
			x.letter.note(fmt.Sprintf("the %s's zone %q is not understood or does not agree with the mail's Date", c.from, d.zone))
		}
		if try(c.from, rs...) {
			return
		}
	}
	if hasDate && try(evidence.TimeFromDate, reading{time: date}) {
		return
	}
	for _, t := range received {
		if try(evidence.TimeFromReceived, reading{time: t}) {
			return
		}
	}
	a.Time, a.TimeFrom = internal, evidence.TimeFromInternal
	x.from("time", evidence.TimeFromInternal+x.whyThis(others))
}

// A found is a time that the text of a mail has.
type found struct {
	where   string // evidence.TimeFrom…, or "" where it stands neither in the alert's sentence nor under TimeStamp
	written string
	times   []time.Time // that it may mean; none where its zone is not understood
}

// How much is looked at for times that are not used, but named in a note: to search all
// of a padded mail takes longer than all else.
const (
	maxFound = 50
	maxFlat  = 32 << 10
)

// otherTimes lists the times in the text, each once.
func (x *extract) otherTimes(zone *time.Location, date time.Time) []found {
	var all []found
	seen := map[string]bool{}
	add := func(where, written string) {
		written = javaRE.FindString(written)
		d, ok := parseJava(written)
		if !ok || seen[written] {
			return
		}
		seen[written] = true
		f := found{where: where, written: written}
		for _, r := range d.readings(zone, date) {
			f.times = append(f.times, r.time.UTC())
		}
		all = append(all, f)
	}
	add(evidence.TimeFromSentence, x.sentence.date)
	add(evidence.TimeFromTimeStamp, x.values["timestamp"])
	for _, s := range javaRE.FindAllString(x.flat[:min(len(x.flat), maxFlat)], maxFound) {
		add("", s)
	}
	return all
}

// whyTime says why a source of the alert's time counts before those after it.
var whyTime = map[string]string{
	evidence.TimeFromSentence:  "it says when the alert was raised on the node",
	evidence.TimeFromTimeStamp: "no sentence about the alert has a time that is believed",
	evidence.TimeFromDate:      "no time in the text is believed",
	evidence.TimeFromReceived:  "neither a time in the text nor the mail's Date is believed",
	evidence.TimeFromInternal:  "neither a time in the text nor one in the mail's header is believed",
}

// whyThis says why the time was used, where the text has another; else it is empty.
func (x *extract) whyThis(all []found) string {
	a := x.alert
	var others []string
	for _, f := range all {
		if f.where == a.TimeFrom || len(f.times) > 0 && f.times[0].Equal(a.Time) {
			continue
		}
		name := f.written
		if f.where != "" {
			name = f.where + " " + name
		}
		others = append(others, name)
	}
	if len(others) == 0 {
		return ""
	}
	more := ""
	if n := len(others) - 2; n > 0 {
		others, more = others[:2], fmt.Sprintf(" and %d more", n)
	}
	return evidence.Printable(fmt.Sprintf("; used because %s, instead of %s%s", whyTime[a.TimeFrom], strings.Join(others, ", "), more), 250)
}
