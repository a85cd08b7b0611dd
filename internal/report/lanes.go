package report

import (
	"slices"
	"strings"
	"time"

	"rtmtgrab/internal/registration"
)

// A lane is one phone, or all phones of a group.
type lane struct {
	P     *phone // nil: all of a group
	Title string
	Bands []band
	Marks []mark
}

// A band is a stretch of time: "wait", "late", "lost" or "partial".
type band struct{ X, Width, Class, Title string }

func (p *picture) lane(ph *phone, over []sight, until time.Time) lane {
	l := lane{P: ph, Title: ph.Name + ", " + strings.ToLower(ph.Word) + ": " + ph.Digest}
	l.Bands = p.bands(ph, until)
	var all []sight
	came := false
	for i := range ph.Transactions {
		t := &ph.Transactions[i]
		s := sign(t)
		came = came || s == "back" && ph.At != nil && t.At.Sub(*ph.At).Abs() < 2*time.Second
		all = append(all, sight{p.at(t.At), s, p.title(t)})
		if late(t) {
			if due, ok := dueAt(t); ok {
				all = append(all, sight{p.at(due), "due", p.clock.of(due) + " expected"})
			}
		}
	}
	if ph.At != nil && !came && (ph.Verdict == registration.VerdictPartial || ph.Verdict == registration.PhoneCameBack || ph.Verdict == registration.VerdictRecovered) {
		all = append(all, sight{p.at(*ph.At), "back", p.clock.of(ph.At) + " taken for a new registration"})
	}
	for _, c := range p.ended[ph.Phone] {
		if !slices.Contains(over, c) { // else it stands over the whole group
			all = append(all, c)
		}
	}
	l.Marks = p.merge(all)
	return l
}

// all is what happened to the phones of a group, in one lane.
func (p *picture) all(g *group) lane {
	l := lane{Title: plural(g.Size(), "phone") + " together"}
	var marks []sight
	for _, ph := range g.Phones {
		for i := range ph.Transactions {
			if t := &ph.Transactions[i]; happening(sign(t)) {
				marks = append(marks, sight{p.at(t.At), sign(t), ph.Name + " " + p.title(t)})
			}
		}
	}
	l.Marks = p.merge(marks)
	return l
}

// happening reports whether a sign belongs to what happened to a group.
func happening(sign string) bool {
	return sign == "back" || sign == "no" || sign == "none" || sign == "late"
}

// bands are the gaps that were longer than the cadence, the time without a
// registration, and the time with a part of the lines.
func (p *picture) bands(ph *phone, until time.Time) []band {
	var out []band
	add := func(since, until time.Time, class, title string) {
		if a, b := p.at(since), p.at(until); b > a {
			out = append(out, band{percent(a), percent(b - a), class, title})
			p.used["band "+class] = true
		}
	}
	lost := ph.LostAt
	for i := range ph.Transactions {
		t := &ph.Transactions[i]
		due, ok := dueAt(t)
		if !ok || !late(t) {
			continue
		}
		if t.GapS != nil {
			since := t.At.Add(-duration(t.GapS))
			add(since, due, "wait", seconds(t.GapS)+" without a REGISTER; up to here it was on time")
		}
		add(due, t.At, "late", "late by "+seconds(t.LateByS))
		if ph.LostAt != nil && ph.LostAt.After(due) && !ph.LostAt.After(t.At) {
			lost = nil // the late one tells it
		}
	}
	back := until
	if ph.BackAt != nil {
		back = *ph.BackAt
	}
	if lost != nil {
		end := back
		if ph.At != nil && ph.At.Before(back) {
			end = *ph.At
		}
		add(*lost, end, "lost", "registration lost")
	}
	if ph.At != nil && (ph.Verdict == registration.VerdictPartial || ph.Verdict == registration.VerdictRecovered) {
		add(*ph.At, back, "partial", "partially registered")
	}
	return out
}

func duration(s *float64) time.Duration { return time.Duration(*s * float64(time.Second)) }

// late reports whether a transaction was late by more than jitter.
func late(t *registration.Transaction) bool { return t.LateByS != nil && *t.LateByS >= lateFrom }

// dueAt is when a transaction was expected.
func dueAt(t *registration.Transaction) (time.Time, bool) {
	switch {
	case t.Due != nil:
		return *t.Due, true
	case t.LateByS != nil && *t.LateByS > 0:
		return t.At.Add(-duration(t.LateByS)), true
	}
	return time.Time{}, false
}

// sign is the sign of the legend for a transaction: what became of it, else its kind.
func sign(t *registration.Transaction) string {
	switch {
	case t.Code == 0:
		return "none"
	case t.Code >= 300:
		return "no"
	case t.NewReg && t.Kind == registration.KindKeepAlive:
		return "back"
	case late(t):
		return "late"
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

func (p *picture) title(t *registration.Transaction) string {
	text, _ := result(t)
	s := p.clock.of(t.At) + " " + word(kindWords, t.Kind) + ": " + text
	if t.GapS != nil {
		s += ", " + seconds(t.GapS) + " after the one before"
	}
	if late(t) {
		s += ", late by " + seconds(t.LateByS)
	}
	return s
}
