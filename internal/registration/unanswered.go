package registration

import (
	"fmt"
	"time"

	"rtmtgrab/internal/registration/logs"
	"rtmtgrab/internal/registration/phone"
	"rtmtgrab/internal/registration/wire"
)

// byUnanswered: the first REGISTER after the success was sent in time and got no answer,
// or not from CUCM. Then the phone was not late, whatever came after it.
func byUnanswered(w *wire.Wire, l phone.Lapse) (reason, bool) {
	t, s, ok := stoppedFirst(w, l)
	if !ok {
		return reason{}, false
	}
	if beyond := l.BeyondExpires(); beyond != nil && *beyond > 0 || l.Late() != nil {
		return reason{}, false // the first attempt itself was late
	}
	r := unexplained(s.what)
	r.where, r.proofs = s.where, []logs.Proof{s.sent.Shows("sent on, and not answered")}
	if t.Last.Answer != nil && t.Last.Answer.Is(logs.Own) {
		r.proofs = append(r.proofs, t.Last.Answer.Shows(fmt.Sprintf("%d, made by Expressway itself", t.Last.Answer.Code)))
	}
	switch s.where {
	case atCtoU:
		return r.betweenCAndCUCM(w, l, t, s), true
	case atEtoC, unknownC, atE:
		return r.betweenEAndC(w, l, t, s), true
	case atC:
		if no := refusedFor(w, l, s.sent); cannotConnect(w, t) || no != nil {
			r.cause, r.confidence, r.where = CauseFailover, Likely, atCtoU
			if no != nil {
				r.why += fmt.Sprintf("; a connection to %s failed at %s", no.Node(), clock(no.Closed))
			}
			return r, true
		}
	}
	r.confidence = Likely
	if s.where == atC && t.Marks.Own {
		r.cause = CauseRefused
	}
	return r, true
}

// recently is how long before a REGISTER a connection that C could not open still
// explains why it did not send it on.
const recently = int64(time.Minute)

// refusedFor is the connection to the phone's node that C could not open when it had
// received a REGISTER; nil: none is known.
func refusedFor(w *wire.Wire, l phone.Lapse, m *logs.Message) *wire.Link {
	before := l.From.Last.At[logs.ToCUCM]
	for _, k := range w.Links.All {
		if before != nil && k.Failed && k.C == m.Host && k.Remote.Addr() == w.Texts.AddrPort(before.Far).Addr() && k.Closed >= m.At-recently && k.Closed <= m.At+wire.InFlight {
			return k
		}
	}
	return nil
}

