package hear

import (
	"fmt"
	"slices"

	"rtmtgrab/internal/cucmtrace"
	"rtmtgrab/internal/registration/judge"
	"rtmtgrab/internal/registration/phone"
	"rtmtgrab/internal/registration/wire"
)

// causes are what follows from the reason that CUCM gives for dropping a phone.
var causes = map[int]string{
	cucmtrace.Connectivity: judge.CauseTCP, cucmtrace.KeepAlive: judge.CauseLate,
	8: judge.CauseResetOrLogin, 9: judge.CauseResetOrLogin, 10: judge.CauseResetOrLogin, 17: judge.CauseResetOrLogin, 18: judge.CauseResetOrLogin,
	19: judge.CauseResetOrLogin, 20: judge.CauseResetOrLogin, 15: judge.CauseFailover, 16: judge.CausePath,
}

// agrees are the causes that do not contradict a reason of CUCM's, beside its own: a phone whose
// keep-alive did not come may have been kept from it by anything.
var agrees = map[int][]string{
	cucmtrace.KeepAlive:    {judge.CauseTCP, judge.CauseTraversal, judge.CausePath, judge.CauseFailover, judge.CauseAuth, judge.CauseRefused},
	cucmtrace.Connectivity: {judge.CauseFailover, judge.CauseResetOrLogin},
	15:                     {judge.CauseTCP, judge.CauseResetOrLogin},
	16:                     {judge.CauseFailover, judge.CauseResetOrLogin},
}

// dropped lets CUCM say when it dropped the phone, and why: it knows, and Expressways do not.
func (h *Heard) dropped(s *Story) {
	l, ok := s.lapse()
	if !ok {
		return
	}
	e := s.drop(l)
	if e == nil {
		return
	}
	sure := h.sure(s)
	what := fmt.Sprintf("%s dropped it at %s (%s)", e.Node.Name, judge.Clock(e.At), cucmtrace.ReasonWords(e.Reason))
	h.shows(s, *e, e.Name+", "+cucmtrace.ReasonWords(e.Reason))
	r := s.Reason
	cause, known := causes[e.Reason]
	h.beyond(s, l, e, sure, what)
	switch {
	case !known: // CUCM does not say why
	case r.Cause == judge.CauseUnknown:
		why := r.Why
		r.Cause, r.Confidence, r.Why = cause, sure, "CUCM's own record: "+what
		if cause == judge.CauseLate && !h.behind(s, l, e) {
			r.Cause, r.Confidence, r.Why = judge.CauseUnknown, greater(r.Confidence, judge.CannotTell), "no keep-alive of it had reached CUCM in time: "+r.Why
		}
		if why != "" && r.Confidence == judge.CannotTell {
			r.Why = why
		}
	case r.Cause == cause && !h.otherwise(s, l, e):
		r.Confidence = greater(r.Confidence, sure)
		r.Why += "; CUCM's own record: " + what
	case slices.Contains(agrees[e.Reason], r.Cause) && !h.otherwise(s, l, e):
	default:
		h.contradicts(s, l, e, cause, sure, what)
	}
	if r.Lost < e.At-2*near || r.Lost > e.At+2*near {
		r.Lost = e.At
	}
}

// beyond says when the REGISTER came to CUCM, beside the time of the drop.
func (h *Heard) beyond(s *Story, l phone.Lapse, e *Event, sure, what string) {
	a := s.lastArrival(l.To)
	if a == nil {
		s.say(sure, "%s", what)
		return
	}
	after := ""
	if a.Node == e.Node {
		after = fmt.Sprintf("; the REGISTER that followed arrived there at %s, %s after that", judge.Clock(a.At), judge.Seconds(a.At-e.At))
	}
	s.say(sure, "%s%s", what, after)
	s.Proofs = append(s.Proofs, Proof{a.Node, a.Request.Where, a.At, "REGISTER, as it arrived at CUCM"})
}

// behind reports whether the first attempt of a lapse was sent on, or came, when CUCM had
// dropped the phone: then it was late, whatever happened beside.
func (h *Heard) behind(s *Story, l phone.Lapse, e *Event) bool {
	f := l.First()
	if a := s.firstArrival(f); a != nil {
		return a.At > e.At
	}
	return f.Begun > e.At
}

// otherwise reports whether CUCM's record shows that an inferred cause is none: of a connection
// that closed, and the phone was dropped long after that, by its timer, before its next
// REGISTER was on its way.
func (h *Heard) otherwise(s *Story, l phone.Lapse, e *Event) bool {
	r := s.Reason
	return e.Reason == cucmtrace.KeepAlive && r.Cause == judge.CauseTCP && r.Link != nil && r.Link.Closed > 0 && e.At > r.Link.Closed+10*near &&
		l.From != nil && l.First().Begun > e.At
}

// contradicts lets CUCM's reason take the place of an inferred one.
func (h *Heard) contradicts(s *Story, l phone.Lapse, e *Event, cause, sure, what string) {
	r := s.Reason
	s.Contradictions = append(s.Contradictions, fmt.Sprintf("%s; from the Expressways' logs alone the cause would be %s (%s)", what, causeWord(r.Cause), r.Why))
	s.say(sure, "that contradicts what the Expressways' logs suggest (%s: %s); CUCM's record counts", causeWord(r.Cause), r.Why)
	was := r.Where
	*r = judge.Reason{Cause: cause, Confidence: sure, Why: "CUCM's own record: " + what, Proofs: r.Proofs}
	if cause == judge.CauseTCP {
		r.Where, r.Link = judge.BetweenCAndCUCM, linkOf(l)
	} else if cause == judge.CauseLate {
		r.Where = was
	}
}

// linkOf is the connection that carried the phone.
func linkOf(l phone.Lapse) *wire.Link {
	if l.From == nil {
		return nil
	}
	return l.From.Link
}

func causeWord(cause string) string {
	return map[string]string{judge.CauseLate: "a late keep-alive", judge.CauseTCP: "a dropped TCP connection", judge.CauseTraversal: "the traversal zone",
		judge.CausePath: "a changed path", judge.CauseFailover: "a failover of CUCM", judge.CauseAuth: "its credentials", judge.CauseRefused: "a refusal",
		judge.CauseResetOrLogin: "a reset or login"}[cause]
}
