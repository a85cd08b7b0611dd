package judge

import (
	"fmt"
	"time"

	"rtmtgrab/internal/registration/logs"
	"rtmtgrab/internal/registration/phone"
	"rtmtgrab/internal/registration/wire"
)

// byUnanswered: the first REGISTER after the success was sent in time and got no answer,
// or not from CUCM. Then the phone was not late, whatever came after it.
func byUnanswered(w *wire.Wire, l phone.Lapse) (Reason, bool) {
	t, s, ok := stoppedFirst(w, l)
	if !ok {
		return Reason{}, false
	}
	if beyond := l.BeyondExpires(); beyond != nil && *beyond > 0 || l.Late() != nil {
		return Reason{}, false // the first attempt itself was late
	}
	r := unexplained(s.what)
	r.Where, r.Proofs = s.where, []logs.Proof{s.sent.Shows("sent on, and not answered")}
	if t.Last.Answer != nil && t.Last.Answer.Is(logs.Own) {
		r.Proofs = append(r.Proofs, t.Last.Answer.Shows(fmt.Sprintf("%d, made by Expressway itself", t.Last.Answer.Code)))
	}
	switch s.where {
	case BetweenCAndCUCM:
		return r.betweenCAndCUCM(w, l, t, s), true
	case BetweenEAndC, AfterE, InE:
		if turnedAway(t) {
			break
		}
		return r.betweenEAndC(w, l, t, s), true
	case InC:
		if r, ok := tlsToCUCM(w, t); ok {
			return r, true
		}
		if no := refusedFor(w, l, s.sent); cannotConnect(w, t) || no != nil {
			r.Cause, r.Confidence, r.Where = CauseFailover, Likely, BetweenCAndCUCM
			if no != nil {
				r.Why += fmt.Sprintf("; a connection to %s failed at %s", no.Node(), Clock(no.Closed))
			}
			return r, true
		}
	}
	if !w.Whole(s.sent.Host, s.sent.At, s.sent.At+wire.InFlight) {
		r.Why += notSeen
		return r, true
	}
	r.Confidence = Likely
	if t.Marks.Own {
		r.Cause = CauseRefused
	}
	return r, true
}

// notSeen is why a host that did not send on what it had received is not said to have done so.
const notSeen = "; its log is not known to be whole over that time, so that its being sent on may be missing"

// recently is how long before a REGISTER a connection that C could not open still
// explains why it did not send it on.
const recently = int64(time.Minute)

// refusedFor is the connection to the phone's node that C could not open when it had
// received a REGISTER; nil: none is known.
func refusedFor(w *wire.Wire, l phone.Lapse, m *logs.Message) *wire.Link {
	before := l.From.Last.At[logs.ToCUCM]
	if before == nil {
		return nil
	}
	return w.Links.RefusedBy(m.Host, w.Texts.AddrPort(before.Far).Addr(), m.At-recently, m.At+wire.InFlight)
}

// byDeadLink: the connection that carried the phone had gone silent before its next
// REGISTER, as that of another phone shows, and that went over another one.
func byDeadLink(w *wire.Wire, l phone.Lapse) (Reason, bool) {
	k := l.From.Link
	if k == nil || k.Silent <= l.From.Sent || k.Silent > l.To.Sent || l.To.Link == k || l.To.Kind == wire.KindFull {
		return Reason{}, false
	}
	if beyond := l.BeyondGrace(); beyond != nil && *beyond > 0 {
		return Reason{}, false
	}
	r := Reason{Cause: CauseTCP, Confidence: Likely, Where: BetweenCAndCUCM, Link: k, Lost: k.Silent,
		Why: fmt.Sprintf("the connection from %s to %s that carried it had gone silent by %s: a REGISTER of another phone got no answer over it", w.Texts.Of(k.C), k.Node(), Clock(k.Silent))}
	if !w.Covered(k.Silent, l.To.Sent) {
		r.Confidence = CannotTell
	}
	return r.followed(w, l, k, k.Silent), true
}

// stoppedFirst is the first try that stopped on its way, if it is the first attempt: also one
// that C sent again, over another connection, and then had answered.
func stoppedFirst(w *wire.Wire, l phone.Lapse) (*wire.Txn, stop, bool) {
	t := l.First()
	if !t.Good() {
		s, ok := stopOf(w, t)
		return t, s, ok
	}
	up, answered := t.Last.SentUp, t.Last.At[logs.ToCUCM]
	if up == nil || answered == nil || up == answered || up.Local == answered.Local && up.Far == answered.Far {
		return nil, stop{}, false
	}
	return t, stop{where: BetweenCAndCUCM, sent: up, what: fmt.Sprintf("Expressway-C sent a REGISTER to CUCM at %s, got no answer, and sent it again at %s over another connection", Clock(w.Steady(up)), Clock(w.Steady(answered)))}, true
}

