package hear

import (
	"rtmtgrab/internal/registration/judge"
	"rtmtgrab/internal/registration/logs"
	"rtmtgrab/internal/registration/wire"
)

// maxTold bounds the REGISTERs of a phone of which one by one is said what became of them.
const maxTold = 5

// reached says of REGISTERs that got no answer, or a late one, whether they reached CUCM, and
// what it did with them.
func (h *Heard) reached(s *Story) {
	if s.Chain == nil {
		return
	}
	told := 0
	for _, t := range s.Chain.Txns {
		if told == maxTold {
			return
		}
		if h.reachedOne(s, t) {
			told++
		}
	}
}

// reachedOne is about one REGISTER; false: there is nothing to say.
func (h *Heard) reachedOne(s *Story, t *wire.Txn) bool {
	up := t.Last.SentUp
	if up == nil || !t.Keeps() {
		return false
	}
	sent := h.w.Steady(up)
	a := s.lastArrival(t)
	got := t.Last.At[logs.FromCUCM]
	switch {
	case got == nil && a != nil:
		h.unheard(s, t, a)
	case got == nil && h.whole(h.nodeOf(t), sent-near, sent+wire.InFlight) && s.joined:
		s.say(judge.Certain, "the REGISTER that Expressway-C sent at %s never arrived at %s", judge.Clock(sent), h.nodeOf(t).Name)
	case got != nil && a != nil && a.Answer != nil && !h.Set[a.Node] && h.w.Steady(got)-sent > wire.Slow:
		h.slow(s, a, sent, h.w.Steady(got))
	default:
		return false
	}
	return true
}

// unheard: Expressway-C got no answer, and CUCM had the REGISTER.
func (h *Heard) unheard(s *Story, t *wire.Txn, a *Arrival) {
	what, when, then := "has no answer to it in its trace", " at "+judge.Clock(a.At), " at "+judge.Clock(a.Said)
	if h.Set[a.Node] {
		when, then = "", ""
	}
	if a.Answer != nil {
		what = "answered " + label(a) + then
	}
	s.Proofs = append(s.Proofs, Proof{a.Node, a.Request.Where, a.At, "REGISTER, as it arrived at CUCM"})
	s.against(judge.Certain, "the REGISTER of %s, to which Expressway-C has no answer, arrived at %s%s, and CUCM %s", judge.Clock(t.Sent), a.Node.Name, when, what)
	if a.Answer != nil && a.Answer.NewReg {
		s.say(judge.Certain, "it took that REGISTER for a new registration")
	}
}

// slow: the answer came late, and CUCM knows where the time went.
func (h *Heard) slow(s *Story, a *Arrival, sent, got int64) {
	there, in, back := a.At-sent, a.Said-a.At, got-a.Said
	s.Proofs = append(s.Proofs, Proof{a.Node, a.Request.Where, a.At, "REGISTER, as it arrived at CUCM"})
	switch {
	case in >= there && in >= back:
		if s.Reason != nil && s.Reason.Where == judge.BetweenCAndCUCM {
			s.Reason.Where = judge.InCUCM
			s.against(judge.Certain, "the REGISTER that Expressway-C sent at %s arrived %s later; it was not held up on its way, CUCM itself took %s to answer", judge.Clock(sent), judge.Seconds(there), judge.Seconds(in))
			return
		}
		s.say(judge.Certain, "the REGISTER that Expressway-C sent at %s arrived %s later, and CUCM itself took %s to answer", judge.Clock(sent), judge.Seconds(there), judge.Seconds(in))
	case there >= back:
		s.say(judge.Certain, "the REGISTER that Expressway-C sent at %s arrived only at %s: it took %s from Expressway-C to CUCM", judge.Clock(sent), judge.Clock(a.At), judge.Seconds(there))
	default:
		s.say(judge.Certain, "the REGISTER that Expressway-C sent at %s was answered at %s; the answer took %s to Expressway-C", judge.Clock(sent), judge.Clock(a.Said), judge.Seconds(back))
	}
}

func label(a *Arrival) string {
	if a.Answer.Phrase == "" {
		return codeWord(a.Answer.Code)
	}
	return codeWord(a.Answer.Code) + " " + a.Answer.Phrase
}
