package registration

import (
	"fmt"
	"net/netip"
	"strings"

	"rtmtgrab/internal/registration/logs"
	"rtmtgrab/internal/registration/phone"
	"rtmtgrab/internal/registration/wire"
)

// A reason is why a registration was lost, how certain that is, and the records that
// show it.
type reason struct {
	cause, confidence string
	why               string // a sentence without its full stop
	where             string // the hop on which it happened, as in Phone.LateAt
	lost              int64  // when, as far as that can be said
	link              *wire.Link
	proofs            []logs.Proof
}

func unexplained(why string) reason {
	return reason{cause: CauseUnknown, confidence: CannotTell, why: why}
}

// reasonOf explains why a phone had to register anew at the end of a lapse, or why CUCM
// took a keep-alive for that. What rests on nothing having been sent meanwhile is no more
// than "cannot tell" unless every C is covered; where the logs are known to lack a part
// of the lapse, nothing is called late.
func reasonOf(w *wire.Wire, l phone.Lapse) reason {
	if r, ok := byReset(w, l); ok {
		return r
	}
	if l.From == nil {
		return unexplained("what was before is not in these logs")
	}
	r := unexplained("nothing in these logs explains why CUCM dropped it")
	if l.To.Kind == wire.KindFull {
		r = unexplained("why it registered anew is not in these logs")
	}
	for _, by := range []func(*wire.Wire, phone.Lapse) (reason, bool){byFailover, byLinkBefore, byRefusal, byUnanswered, byDeadLink, byPeers, byTraversal, byLink, byPort, byLateness, byOtherPort} {
		if found, ok := by(w, l); ok {
			r = found
			break
		}
	}
	if hole := l.Hole(w); hole != nil && (l.Hidden() || r.cause == CauseLate) {
		lacks := fmt.Sprintf("these logs lack %s, and a REGISTER may have stood there", spanOf(hole))
		if r.cause == CauseLate || r.cause == CauseUnknown || r.cause == CausePath {
			return unexplained(lacks)
		}
		r.confidence = CannotTell
		r.why += "; " + lacks
	}
	return r
}

// byReset: the phone unregistered before, or says itself that it was reset.
func byReset(w *wire.Wire, l phone.Lapse) (reason, bool) {
	c, t := l.Chain, l.To
	for i := range c.Txns {
		if i == 0 || c.Txns[i] != t || c.Txns[i-1].Kind != wire.KindUnregister || c.Txns[i-1].Code >= 300 {
			continue
		}
		u := c.Txns[i-1]
		if u.Timeline.To != t.Timeline.To {
			return reason{cause: CauseFailover, confidence: Likely, why: fmt.Sprintf("it left %s at %s and came to %s", w.Texts.Of(u.Timeline.To), clock(u.Sent), w.Texts.Of(t.Timeline.To)),
				lost: u.Sent, proofs: []logs.Proof{u.Message().Shows("the phone unregisters")}}, true
		}
		confidence := Certain
		if u.Code == 0 {
			confidence = Likely
		}
		return reason{cause: CauseResetOrLogin, confidence: confidence, why: "the phone itself unregistered at " + clock(u.Sent), lost: u.Sent,
			proofs: []logs.Proof{u.Message().Shows("the phone unregisters")}}, true
	}
	if m := t.Alarmed(); m != nil && l.From != nil {
		switch m.Alarm {
		case 20, 22, 23, 104, 105, 107, 30:
			return reason{cause: CauseResetOrLogin, confidence: Likely, why: "the phone says that it was reset: " + alarmName(m.Alarm),
				proofs: []logs.Proof{m.Shows(alarmName(m.Alarm))}}, true
		}
	}
	return reason{}, false
}

// byRefusal: its credentials were not accepted, or CUCM refused it while it was
// registered. A refusal that comes when the registration had run out explains nothing.
func byRefusal(w *wire.Wire, l phone.Lapse) (reason, bool) {
	if beyond := l.BeyondExpires(); beyond != nil && *beyond > 0 {
		return reason{}, false
	}
	for _, t := range l.Failed() {
		switch {
		case t.Last.Challenged() && !t.RefusedCredentials():
		case t.Last.Challenged():
			return reason{cause: CauseAuth, confidence: Likely, why: "its credentials were refused at " + clock(t.Sent) + extra(w, t), proofs: []logs.Proof{t.Last.Answer.Shows("credentials refused")}}, true
		case t.Code >= 300 && !t.Marks.Own:
			return reason{cause: CauseRefused, confidence: Likely, why: fmt.Sprintf("CUCM refused it with %d at %s%s", t.Code, clock(t.Sent), extra(w, t)),
				lost: t.Sent, proofs: []logs.Proof{t.Last.Answer.Shows("refused")}}, true
		}
	}
	return reason{}, false
}

