package registration

import (
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/registration/logs"
	"rtmtgrab/internal/registration/phone"
	"rtmtgrab/internal/registration/wire"
)

// registered is about a phone that keeps its registration, as far as answers tell.
func (r *ruling) registered(w *wire.Wire, p *phone.Phone) {
	s := &r.chain.History
	r.verdict, r.confidence, r.about = PhoneRegistered, Certain, s.Last
	switch {
	case s.Back != nil:
		r.about, r.back = s.Came, s.Back.OK
		lines := "came back by keep-alive"
		if p.MoreLines(w, r.chain, s.Came) != "" {
			lines = "came back with one line"
		}
		r.verdict = VerdictRecovered
		r.claim(Certain, "%s at %s, and registered all its lines at %s", lines, clock(s.Came.Sent), clock(s.Back.OK))
		r.proofs = append(cameProofs(s.Came), s.Back.Message().Shows("full REGISTER"))
		r.explain(w, r.chain.LapseTo(s.Came))
	case s.Again != nil:
		r.about, r.back = s.Again, s.Again.OK
		r.claim(Certain, "registered all its lines anew at %s", clock(s.Again.OK))
		r.proofs = append(r.proofs, s.Again.Message().Shows("full REGISTER"))
		why := reasonOf(w, r.chain.LapseTo(s.Again))
		r.reason = &why
	case s.Full != nil && s.Full.Marks.Rejected:
	case s.Full != nil:
		r.claim(Certain, "registered all its lines at %s", clock(s.Full.OK))
		r.proofs = append(r.proofs, s.Full.Message().Shows("full REGISTER"))
		if !s.Full.Marks.Told {
			r.lower(Likely)
			r.claim(CannotTell, "the body of CUCM's answer to its full REGISTER was not logged: whether one of its lines was rejected cannot be told")
		}
	case s.Unclear != nil:
		r.claim(Certain, "was answered with success until %s", clock(s.Last.OK))
	case p.OneLine():
		r.confidence = Likely
		r.claim(Likely, "kept its registration throughout; devices of its kind register one line")
	default:
		r.verdict, r.confidence = VerdictUnknown, CannotTell
		r.claim(Likely, "kept its registration throughout; the number of lines was not seen, for no full REGISTER is in these logs")
	}
	if s.Full != nil && s.Full.Marks.Rejected {
		r.verdict, r.confidence = VerdictUnknown, CannotTell
		r.claims = nil
		r.claim(Likely, "sent a full REGISTER, and CUCM's answer at %s has a code of failure in its body: some of its lines may not have registered", clock(s.Full.OK))
		r.proofs = append(r.proofs, s.Full.Message().Shows("full REGISTER, answered with a code of failure"))
	}
	r.sayKeepAlives(w)
	r.sayHarmless(w)
	r.stillRegistered(w)
}

// stillRegistered lowers a verdict about a phone that may not be registered any more, or
// of which the messages do not tell enough.
func (r *ruling) stillRegistered(w *wire.Wire) {
	s := &r.chain.History
	unknown := func(confidence, format string, args ...any) {
		r.verdict, r.confidence = VerdictUnknown, CannotTell
		r.lower(Likely)
		r.claim(confidence, format, args...)
	}
	switch {
	case s.Hole != nil:
		unknown(Certain, "these logs lack %s, and a REGISTER of this phone may have stood there: how it is registered since then cannot be told", spanOf(s.Hole))
	case s.Doubtful != nil:
		unknown(Likely, "its REGISTER of %s was sent to CUCM when CUCM may have dropped it, and no answer came: CUCM may have taken it for a new registration, with one line", clock(s.Doubtful.Sent))
	case s.Unclear != nil:
		if r.reason == nil || r.reason.cause == CauseUnknown {
			r.reason = r.unclearReason(w)
		}
		unknown(CannotTell, "of REGISTERs since, such as that at %s, %s: whether CUCM took one for a new registration, and with how many lines, cannot be told", clock(s.Unclear.Sent), r.whyUnclear(w))
	case len(s.Failing) > 0:
		t := s.Failing[len(s.Failing)-1]
		if t.Last.Challenged() {
			unknown(Certain, "its last REGISTER, at %s, was challenged, and did not come again with credentials", clock(t.Sent))
			break
		}
		unknown(Certain, "its last REGISTER, at %s, has no answer in these logs", clock(t.Sent))
		if stop, ok := stopOf(w, t); ok {
			r.claim(Likely, "%s", stop.what)
			r.reason = &reason{cause: CauseUnknown, confidence: CannotTell, where: stop.where, why: "what became of that REGISTER is not in these logs"}
		}
	case s.End.Silent != nil:
		unknown(Likely, "the connection that carried it had gone silent by %s, for a REGISTER of another phone got no answer over it, and its own next one is not in these logs", clock(s.End.Silent.Silent))
	case s.End.Cut != nil:
		unknown(Certain, "the connection that carried it closed at %s, and its next REGISTER is not in these logs", clock(s.End.Cut.Closed))
	case s.End.Quiet:
		unknown(Certain, "nothing was heard of it since %s, for longer than CUCM waits", clock(s.Last.Sent))
	case r.verdict != VerdictUnknown:
		r.doubt(w, s.Last.OK)
	}
}

// whyUnclear says why it is not known what a REGISTER was.
func (r *ruling) whyUnclear(w *wire.Wire) string {
	t := r.chain.History.Unclear
	for _, m := range t.Last.Messages {
		if m.Is(logs.Cut) {
			return "the text was cut in the log"
		}
	}
	for _, m := range t.Last.Messages {
		if m.Is(logs.HasBody) && m.Is(logs.Request) {
			return "the answer's body was not logged"
		}
	}
	if w.Bodies == "yes" {
		return "the REGISTER itself is not in these logs"
	}
	return "the bodies were not logged"
}

// unclearReason is what may have happened to a phone of which the answers do not tell.
func (r *ruling) unclearReason(w *wire.Wire) *reason {
	c := r.chain
	if l := c.Worst(); l != nil && l.Shifted(w) == nil && l.Hole(w) == nil {
		return &reason{cause: CauseLate, confidence: CannotTell, where: lostAt(w, *l).where, why: "whether CUCM had dropped the phone by then is not known without the answer's body"}
	}
	for i := range c.Txns {
		l := c.Lapse(i)
		if l.From == nil || !l.To.Good() {
			continue
		}
		if change := wire.PortChangeOf(w, l.To); change != nil && l.From.Sent < change.At && change.At <= l.To.Sent {
			return &reason{cause: CauseTCP, confidence: CannotTell, where: atCtoU, why: changeWords(w, change) + "; whether CUCM took its next REGISTER for a new registration is not known without the answer's body"}
		}
	}
	return nil
}

func spanOf(s *evidence.Span) string {
	return s.Since.UTC().Format("15:04:05") + " to " + s.Until.UTC().Format("15:04:05 UTC")
}
