package judge

import (
	"fmt"
	"time"

	"rtmtgrab/internal/registration/logs"
	"rtmtgrab/internal/registration/phone"
	"rtmtgrab/internal/registration/wire"
)

// came is about a keep-alive that was answered as a new registration, and no full
// REGISTER after it: the phone is partial if it has more lines.
func (r *Ruling) came(w *wire.Wire, p *phone.Phone) {
	s := &r.Chain.History
	t := s.Came
	r.Verdict, r.Confidence, r.About = PhoneCameBack, Certain, t
	lines := "; the number of its lines was not seen: partial if it has more lines"
	known := p.LinesAt(w, r.Chain, t)
	switch {
	case known.Sure:
		r.Verdict = VerdictPartial
		lines = " with one line, though it has more (" + known.More + ")"
	case known.More != "":
		r.Verdict, r.Confidence = VerdictPartial, Likely
		lines = " with one line, though it seems to have more (" + known.More + "; these logs do not rule out that it had other lines in between)"
	}
	r.claim(r.Confidence, "came back at %s%s: its keep-alive (CSeq %d) was answered as a new registration by %s", Clock(t.Sent), lines, t.Last.Messages[0].CSeq, w.Texts.Of(t.Timeline.To))
	r.Proofs = cameProofs(t)
	r.explain(w, r.Chain.LapseTo(t))
	if r.Chain.Txns[0] == t && r.Chain.Prev[0] == nil && !t.UsedBefore() {
		r.Verdict, r.Confidence = VerdictUnknown, CannotTell
		r.Claims[0] = Claim{Text: fmt.Sprintf("registered at %s by a REGISTER without a body, the first of its Call-ID (CSeq %d): it may be an ordinary registration of a device that never sends one", Clock(t.Sent), t.Last.Messages[0].CSeq), Confidence: CannotTell}
	} else if r.Chain.Prev[0] == nil && r.Chain.Txns[0] == t {
		r.lower(Likely)
	}
	r.after(w, t)
	r.doubt(w, t.Sent)
}

// after says what followed until the logs end.
func (r *Ruling) after(w *wire.Wire, t *wire.Txn) {
	s, end := &r.Chain.History, r.Chain.End(w)
	whole := Certain
	if !w.Covered(t.Sent, end) {
		whole = CannotTell
	}
	switch {
	case s.Hole != nil:
		r.Verdict, r.Confidence = VerdictUnknown, CannotTell
		r.claim(Certain, "these logs lack %s, and a REGISTER of this phone may have stood there: whether it registered all its lines then cannot be told", spanOf(s.Hole))
	case s.Unclear != nil && s.Unclear.Sent > t.Sent:
		r.lower(Likely)
		r.claim(CannotTell, "of a later REGISTER, at %s, it was not logged what it wanted: whether it registered all lines cannot be told", Clock(s.Unclear.Sent))
	case end < t.Sent:
		r.lower(Likely)
		r.claim(CannotTell, "the logs of Expressway-C end at %s, before that: whether it registered all lines since cannot be told", Clock(end))
	case len(s.Failing) > 0:
		r.lower(Likely)
		t := s.Failing[len(s.Failing)-1]
		became := "has no answer"
		if t.Code != 0 {
			became = "was answered " + answerWords(w, t)
		}
		r.claim(whole, "no full REGISTER follows until the logs end at %s; its last REGISTER, at %s, %s", Clock(end), Clock(t.Sent), became)
	case s.End.Cut != nil:
		r.lower(Likely)
		r.claim(whole, "no full REGISTER follows until the logs end at %s; the connection that carried it closed at %s", Clock(end), Clock(s.End.Cut.Closed))
	case s.End.Quiet:
		r.lower(Likely)
		r.claim(whole, "no full REGISTER follows until the logs end at %s; nothing was heard of it since %s", Clock(end), Clock(s.Last.Sent))
	case end-t.Sent < restAfter:
		r.lower(Likely)
		r.claim(whole, "no full REGISTER follows until the logs end at %s, %s later: its other lines may have registered since", Clock(end), Seconds(end-t.Sent))
	default:
		r.claim(whole, "no full REGISTER follows until the logs end at %s", Clock(end))
	}
}

// restAfter is how soon after it came back with one line a phone may still register the
// others.
const restAfter = int64(5 * time.Second)

// explain adds why, and how late.
func (r *Ruling) explain(w *wire.Wire, l phone.Lapse) {
	why := reasonOf(w, l)
	r.Reason = &why
	r.sayLate(w, l)
}

func (r *Ruling) oneByOne(w *wire.Wire, p *phone.Phone) {
	s := &r.Chain.History
	r.Verdict, r.Confidence, r.About, r.Back = PhoneRegistered, Likely, s.Came, s.Came.OK
	r.claim(Likely, "came back at %s by a REGISTER without a body, and registered its other numbers by REGISTERs of their own: it is not partial (%s)", Clock(s.Came.Sent), phone.Few(p.Numbers, p.More))
	r.Proofs = cameProofs(s.Came)
	r.explain(w, r.Chain.LapseTo(s.Came))
	r.stillRegistered(w)
}

// cameWithItsLine is about a device that registers one line: it has it again.
func (r *Ruling) cameWithItsLine(w *wire.Wire, p *phone.Phone) {
	s := &r.Chain.History
	r.Verdict, r.Confidence, r.About, r.Back = PhoneRegistered, Likely, s.Came, s.Came.OK
	r.claim(Likely, "came back by keep-alive at %s; devices of its kind register one line, so that it is not called partial", Clock(s.Came.Sent))
	if p.Alerted {
		r.Verdict = VerdictPartial
		r.Claims[0].Text = "came back by keep-alive at " + Clock(s.Came.Sent) + ", and the alert names it as partially registered"
	}
	r.Proofs = cameProofs(s.Came)
	r.explain(w, r.Chain.LapseTo(s.Came))
	r.stillRegistered(w)
}

// cameProofs are the REGISTER and its answer.
func cameProofs(t *wire.Txn) []logs.Proof {
	out := []logs.Proof{t.Message().Shows("REGISTER without a body, sent on to CUCM")}
	for _, m := range t.Last.Messages {
		if m.Is(logs.NewReg) && len(out) < 2 || m.Is(logs.NewReg) && t.Message() == t.Last.Messages[0] && !t.Message().Is(logs.Request) && len(out) < 3 {
			out = append(out, m.Shows("200 OK with x-cisco-newreg: CUCM had dropped it"))
		}
	}
	return out
}