// byFailover: the phone came to another node than it was registered with.
func byFailover(w *wire.Wire, l phone.Lapse) (reason, bool) {
	if l.To.Timeline.To == l.From.Timeline.To {
		return reason{}, false
	}
	r := reason{cause: CauseFailover, confidence: Likely, why: fmt.Sprintf("it was registered with %s and came to %s", w.Texts.Of(l.From.Timeline.To), w.Texts.Of(l.To.Timeline.To)),
		proofs: []logs.Proof{l.From.Message().Shows("registered with " + w.Texts.Of(l.From.Timeline.To))}}
	for _, t := range l.Failed() {
		if s, ok := stopOf(w, t); ok {
			r.why += ": " + s.what
			break
		}
	}
	return r, true
}

// byPeers: the phone came over other peers than before, and nothing held it up there.
func byPeers(w *wire.Wire, l phone.Lapse) (reason, bool) {
	switch lostAt(w, l).where {
	case atE, atEtoC, atC:
		return reason{}, false
	}
	pc, pe := l.From.Peers(w.Logs)
	tc, te := l.To.Peers(w.Logs)
	from, to := farE(w, l.From), farE(w, l.To)
	why := ""
	switch {
	case pe != nil && te != nil && pe != te:
		why = fmt.Sprintf("it moved from %s to %s", pe.Name, te.Name)
	case pc != nil && tc != nil && pc != tc:
		why = fmt.Sprintf("it moved from %s to %s", pc.Name, tc.Name)
	case from.IsValid() && to.IsValid() && from != to:
		why = fmt.Sprintf("it moved from the Expressway-E at %s to that at %s", from, to)
	default:
		return reason{}, false
	}
	return reason{cause: CausePath, confidence: Likely, why: why, proofs: []logs.Proof{l.From.Message().Shows("the path before"), l.To.Message().Shows("the path now")}}, true
}

// farE is the address of the E from which C received the REGISTER.
func farE(w *wire.Wire, t *wire.Txn) netip.Addr {
	if m := t.Last.At[logs.IntoC]; m != nil {
		return w.Texts.AddrPort(m.Far).Addr()
	}
	if m := t.Last.At[logs.OutOfE]; m != nil {
		return w.Texts.AddrPort(m.Local).Addr()
	}
	return netip.Addr{}
}

// byTraversal: the REGISTER was late, though not before E as far as is known, and the
// traversal zone that carries the phone failed meanwhile.
func byTraversal(w *wire.Wire, l phone.Lapse) (reason, bool) {
	beyond := l.BeyondExpires()
	if beyond == nil || *beyond <= 0 || excess(w, l, logs.PhoneToE) >= *beyond*4/5 {
		return reason{}, false
	}
	trouble := traversalTrouble(w, l.From, l.From.Sent, l.To.Sent)
	if len(trouble) == 0 {
		return reason{}, false
	}
	return reason{cause: CauseTraversal, confidence: Likely, where: atEtoC, lost: trouble[0].At, proofs: trouble,
		why: "the traversal zone failed at " + clock(trouble[0].At)}, true
}

// byLinkBefore is byLink for a connection that closed before the first attempt.
func byLinkBefore(w *wire.Wire, l phone.Lapse) (reason, bool) {
	if k := l.From.Link; k == nil || k.Closed == 0 || k.Closed > l.First().Attempts[0].Begin {
		return reason{}, false
	}
	return byLink(w, l)
}

// byLink: the connection to CUCM that carried the phone closed, and the next one went to
// the same node. It is none where other phones of the connection went on over the next
// one without a new registration.
func byLink(w *wire.Wire, l phone.Lapse) (reason, bool) {
	k := l.From.Link
	if k == nil || k.Closed == 0 || k.Closed < l.From.Sent || k.Closed > l.To.Sent || w.Links.Survived[k] {
		return reason{}, false
	}
	beyond := l.BeyondExpires()
	if beyond != nil && *beyond > 0 && k.Closed > l.From.OK+int64(l.From.Expires)*1e9 {
		return reason{}, false // CUCM may have dropped it before that
	}
	r := reason{cause: CauseTCP, confidence: Likely, lost: k.Closed, link: k, where: atCtoU,
		why: fmt.Sprintf("the connection from %s to %s that carried it closed at %s (%s)", w.Texts.Of(k.C), k.Node(), clock(k.Closed), k.How)}
	r.proofs = append(r.proofs, k.Proofs(w.Texts)...)
	if beyond != nil && *beyond > 0 && strings.Contains(strings.ToLower(k.How), "idle") {
		return reason{}, false // C closed it for want of use, and the phone was late
	}
	if beyond != nil && *beyond > 0 {
		if *beyond > l.Grace()*3/4 {
			r.confidence = CannotTell
		}
		r.why += fmt.Sprintf("; its next keep-alive came %s beyond Expires as well", seconds(*beyond))
	}
	return r.followed(w, l, k, k.Closed), true
}

// byPort: the phone came from another port or address, and late.
func byPort(w *wire.Wire, l phone.Lapse) (reason, bool) {
	x, y := l.From.Last.At[logs.PhoneToE], l.First().FirstAt(logs.PhoneToE)
	if x == nil || y == nil || x.Far == y.Far || l.Late() == nil {
		return reason{}, false
	}
	return reason{cause: CausePath, confidence: Likely, why: fmt.Sprintf("the phone's connection had broken: it came late, and from %s instead of %s", w.Texts.AddrPort(y.Far), w.Texts.AddrPort(x.Far)),
		proofs: []logs.Proof{x.Shows("the source before"), y.Shows("the source now")}}, true
}

