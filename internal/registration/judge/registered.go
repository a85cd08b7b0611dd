package judge

import (
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/registration/logs"
	"rtmtgrab/internal/registration/phone"
	"rtmtgrab/internal/registration/wire"
)

// registered is about a phone that keeps its registration, as far as answers tell.
func (r *Ruling) registered(w *wire.Wire, p *phone.Phone) {
	s := &r.Chain.History
	r.Verdict, r.Confidence, r.About = PhoneRegistered, Certain, s.Last
	switch {
	case s.Back != nil:
		r.About, r.Back = s.Came, s.Back.OK
		lines := "came back by keep-alive"
		if p.LinesAt(w, r.Chain, s.Came).Sure {
			lines = "came back with one line"
		}
		r.Verdict = VerdictRecovered
		r.claim(Certain, "%s at %s, and registered all its lines at %s", lines, Clock(s.Came.Sent), Clock(s.Back.OK))
		r.Proofs = append(cameProofs(s.Came), s.Back.Message().Shows("full REGISTER"))
		r.explain(w, r.Chain.LapseTo(s.Came))
	case s.Again != nil:
		r.About, r.Back = s.Again, s.Again.OK
		r.claim(Certain, "registered all its lines anew at %s", Clock(s.Again.OK))
		r.Proofs = append(r.Proofs, s.Again.Message().Shows("full REGISTER"))
		why := reasonOf(w, r.Chain.LapseTo(s.Again))
		r.Reason = &why
	case s.Full != nil && s.Full.Marks.Rejected:
	case s.Full != nil:
		r.claim(Certain, "registered all its lines at %s", Clock(s.Full.OK))
		r.Proofs = append(r.Proofs, s.Full.Message().Shows("full REGISTER"))
		if !s.Full.Marks.Told {
			r.lower(Likely)
			r.claim(CannotTell, "the body of CUCM's answer to its full REGISTER was not logged: whether one of its lines was rejected cannot be told")
		}
	case s.Unclear != nil:
		r.claim(Certain, "was answered with success until %s", Clock(s.Last.OK))
	case p.OneLine():
		r.Confidence = Likely
		r.claim(Likely, "kept its registration throughout; devices of its kind register one line")
	default:
		r.Verdict, r.Confidence = VerdictUnknown, CannotTell
		r.claim(Likely, "kept its registration throughout; the number of lines was not seen, for no full REGISTER is in these logs")
	}
	if s.Full != nil && s.Full.Marks.Rejected {
		r.Verdict, r.Confidence = VerdictUnknown, CannotTell
		r.Claims = nil
		r.claim(Likely, "sent a full REGISTER, and CUCM's answer at %s has a code of failure in its body: some of its lines may not have registered", Clock(s.Full.OK))
		r.Proofs = append(r.Proofs, s.Full.Message().Shows("full REGISTER, answered with a code of failure"))
	}
	r.sayKeepAlives(w)
	r.sayHarmless(w)
	r.stillRegistered(w)
}

