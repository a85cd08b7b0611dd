package hear

import (
	"slices"
	"strconv"
	"time"

	"rtmtgrab/internal/cucmtrace"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/registration/judge"
	"rtmtgrab/internal/registration/phone"
)

func codeWord(code uint16) string { return strconv.Itoa(int(code)) }

// ownHistory follows the phone's REGISTERs as CUCM had them, and corrects a ruling that had to
// do without the texts, or without some REGISTERs.
func (h *Heard) ownHistory(s *Story, p *phone.Phone) {
	one, full := h.newest(s, p)
	switch {
	case one != nil && (full == nil || full.Said < one.Said):
		if s.Verdict == judge.VerdictUnknown || s.Verdict == judge.PhoneRegistered && s.Chain != nil && s.Chain.History.Came == nil && !s.overtaken(one) {
			h.cameBack(s, p, one)
		}
	case full != nil && (s.Verdict == judge.VerdictPartial || s.Verdict == judge.PhoneCameBack) && s.About != nil && full.At > s.About.Sent+near:
		h.took(s, full)
		s.Back = full.Said
		s.Contradictions = append(s.Contradictions, "it registered all its lines at "+judge.Clock(full.At)+", which is not in the Expressways' logs")
		s.become(judge.VerdictRecovered, s.atEnd(judge.Certain), "recovered: it came back with one line, and registered all its lines at %s", judge.Clock(full.At))
	}
}

// overtaken reports whether the Expressways' logs show that the phone registered all its lines,
// or left, after what CUCM's trace shows.
func (s *Story) overtaken(a *Arrival) bool { return s.ended(a.Said) }

// cameBack: CUCM took a keep-alive for a new registration, which the Expressways' logs could not
// show. Why it had dropped the phone is explained anew. Which lines it had at that time is
// nothing that these logs prove: they lack something just there.
func (h *Heard) cameBack(s *Story, p *phone.Phone, one *Arrival) {
	h.took(s, one)
	verdict, sure, lines := judge.PhoneCameBack, judge.Certain, "; the number of its lines was not seen: partial if it has more lines"
	if s.Chain != nil && !p.OneLine() {
		if known := p.NumbersAround(h.w, s.Chain, one.At); len(known) > 1 {
			verdict, sure, lines = judge.VerdictPartial, judge.Likely, " with one line, though it seems to have more (the numbers "+phone.Few(known, 0)+" were seen)"
		}
	}
	s.become(verdict, s.atEnd(sure), "came back at %s%s: %s took its keep-alive (CSeq %d) for a new registration", judge.Clock(one.At), lines, one.Node.Name, one.Request.CSeq)
	for t, all := range s.Arrivals {
		for _, a := range all {
			if a != nil && a.Request == one.Request && s.Chain != nil && slices.Contains(s.Chain.Txns, t) {
				s.About = t
				s.Keys = append(slices.Clone(s.Keys), t)
				why := judge.Explain(h.w, s.Chain.LapseTo(t))
				s.Reason = &why
				return
			}
		}
	}
}

func (h *Heard) took(s *Story, a *Arrival) {
	s.Proofs = append(s.Proofs, Proof{a.Node, a.Request.Where, a.At, "REGISTER, as it arrived at CUCM"}, Proof{a.Node, a.Answer.Where, a.Said, "CUCM's answer"})
}

// newest are the last keep-alive that CUCM took for a new registration, and the last full
// REGISTER that it accepted, of all that its traces show of the registration that the ruling is
// about; nil: there is none.
func (h *Heard) newest(s *Story, p *phone.Phone) (one, full *Arrival) {
	own, others := h.callsOf(s, p)
	for i, call := range slices.Concat(own, others) {
		open := map[callSeq]*Arrival{}
		for _, m := range h.calls[call] {
			if h.Set[m.Node] {
				continue
			}
			k := callSeq{call, m.CSeq}
			if !m.Answer {
				open[k] = &Arrival{Node: m.Node, Request: m, At: h.Time(m.Node, m.At)}
				continue
			}
			a := open[k]
			if a == nil || m.Code/100 != 2 || a.Request.Second || a.Request.Leaves || m.Node != a.Node {
				continue
			}
			a.Answer, a.Said = m, h.Time(m.Node, m.At)
			switch {
			case a.Request.Full && !m.Failed && (full == nil || a.Said > full.Said):
				full = a
			case i < len(own) && !a.Request.Full && m.NewReg && (one == nil || a.Said > one.Said):
				one = a
			}
		}
	}
	return one, full
}

