package registration

import (
	"fmt"
	"net/netip"
	"strings"

	"rtmtgrab/internal/registration/logs"
)

// A reason is why a registration was lost, how certain that is, and the records that
// show it.
type reason struct {
	cause, confidence string
	why               string // a sentence without its full stop
	where             string // the hop on which it happened, as in Phone.LateAt
	lost              int64  // when, as far as that can be said
	link              *link
	proofs            []logs.Proof
}

func unexplained(why string) reason {
	return reason{cause: CauseUnknown, confidence: CannotTell, why: why}
}

// reasonOf explains why a phone had to register anew at the end of a lapse, or why CUCM
// took a keep-alive for that. What rests on nothing having been sent meanwhile is no more
// than "cannot tell" unless every C is covered; where the logs are known to lack a part
// of the lapse, nothing is called late.
func reasonOf(w *wire, l lapse) reason {
	if r, ok := byReset(w, l); ok {
		return r
	}
	if l.from == nil {
		return unexplained("what was before is not in these logs")
	}
	r := unexplained("nothing in these logs explains why CUCM dropped it")
	if l.to.kind == KindFull {
		r = unexplained("why it registered anew is not in these logs")
	}
	for _, by := range []func(*wire, lapse) (reason, bool){byFailover, byLinkBefore, byRefusal, byUnanswered, byDeadLink, byPeers, byTraversal, byLink, byPort, byLateness, byOtherPort} {
		if found, ok := by(w, l); ok {
			r = found
			break
		}
	}
	if hole := l.hole(w); hole != nil && (l.hidden() || r.cause == CauseLate) {
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
func byReset(w *wire, l lapse) (reason, bool) {
	c, t := l.chain, l.to
	for i := range c.txns {
		if i == 0 || c.txns[i] != t || c.txns[i-1].kind != KindUnregister || c.txns[i-1].code >= 300 {
			continue
		}
		u := c.txns[i-1]
		if u.line.to != t.line.to {
			return reason{cause: CauseFailover, confidence: Likely, why: fmt.Sprintf("it left %s at %s and came to %s", w.Texts.Of(u.line.to), clock(u.sent), w.Texts.Of(t.line.to)),
				lost: u.sent, proofs: []logs.Proof{u.message().Shows("the phone unregisters")}}, true
		}
		confidence := Certain
		if u.code == 0 {
			confidence = Likely
		}
		return reason{cause: CauseResetOrLogin, confidence: confidence, why: "the phone itself unregistered at " + clock(u.sent), lost: u.sent,
			proofs: []logs.Proof{u.message().Shows("the phone unregisters")}}, true
	}
	if m := t.alarmed(); m != nil && l.from != nil {
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
func byRefusal(w *wire, l lapse) (reason, bool) {
	if beyond := l.beyondExpires(); beyond != nil && *beyond > 0 {
		return reason{}, false
	}
	for _, t := range l.failed() {
		switch {
		case t.last.challenged() && !t.refusedCredentials():
		case t.last.challenged():
			return reason{cause: CauseAuth, confidence: Likely, why: "its credentials were refused at " + clock(t.sent) + extra(w, t), proofs: []logs.Proof{t.last.answer.Shows("credentials refused")}}, true
		case t.code >= 300 && !t.marks.own:
			return reason{cause: CauseRefused, confidence: Likely, why: fmt.Sprintf("CUCM refused it with %d at %s%s", t.code, clock(t.sent), extra(w, t)),
				lost: t.sent, proofs: []logs.Proof{t.last.answer.Shows("refused")}}, true
		}
	}
	return reason{}, false
}

// byFailover: the phone came to another node than it was registered with.
func byFailover(w *wire, l lapse) (reason, bool) {
	if l.to.line.to == l.from.line.to {
		return reason{}, false
	}
	r := reason{cause: CauseFailover, confidence: Likely, why: fmt.Sprintf("it was registered with %s and came to %s", w.Texts.Of(l.from.line.to), w.Texts.Of(l.to.line.to)),
		proofs: []logs.Proof{l.from.message().Shows("registered with " + w.Texts.Of(l.from.line.to))}}
	for _, t := range l.failed() {
		if s, ok := stopOf(w, t); ok {
			r.why += ": " + s.what
			break
		}
	}
	return r, true
}

// byPeers: the phone came over other peers than before, and nothing held it up there.
func byPeers(w *wire, l lapse) (reason, bool) {
	switch lostAt(w, l).where {
	case atE, atEtoC, atC:
		return reason{}, false
	}
	pc, pe := l.from.peers(w.Logs)
	tc, te := l.to.peers(w.Logs)
	from, to := farE(w, l.from), farE(w, l.to)
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
	return reason{cause: CausePath, confidence: Likely, why: why, proofs: []logs.Proof{l.from.message().Shows("the path before"), l.to.message().Shows("the path now")}}, true
}

// farE is the address of the E from which C received the REGISTER.
func farE(w *wire, t *txn) netip.Addr {
	if m := t.last.at[logs.IntoC]; m != nil {
		return w.Texts.AddrPort(m.Far).Addr()
	}
	if m := t.last.at[logs.OutOfE]; m != nil {
		return w.Texts.AddrPort(m.Local).Addr()
	}
	return netip.Addr{}
}

// byTraversal: the REGISTER was late, though not before E as far as is known, and the
// traversal zone that carries the phone failed meanwhile.
func byTraversal(w *wire, l lapse) (reason, bool) {
	beyond := l.beyondExpires()
	if beyond == nil || *beyond <= 0 || excess(w, l, logs.PhoneToE) >= *beyond*4/5 {
		return reason{}, false
	}
	trouble := traversalTrouble(w, l.from, l.from.sent, l.to.sent)
	if len(trouble) == 0 {
		return reason{}, false
	}
	return reason{cause: CauseTraversal, confidence: Likely, where: atEtoC, lost: trouble[0].At, proofs: trouble,
		why: "the traversal zone failed at " + clock(trouble[0].At)}, true
}

// byLinkBefore is byLink for a connection that closed before the first attempt.
func byLinkBefore(w *wire, l lapse) (reason, bool) {
	if k := l.from.link; k == nil || k.closed == 0 || k.closed > l.first().attempts[0].begin {
		return reason{}, false
	}
	return byLink(w, l)
}

// byLink: the connection to CUCM that carried the phone closed, and the next one went to
// the same node. It is none where other phones of the connection went on over the next
// one without a new registration.
func byLink(w *wire, l lapse) (reason, bool) {
	k := l.from.link
	if k == nil || k.closed == 0 || k.closed < l.from.sent || k.closed > l.to.sent || w.links.survived[k] {
		return reason{}, false
	}
	beyond := l.beyondExpires()
	if beyond != nil && *beyond > 0 && k.closed > l.from.ok+int64(l.from.expires)*1e9 {
		return reason{}, false // CUCM may have dropped it before that
	}
	r := reason{cause: CauseTCP, confidence: Likely, lost: k.closed, link: k, where: atCtoU,
		why: fmt.Sprintf("the connection from %s to %s that carried it closed at %s (%s)", w.Texts.Of(k.c), k.node(), clock(k.closed), k.how)}
	r.proofs = append(r.proofs, k.records(w.Texts)...)
	if beyond != nil && *beyond > 0 && strings.Contains(strings.ToLower(k.how), "idle") {
		return reason{}, false // C closed it for want of use, and the phone was late
	}
	if beyond != nil && *beyond > 0 {
		if *beyond > l.grace()*3/4 {
			r.confidence = CannotTell
		}
		r.why += fmt.Sprintf("; its next keep-alive came %s beyond Expires as well", seconds(*beyond))
	}
	return r.followed(w, l, k, k.closed), true
}

// byPort: the phone came from another port or address, and late.
func byPort(w *wire, l lapse) (reason, bool) {
	x, y := l.from.last.at[logs.PhoneToE], l.first().firstAt(logs.PhoneToE)
	if x == nil || y == nil || x.Far == y.Far || l.late() == nil {
		return reason{}, false
	}
	return reason{cause: CausePath, confidence: Likely, why: fmt.Sprintf("the phone's connection had broken: it came late, and from %s instead of %s", w.Texts.AddrPort(y.Far), w.Texts.AddrPort(x.Far)),
		proofs: []logs.Proof{x.Shows("the source before"), y.Shows("the source now")}}, true
}

// byLateness: the first attempt reached CUCM when the registration had run out.
func byLateness(w *wire, l lapse) (reason, bool) {
	beyond, f := l.beyondExpires(), l.first()
	if beyond == nil {
		return reason{}, false
	}
	if l.to.kind == KindFull && *beyond > 0 {
		return unexplained("nothing was heard of it for " + seconds(l.gap()) + ", CUCM's Expires being " + fmt.Sprint(l.from.expires) + " s"), true
	}
	late := *beyond + f.atCUCM(w)
	if late <= 0 && l.shaken(w) == nil {
		return lateBehind(w, l)
	}
	if l.shaken(w) != nil {
		return reason{}, false
	}
	ran := l.from.ok + int64(l.from.expires)*1e9
	r := reason{cause: CauseLate, confidence: Likely, lost: min(ran+min(late, l.grace()), f.begun+f.atCUCM(w)), where: lostAt(w, l).where,
		proofs: []logs.Proof{l.from.message().Shows("the success before it")}}
	r.why = fmt.Sprintf("%s after the 200 OK before it, CUCM's Expires being %d s", seconds(l.gap()), l.from.expires)
	if d := f.atCUCM(w); d > slow {
		if d >= late*4/5 {
			r.where = atCtoU
		}
		r.why = fmt.Sprintf("C sent it %s after the 200 OK before it, and CUCM answered it only after a further %s, its Expires being %d s", seconds(l.gap()), seconds(f.atCUCM(w)), l.from.expires)
	}
	if late < l.grace()*3/4 {
		r.confidence = CannotTell
		r.why += "; that is within what CUCM waits beyond it, as far as is known"
	}
	if *beyond > 0 && !w.Covered(l.from.ok, l.to.sent) {
		r.confidence = CannotTell
		r.why += "; the logs of the Expressway-Cs are not known to be whole over that time, so that one in between may be missing"
	}
	return r, true
}

// lateBehind is a first attempt in time that reached CUCM late all the same: its
// credentials came later, or CUCM had counted from before its slow answer.
func lateBehind(w *wire, l lapse) (reason, bool) {
	r := reason{cause: CauseLate, confidence: CannotTell, where: nowhere, proofs: []logs.Proof{l.from.message().Shows("the success before it")}}
	expires := int64(l.from.expires) * 1e9
	switch f := l.first(); {
	case l.to.exact && l.to.sent-l.from.ok > expires && l.to.kind != KindFull && (f != l.to || l.to.sent-l.to.begun > slow) && f.last.challenged() || f == l.to && l.to.sent-l.to.begun > slow && l.to.sent-l.from.ok > expires:
		r.why = fmt.Sprintf("its first attempt was challenged in time; the REGISTER with credentials was sent on %s after the 200 OK before it, CUCM's Expires being %d s", seconds(l.to.sent-l.from.ok), l.from.expires)
	case l.from.exact && l.from.ok-l.from.sent > slow && f.begun-l.from.sent > expires && l.to.kind != KindFull:
		r.where = atCtoU
		r.why = fmt.Sprintf("CUCM's answer before it took %s: from that REGISTER on it was %s, CUCM's Expires being %d s", seconds(l.from.ok-l.from.sent), seconds(f.begun-l.from.sent), l.from.expires)
	default:
		return reason{}, false
	}
	return r, true
}

// byOtherPort: C used another connection, though none is logged as closed.
func byOtherPort(w *wire, l lapse) (reason, bool) {
	x, y := l.from.last.at[logs.ToCUCM], l.to.last.at[logs.ToCUCM]
	if x == nil || y == nil || x.Host != y.Host || x.Local == y.Local || w.Texts.AddrPort(x.Local).Port() == 0 || w.Texts.AddrPort(y.Local).Port() == 0 {
		return reason{}, false
	}
	if k := l.to.link; k != nil && k.begin() != 0 && k.begin() < x.At {
		return reason{}, false // C has several at a time
	}
	if x.Far != y.Far || l.from.link != nil && l.from.link.heard > x.At && l.from.link.heard >= y.At {
		return reason{}, false // the old one goes on
	}
	r := reason{cause: CauseTCP, confidence: Likely, where: atCtoU, link: l.from.link, why: fmt.Sprintf("C used another connection than before (from port %d instead of %d), though no record says that the old one closed",
		w.Texts.AddrPort(y.Local).Port(), w.Texts.AddrPort(x.Local).Port()), proofs: []logs.Proof{x.Shows("the connection before"), y.Shows("the connection now")}}
	if !w.Covered(l.from.sent, l.to.sent) {
		r.confidence = CannotTell
	}
	return r, true
}