// stillRegistered lowers a verdict about a phone that may not be registered any more, or
// of which the messages do not tell enough.
func (r *Ruling) stillRegistered(w *wire.Wire) {
	s := &r.Chain.History
	unknown := func(confidence, format string, args ...any) {
		r.Verdict, r.Confidence = VerdictUnknown, CannotTell
		r.lower(Likely)
		r.claim(confidence, format, args...)
	}
	switch {
	case s.Hole != nil:
		unknown(Certain, "these logs lack %s, and a REGISTER of this phone may have stood there: how it is registered since then cannot be told", spanOf(s.Hole))
	case s.Doubtful != nil:
		unknown(Likely, "its REGISTER of %s was sent on to CUCM when CUCM may have dropped it, and no answer of CUCM came: CUCM may have taken it for a new registration, with one line", Clock(s.Doubtful.Sent))
	case s.Unclear != nil:
		if r.Reason == nil || r.Reason.Cause == CauseUnknown {
			r.Reason = r.unclearReason(w)
		}
		unknown(CannotTell, "of REGISTERs since, such as that at %s, %s: whether CUCM took one for a new registration, and with how many lines, cannot be told", Clock(s.Unclear.Sent), r.whyUnclear(w))
	case len(s.Failing) > 0:
		t := s.Failing[len(s.Failing)-1]
		if t.Last.Challenged() {
			unknown(Certain, "its last REGISTER, at %s, was challenged, and did not come again with credentials", Clock(t.Sent))
			break
		}
		unknown(Certain, "its last REGISTER, at %s, has no answer in these logs", Clock(t.Sent))
		if stop, ok := stopOf(w, t); ok {
			r.claim(Likely, "%s", stop.what)
			r.Reason = &Reason{Cause: CauseUnknown, Confidence: CannotTell, Where: stop.where, Why: "what became of that REGISTER is not in these logs"}
		}
	case s.End.Silent != nil:
		unknown(Likely, "the connection that carried it had gone silent by %s, for a REGISTER of another phone got no answer over it, and its own next one is not in these logs", Clock(s.End.Silent.Silent))
	case s.End.Cut != nil:
		unknown(Certain, "the connection that carried it closed at %s, and its next REGISTER is not in these logs", Clock(s.End.Cut.Closed))
	case s.End.Quiet:
		unknown(Certain, "nothing was heard of it since %s, for longer than CUCM waits", Clock(s.Last.Sent))
		if what, shows := failing(w, s.Last, s.Last.OK, r.Chain.End(w)); what != "" {
			r.claim(Certain, "%s", what)
			r.Reason = &Reason{Cause: CauseUnknown, Confidence: CannotTell, Where: BeforeE, Proofs: shows, Why: "its connections to Expressway-E may be those that failed there because of their TLS; other devices may have its address"}
		}
	case r.Verdict != VerdictUnknown:
		r.doubt(w, s.Last.OK)
	}
}

// whyUnclear says why it is not known what a REGISTER was.
func (r *Ruling) whyUnclear(w *wire.Wire) string {
	t := r.Chain.History.Unclear
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
func (r *Ruling) unclearReason(w *wire.Wire) *Reason {
	c := r.Chain
	if l := c.Worst(); l != nil && l.Shifted(w) == nil && l.Hole(w) == nil && w.Covered(l.From.OK, l.To.Sent) {
		return &Reason{Cause: CauseLate, Confidence: CannotTell, Where: LostAt(w, *l).Where, Why: "whether CUCM had dropped the phone by then is not known without the answer's body"}
	}
	for i := range c.Txns {
		l := c.Lapse(i)
		if l.From == nil || !l.To.Good() {
			continue
		}
		if r := failedLong(w, l); r != nil {
			return r
		}
		if change := w.PortChangeOf(l.To); change != nil && l.From.Sent < change.At && change.At <= l.To.Sent {
			return &Reason{Cause: CauseTCP, Confidence: CannotTell, Where: BetweenCAndCUCM, Why: ChangeWords(w, change) + "; whether CUCM took its next REGISTER for a new registration is not known without the answer's body"}
		}
	}
	return nil
}

// failedLong is why the REGISTERs of a lapse failed for longer than CUCM waits, where the answer to
// the last of them was not logged in full; nil: they did not, or that is not known.
func failedLong(w *wire.Wire, l phone.Lapse) *Reason {
	wait := 2 * l.Cadence
	if l.From.Expires > 0 {
		wait = int64(l.From.Expires)*1e9 + l.Grace()
	}
	if l.To.Marks.Told || wait == 0 || l.To.Sent-l.From.OK <= wait || len(l.Failed()) == 0 {
		return nil
	}
	r := reasonOf(w, l)
	if r.Cause == CauseUnknown && r.Confidence == CannotTell {
		return nil
	}
	r.Confidence = CannotTell
	r.Why += "; whether CUCM had dropped the phone by then is not known without the answer's body"
	return &r
}

func spanOf(s *evidence.Span) string {
	return s.Since.UTC().Format("15:04:05") + " to " + s.Until.UTC().Format("15:04:05 UTC")
}