// callsOf are the Call-IDs of the registration that the ruling is about, and those that CUCM
// alone has of a phone that holds one registration: they may be of single lines.
func (h *Heard) callsOf(s *Story, p *phone.Phone) (own, others []string) {
	seen := map[string]bool{}
	if s.Chain != nil {
		for _, t := range s.Chain.Txns {
			if call := h.w.Texts.Of(t.Timeline.Call); !seen[call] {
				seen[call] = true
				own = append(own, call)
			}
		}
	}
	if len(p.Chains) > 1 {
		return own, nil
	}
	for _, call := range p.CallIDs(h.w) {
		seen[call] = true
	}
	for _, call := range h.byDevice[device(p)] {
		if !seen[call] {
			others = append(others, call)
		}
	}
	return own, others
}

// lines lets CUCM say whether the phone has all its lines: it raises an alarm for one that is
// partially registered, and not before it knows. That a device registered does not say with how
// many lines.
func (h *Heard) lines(s *Story) {
	last := s.standing()
	if last == nil {
		return
	}
	sure := h.sure(s)
	what := last.Node.Name + " at " + judge.Clock(last.At)
	switch last.Kind {
	case cucmtrace.Partially:
		h.shows(s, *last, last.Name)
		if s.ended(last.At) {
			s.say(sure, "it was partially registered with %s (%s)", what, last.Name)
			return
		}
		s.differs("it was partially registered with " + what + ", and nothing in CUCM's record ends that")
		s.become(judge.VerdictPartial, s.atEnd(sure), "is partially registered with %s (%s)", what, last.Name)
	case cucmtrace.Registered:
		s.say(sure, "registered with %s (%s; that does not say with how many lines)", what, last.Name)
	case cucmtrace.Unregistered:
		h.droppedLast(s, last, what)
		if s.Reason == nil || s.Reason.Lost != last.At {
			h.shows(s, *last, last.Name+", "+cucmtrace.ReasonWords(last.Reason))
			s.say(sure, "the last word on it is that %s dropped it (%s)", what, cucmtrace.ReasonWords(last.Reason))
		}
	}
}

// droppedLast: CUCM dropped the phone after its last REGISTER, so that it does not stand as that
// REGISTER left it.
func (h *Heard) droppedLast(s *Story, last *Event, what string) {
	if s.Chain == nil || s.Chain.History.Last == nil {
		return
	}
	t := s.Chain.History.Last
	if last.At <= t.OK || h.nodeOf(t) != last.Node {
		return
	}
	switch s.Verdict {
	case judge.PhoneRegistered, judge.VerdictRecovered:
		s.become(judge.VerdictUnknown, judge.CannotTell, "was dropped by %s (%s), and its next REGISTER is not in these logs: how it is registered since then cannot be told", what, cucmtrace.ReasonWords(last.Reason))
	case judge.VerdictPartial, judge.PhoneCameBack:
		s.Confidence = judge.Lesser(s.Confidence, judge.Likely)
		s.Claims[0].Confidence = judge.Lesser(s.Claims[0].Confidence, judge.Likely)
	}
}

// differs notes a contradiction if the phone would not be called partial from the logs alone.
func (s *Story) differs(what string) {
	if s.Verdict == judge.VerdictRecovered || s.Verdict == judge.PhoneUnregistered || s.Verdict == judge.PhoneRegistered && s.Confidence == judge.Certain {
		s.Contradictions = append(s.Contradictions, what+"; from the Expressways' logs alone it would be "+s.Verdict)
	}
}