// byDeadLink: the connection that carried the phone had gone silent before its next
// REGISTER, as that of another phone shows, and that went over another one.
func byDeadLink(w *wire.Wire, l phone.Lapse) (reason, bool) {
	k := l.From.Link
	if k == nil || k.Silent <= l.From.Sent || k.Silent > l.To.Sent || l.To.Link == k || l.To.Kind == wire.KindFull {
		return reason{}, false
	}
	if beyond := l.BeyondGrace(); beyond != nil && *beyond > 0 {
		return reason{}, false
	}
	r := reason{cause: CauseTCP, confidence: Likely, where: atCtoU, link: k, lost: k.Silent,
		why: fmt.Sprintf("the connection from %s to %s that carried it had gone silent by %s: a REGISTER of another phone got no answer over it", w.Texts.Of(k.C), k.Node(), clock(k.Silent))}
	if !w.Covered(k.Silent, l.To.Sent) {
		r.confidence = CannotTell
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
	return t, stop{where: atCtoU, sent: up, what: fmt.Sprintf("Expressway-C sent a REGISTER to CUCM at %s, got no answer, and sent it again at %s over another connection", clock(w.Steady(up)), clock(w.Steady(answered)))}, true
}

// betweenCAndCUCM tells a connection that is dead from a node that does not answer.
func (r reason) betweenCAndCUCM(w *wire.Wire, l phone.Lapse, t *wire.Txn, s stop) reason {
	r.why += ". It was lost between Expressway-C and CUCM, or in CUCM itself"
	until := min(s.sent.At+wire.InFlight, l.To.Sent)
	if w.Missing("C", s.sent.At, until) != nil {
		r.why += "; these logs lack a part of that time, so that an answer may be missing"
		return r
	}
	r.confidence = Likely
	if !w.Covered(s.sent.At, until) {
		r.confidence = CannotTell
		r.why += "; the logs of the Expressway-Cs are not known to be whole over that time, so that an answer may be missing"
	}
	k := w.Links.Of(s.sent)
	switch {
	case t.Last.Reply != nil && t.Last.Reply.Host == s.sent.Host && t != l.To:
		return r // CUCM had it
	case k == nil:
		return r
	case k.Heard > s.sent.At:
		r.why += ", but not because of the connection: CUCM answered others over it afterwards"
		return r
	case l.To.Link == k:
		r.why += "; the same connection was used again later"
		return r
	}
	r.link, r.lost = k, s.sent.At
	dead := fmt.Sprintf("the connection from %s to %s (from port %d) had gone silent", w.Texts.Of(k.C), k.Node(), k.Local.Port())
	if k.Closed != 0 {
		dead += fmt.Sprintf(" and was closed at %s (%s)", clock(k.Closed), k.How)
		r.proofs = append(r.proofs, k.Proofs(w.Texts)...)
	} else {
		dead += "; no record shows that it closed"
	}
	r.cause = CauseTCP
	return r.followed(w, l, k, s.sent.At).with(dead)
}

// with puts a clause before the rest of the sentence.
func (r reason) with(clause string) reason {
	r.why = clause + ": " + r.why
	return r
}

// followed looks at the connection that came after one that was lost: one to another
// node, or refused ones, mean that the node had failed and not the connection.
func (r reason) followed(w *wire.Wire, l phone.Lapse, k *wire.Link, at int64) reason {
	failover := func(why string, more ...logs.Proof) reason {
		r.cause, r.why = CauseFailover, r.why+"; "+why
		r.proofs = append(r.proofs, more...)
		return r
	}
	if no := w.Links.Refused(k, at, l.To.Sent); no != nil {
		records := no.Proofs(w.Texts)
		return failover(fmt.Sprintf("a new connection to %s was refused at %s", k.Node(), clock(no.Closed)), records[len(records)-1])
	}
	up := l.To.Last.At[logs.ToCUCM]
	switch {
	case up == nil:
		r.confidence = CannotTell
		r.why += "; which connection followed is not in these logs"
	case w.Texts.AddrPort(up.Far).Addr() != k.Remote.Addr():
		return failover(fmt.Sprintf("the next one went to %s", w.Texts.AddrPort(up.Far).Addr()), up.Shows("the connection now"))
	}
	return r
}

// betweenEAndC is the same for the traversal zone, if its records say that it failed.
func (r reason) betweenEAndC(w *wire.Wire, l phone.Lapse, t *wire.Txn, s stop) reason {
	trouble := traversalTrouble(w, l.From, l.From.Sent, l.To.Sent)
	confidence := Likely
	if !w.Covered(s.sent.At, min(s.sent.At+wire.InFlight, l.To.Sent)) {
		confidence = CannotTell
	}
	switch {
	case len(trouble) == 0 && t.Marks.Own && t.Code == 504 && s.where == atEtoC && t.Last.At[logs.OutOfE] == nil:
		r.cause, r.confidence = CauseTraversal, Likely // it says itself that C cannot be reached
		return r
	case len(trouble) == 0 && s.where == atE:
		r.confidence, r.where = Likely, nowhere
		return r
	case len(trouble) == 0:
		if s.where == unknownC {
			r.where = nowhere
			return r
		}
		r.confidence = confidence
		r.why += ". It was lost between Expressway-E and -C; no record of the traversal zone says why"
		return r
	}
	r.cause, r.confidence, r.where, r.lost = CauseTraversal, confidence, atEtoC, trouble[0].At
	r.proofs = append(r.proofs, trouble...)
	return r.with("the traversal zone failed at " + clock(trouble[0].At))
}