// betweenCAndCUCM tells a connection that is dead from a node that does not answer.
func (r Reason) betweenCAndCUCM(w *wire.Wire, l phone.Lapse, t *wire.Txn, s stop) Reason {
	r.Why += ". It was lost between Expressway-C and CUCM, or in CUCM itself"
	until := min(s.sent.At+wire.InFlight, l.To.Sent)
	if w.Missing("C", s.sent.At, until) != nil {
		r.Why += "; these logs lack a part of that time, so that an answer may be missing"
		return r
	}
	r.Confidence = Likely
	if !w.Covered(s.sent.At, until) {
		r.Confidence = CannotTell
		r.Why += "; the logs of the Expressway-Cs are not known to be whole over that time, so that an answer may be missing"
	}
	k := w.Links.Of(s.sent)
	switch {
	case t.Last.Reply != nil && t.Last.Reply.Host == s.sent.Host && t != l.To:
		return r // CUCM had it
	case k == nil:
		return r
	case k.Heard > s.sent.At:
		r.Why += ", but not because of the connection: CUCM answered others over it afterwards"
		return r
	case l.To.Link == k:
		r.Why += "; the same connection was used again later"
		return r
	}
	r.Link, r.Lost = k, s.sent.At
	dead := fmt.Sprintf("the connection from %s to %s (from port %d) had gone silent", w.Texts.Of(k.C), k.Node(), k.Local.Port())
	if k.Closed != 0 {
		dead += fmt.Sprintf(" and was closed at %s (%s)", Clock(k.Closed), k.How)
		r.Proofs = append(r.Proofs, k.Proofs(w.Texts)...)
	} else {
		dead += "; no record shows that it closed"
	}
	r.Cause = CauseTCP
	return r.followed(w, l, k, s.sent.At).with(dead)
}

// with puts a clause before the rest of the sentence.
func (r Reason) with(clause string) Reason {
	r.Why = clause + ": " + r.Why
	return r
}

// followed looks at the connection that came after one that was lost: one to another
// node, or refused ones, mean that the node had failed and not the connection.
func (r Reason) followed(w *wire.Wire, l phone.Lapse, k *wire.Link, at int64) Reason {
	failover := func(why string, more ...logs.Proof) Reason {
		r.Cause, r.Why = CauseFailover, r.Why+"; "+why
		r.Proofs = append(r.Proofs, more...)
		return r
	}
	if no := w.Links.Refused(k, at, l.To.Sent); no != nil {
		records := no.Proofs(w.Texts)
		return failover(fmt.Sprintf("a new connection to %s was refused at %s", k.Node(), Clock(no.Closed)), records[len(records)-1])
	}
	up := l.To.Last.At[logs.ToCUCM]
	switch {
	case up == nil:
		r.Confidence = CannotTell
		r.Why += "; which connection followed is not in these logs"
	case w.Texts.AddrPort(up.Far).Addr() != k.Remote.Addr():
		return failover(fmt.Sprintf("the next one went to %s", w.Texts.AddrPort(up.Far).Addr()), up.Shows("the connection now"))
	}
	return r
}

// betweenEAndC is the same for the traversal zone, if its records say that it failed.
func (r Reason) betweenEAndC(w *wire.Wire, l phone.Lapse, t *wire.Txn, s stop) Reason {
	trouble := traversalTrouble(w, l.From, l.From.Sent, l.To.Sent)
	confidence := Likely
	if !w.Covered(s.sent.At, min(s.sent.At+wire.InFlight, l.To.Sent)) {
		confidence = CannotTell
	}
	switch {
	case len(trouble) == 0 && t.Marks.Own && t.Code == 504 && s.where == BetweenEAndC && t.Last.At[logs.OutOfE] == nil:
		r.Cause, r.Confidence = CauseTraversal, Likely // it says itself that C cannot be reached
		return r
	case len(trouble) == 0 && s.where == InE:
		r.Confidence, r.Where = Likely, Nowhere
		if !w.Whole(s.sent.Host, s.sent.At, s.sent.At+wire.InFlight) {
			r.Confidence = CannotTell
			r.Why += notSeen
		}
		return r
	case len(trouble) == 0:
		if s.where == AfterE {
			r.Where = Nowhere
			return r
		}
		r.Confidence = confidence
		r.Why += ". It was lost between Expressway-E and -C; no record of the traversal zone says why"
		return r
	}
	r.Cause, r.Confidence, r.Where, r.Lost = CauseTraversal, confidence, BetweenEAndC, trouble[0].At
	r.Proofs = append(r.Proofs, trouble...)
	return r.with("the traversal zone failed at " + Clock(trouble[0].At))
}
