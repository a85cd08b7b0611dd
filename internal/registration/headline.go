package registration

import (
	"fmt"
	"strings"
	"time"

	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/human"
	"rtmtgrab/internal/registration/judge"
	"rtmtgrab/internal/registration/wire"
)

// conclude is the verdict on the incident and its sentence: what, when and why. Where
// there was an alert, no phone is believed to be whole because of its kind.
func conclude(w *wire.Wire, o Options, all []told, groups []*group, past []evidence.PastPhone) (verdict, summary string) {
	n := map[string]int{}
	for _, t := range all {
		n[t.Verdict]++
	}
	since := recalled(o, past, n[VerdictPartial]+n[PhoneCameBack])
	switch {
	case n[VerdictPartial] > 0 || n[PhoneCameBack] > 0:
		verdict, summary = VerdictPartial, partialWords(all, n)
	case n[VerdictRecovered] > 0:
		verdict = VerdictRecovered
		how := "went partial"
		for _, t := range all {
			if t.Verdict == VerdictRecovered && t.Chain != nil && t.Chain.History.Came != nil && t.LinesAt(w, t.Chain, t.Chain.History.Came).More == "" {
				how = "came back by keep-alive"
			}
		}
		summary = fmt.Sprintf("%s %s%s and registered all lines again later", whoOf(all, VerdictRecovered), how, whenOf(all, VerdictRecovered))
	case len(all) == 0:
		return VerdictUnknown, "No phone was found in these logs" + since + "."
	case healthy(w, all, len(o.Alerts) > 0):
		verdict = VerdictHealthy
		summary = fmt.Sprintf("no partial MRA phone was seen here: %s, none of which went partial", human.Plural(len(all), "phone"))
	default:
		verdict, summary = VerdictUnknown, unknownWords(all, n)
	}
	if len(past) > 0 && verdict == VerdictHealthy {
		verdict = VerdictUnknown
	}
	return verdict, sentence(summary + since + becauseOf(groups))
}

// partialWords says who is partial, and who is if it has more lines.
func partialWords(all []told, n map[string]int) string {
	var parts []string
	if n[VerdictPartial] > 0 {
		parts = append(parts, whoOf(all, VerdictPartial)+" went partial"+whenOf(all, VerdictPartial)+" and did not register in full again in these logs")
	}
	if k := n[PhoneCameBack]; k > 0 {
		unless := "is partial if it has more than one line"
		if k > 1 {
			unless = "are partial if they have more than one line"
		}
		parts = append(parts, whoOf(all, PhoneCameBack)+" came back by keep-alive"+whenOf(all, PhoneCameBack)+" and "+unless)
	}
	return strings.Join(parts, "; ")
}

// whoOf names one phone, and counts several.
func whoOf(all []told, verdict string) string {
	k, name := 0, ""
	for _, t := range all {
		if t.Verdict == verdict {
			k++
			name = t.short()
		}
	}
	if k == 1 {
		return name
	}
	return human.Plural(k, "phone")
}

// whenOf is when the phones of that verdict came back.
func whenOf(all []told, verdict string) string {
	var from, to *time.Time
	for _, t := range all {
		if at := t.out.At; t.Verdict == verdict && at != nil {
			if from == nil || at.Before(*from) {
				from = at
			}
			if to == nil || at.After(*to) {
				to = at
			}
		}
	}
	switch {
	case from == nil:
		return ""
	case to.Sub(*from) < time.Second:
		return " at " + from.Format(secondLayout)
	}
	return " between " + from.Format(time.TimeOnly) + " and " + to.Format(secondLayout)
}

// becauseOf are the causes of what happened to the first groups, each with how certain
// it is.
func becauseOf(groups []*group) string {
	var parts []string
	for _, g := range groups {
		switch g.out.Verdict {
		case VerdictPartial, PhoneCameBack, VerdictRecovered:
		default:
			continue
		}
		r := g.worst().Reason
		if r == nil || r.Cause == CauseUnknown && r.Where == judge.Nowhere || len(parts) == 3 {
			continue
		}
		s := g.what() + " (" + sure[g.out.Confidence] + ")"
		if len(groups) > 1 {
			s += " of " + human.Plural(len(g.phones), "phone")
		}
		parts = append(parts, s)
	}
	if len(parts) == 0 {
		return ""
	}
	return "; cause: " + strings.Join(parts, "; ")
}

// what is the cause of a group with its connection and time.
func (g *group) what() string {
	s := causeWords(g.worst().Reason)
	if g.out.C != "" && g.out.CUCM != "" && g.link != nil {
		s += ", " + g.out.C + " -> " + g.out.CUCM
	}
	if g.out.At != nil && g.out.Cause != CauseLate {
		at := ", at "
		if r := g.worst().Reason; r.Link != nil && r.Lost != r.Link.Closed {
			at = ", by "
		}
		s += at + g.out.At.Format(secondLayout)
	}
	return s + strings.Replace(lateOf(g), ", late already", ", late", 1)
}

func lateOf(g *group) string {
	if g.out.Cause != CauseLate {
		return ""
	}
	return lateWhere(g.worst().Reason.Where)
}

// healthy reports whether every phone was seen with all its lines and kept them, in logs
// that are known to be whole.
func healthy(w *wire.Wire, all []told, alerted bool) bool {
	for _, t := range all {
		switch {
		case t.Verdict == PhoneUnregistered && t.Confidence == Certain:
		case t.Verdict == PhoneRegistered && t.Confidence == Certain:
		case t.Verdict == PhoneRegistered && t.Confidence == Likely && !alerted && (t.OneLine() || t.About == t.Chain.History.Came):
		default:
			return false
		}
	}
	return w.Covered(w.Begin, w.Asked())
}

func unknownWords(all []told, n map[string]int) string {
	unseen, late := 0, 0
	for _, t := range all {
		if t.Verdict == VerdictUnknown && t.Chain != nil && t.Chain.History.Full == nil && t.Chain.History.Last != nil {
			unseen++
		}
		if t.out.LateByS != nil {
			late++
		}
	}
	if k := n[PhoneRefused]; k > 0 && k+n[PhoneRegistered] == len(all) {
		if k == 1 {
			return "no phone was seen to go partial, but " + whoOf(all, PhoneRefused) + " is refused"
		}
		return fmt.Sprintf("no phone was seen to go partial, but %d phones are refused", k)
	}
	s := fmt.Sprintf("whether a phone is partial cannot be told: of %s none was seen to go partial, but these logs do not tell all", human.Plural(len(all), "phone"))
	if unseen > 0 {
		s += fmt.Sprintf("; of %s the number of lines was not seen", human.Plural(unseen, "phone"))
	}
	if n[PhoneRefused] > 0 {
		s += fmt.Sprintf("; %s refused", whoOf(all, PhoneRefused))
	}
	if late > 0 {
		s += fmt.Sprintf("; REGISTERs of %s came late", human.Plural(late, "phone"))
	}
	return s
}