// byLateness: the first attempt reached CUCM when the registration had run out.
func byLateness(w *wire.Wire, l phone.Lapse) (reason, bool) {
	beyond, f := l.BeyondExpires(), l.First()
	if beyond == nil {
		return reason{}, false
	}
	if l.To.Kind == wire.KindFull && *beyond > 0 {
		return unexplained("nothing was heard of it for " + seconds(l.Gap()) + ", CUCM's Expires being " + fmt.Sprint(l.From.Expires) + " s"), true
	}
	late := *beyond + f.AnswerTime(w)
	if late <= 0 && l.Shifted(w) == nil {
		return lateBehind(w, l)
	}
	if l.Shifted(w) != nil {
		return reason{}, false
	}
	ran := l.From.OK + int64(l.From.Expires)*1e9
	r := reason{cause: CauseLate, confidence: Likely, lost: min(ran+min(late, l.Grace()), f.Begun+f.AnswerTime(w)), where: lostAt(w, l).where,
		proofs: []logs.Proof{l.From.Message().Shows("the success before it")}}
	r.why = fmt.Sprintf("%s after the 200 OK before it, CUCM's Expires being %d s", seconds(l.Gap()), l.From.Expires)
	if d := f.AnswerTime(w); d > wire.Slow {
		if d >= late*4/5 {
			r.where = atCtoU
		}
		r.why = fmt.Sprintf("C sent it %s after the 200 OK before it, and CUCM answered it only after a further %s, its Expires being %d s", seconds(l.Gap()), seconds(f.AnswerTime(w)), l.From.Expires)
	}
	if late < l.Grace()*3/4 {
		r.confidence = CannotTell
		r.why += "; that is within what CUCM waits beyond it, as far as is known"
	}
	if *beyond > 0 && !w.Covered(l.From.OK, l.To.Sent) {
		r.confidence = CannotTell
		r.why += "; the logs of the Expressway-Cs are not known to be whole over that time, so that one in between may be missing"
	}
	return r, true
}

// lateBehind is a first attempt in time that reached CUCM late all the same: its
// credentials came later, or CUCM had counted from before its slow answer.
func lateBehind(w *wire.Wire, l phone.Lapse) (reason, bool) {
	r := reason{cause: CauseLate, confidence: CannotTell, where: nowhere, proofs: []logs.Proof{l.From.Message().Shows("the success before it")}}
	expires := int64(l.From.Expires) * 1e9
	switch f := l.First(); {
	case l.To.Exact && l.To.Sent-l.From.OK > expires && l.To.Kind != wire.KindFull && (f != l.To || l.To.Sent-l.To.Begun > wire.Slow) && f.Last.Challenged() || f == l.To && l.To.Sent-l.To.Begun > wire.Slow && l.To.Sent-l.From.OK > expires:
		r.why = fmt.Sprintf("its first attempt was challenged in time; the REGISTER with credentials was sent on %s after the 200 OK before it, CUCM's Expires being %d s", seconds(l.To.Sent-l.From.OK), l.From.Expires)
	case l.From.Exact && l.From.OK-l.From.Sent > wire.Slow && f.Begun-l.From.Sent > expires && l.To.Kind != wire.KindFull:
		r.where = atCtoU
		r.why = fmt.Sprintf("CUCM's answer before it took %s: from that REGISTER on it was %s, CUCM's Expires being %d s", seconds(l.From.OK-l.From.Sent), seconds(f.Begun-l.From.Sent), l.From.Expires)
	default:
		return reason{}, false
	}
	return r, true
}

// byOtherPort: C used another connection, though none is logged as closed.
func byOtherPort(w *wire.Wire, l phone.Lapse) (reason, bool) {
	x, y := l.From.Last.At[logs.ToCUCM], l.To.Last.At[logs.ToCUCM]
	if x == nil || y == nil || x.Host != y.Host || x.Local == y.Local || w.Texts.AddrPort(x.Local).Port() == 0 || w.Texts.AddrPort(y.Local).Port() == 0 {
		return reason{}, false
	}
	if k := l.To.Link; k != nil && k.Begin() != 0 && k.Begin() < x.At {
		return reason{}, false // C has several at a time
	}
	if x.Far != y.Far || l.From.Link != nil && l.From.Link.Heard > x.At && l.From.Link.Heard >= y.At {
		return reason{}, false // the old one goes on
	}
	r := reason{cause: CauseTCP, confidence: Likely, where: atCtoU, link: l.From.Link, why: fmt.Sprintf("C used another connection than before (from port %d instead of %d), though no record says that the old one closed",
		w.Texts.AddrPort(y.Local).Port(), w.Texts.AddrPort(x.Local).Port()), proofs: []logs.Proof{x.Shows("the connection before"), y.Shows("the connection now")}}
	if !w.Covered(l.From.Sent, l.To.Sent) {
		r.confidence = CannotTell
	}
	return r, true
}