// atEnd is how certain it is that the phone stands at the end as CUCM's record has it: no more
// than likely if its last REGISTERs failed, or nothing was heard of it since.
func (s *Story) atEnd(sure string) string {
	if s.Chain == nil {
		return sure
	}
	hist := &s.Chain.History
	if len(hist.Failing) > 0 || hist.End.Quiet || hist.End.Cut != nil || hist.End.Silent != nil {
		return judge.Lesser(sure, judge.Likely)
	}
	return sure
}

// ended reports whether the logs show that the phone registered all its lines, or left, after a
// time.
func (s *Story) ended(at int64) bool {
	if s.Chain == nil {
		return false
	}
	hist := &s.Chain.History
	return s.Back > at || hist.Full != nil && !hist.Full.Marks.Rejected && hist.Full.OK > at || hist.Gone != nil && hist.Gone.Sent > at
}

// standing is CUCM's last alarm on the phone's registration; of one for a partial registration
// and one for a registration that come together, the former. nil: there is none.
func (s *Story) standing() *Event {
	var last *Event
	for i := range s.Events {
		e := &s.Events[i]
		switch {
		case e.Kind != cucmtrace.Registered && e.Kind != cucmtrace.Partially && e.Kind != cucmtrace.Unregistered:
		case last != nil && last.Kind == cucmtrace.Partially && e.Kind == cucmtrace.Registered && e.At-last.At < int64(together) && e.Node == last.Node:
		default:
			last = e
		}
	}
	return last
}

// together is how soon after one another alarms tell of one registration. A registration later
// than that is one of further lines.
const together = 100 * time.Millisecond

// asked lets what CUCM said of the phone when it was asked count: line by line.
func (h *Heard) asked(s *Story, p *phone.Phone) {
	said := h.phones[device(p)]
	if said == nil {
		return
	}
	s.Phone = &said.CUCMPhone
	sure := judge.Likely
	if said.Certain {
		sure = judge.Certain
	}
	at := evidence.Nanos(said.at)
	lines := evidence.LineWords(said.Lines)
	if lines != "" {
		lines = ": " + lines
	}
	switch {
	case said.Status == evidence.CUCMPartially && s.ended(at):
		s.say(sure, "it was partially registered when CUCM was asked at %s%s", judge.Clock(at), lines)
	case said.Status == evidence.CUCMPartially:
		s.differs("CUCM said at " + judge.Clock(at) + " that it is partially registered" + lines)
		s.become(judge.VerdictPartial, sure, "is partially registered at %s with %s%s", judge.Clock(at), said.Node, lines)
	case said.Status == evidence.CUCMRegistered && said.Certain && allUp(said.Lines) && (s.Verdict == judge.VerdictPartial || s.Verdict == judge.PhoneCameBack) && at > s.since():
		h.backInFull(s, said, at, lines)
	default:
		s.say(sure, "%s at %s: %s%s", said.Node, judge.Clock(at), said.Status, lines)
	}
}

// backInFull: CUCM says that a phone that came back with one line has all of them.
func (h *Heard) backInFull(s *Story, said *said, at int64, lines string) {
	s.Contradictions = append(s.Contradictions, "CUCM said at "+judge.Clock(at)+" that all its lines are registered"+lines+"; from the logs alone it would be "+s.Verdict)
	if len(said.Lines) == 1 {
		s.become(judge.PhoneRegistered, judge.Certain, "has one line, which is registered at %s with %s%s", judge.Clock(at), said.Node, lines)
		return
	}
	s.Back = at
	s.become(judge.VerdictRecovered, judge.Certain, "recovered: all its lines are registered at %s with %s%s", judge.Clock(at), said.Node, lines)
}

// since is from when on the phone stands as the ruling says.
func (s *Story) since() int64 {
	if s.About == nil {
		return 0
	}
	return s.About.Sent
}

func allUp(lines []evidence.CUCMLine) bool {
	for _, l := range lines {
		if l.Status != evidence.CUCMRegistered {
			return false
		}
	}
	return len(lines) > 0
}
