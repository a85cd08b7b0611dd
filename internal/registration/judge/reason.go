package judge

import (
	"fmt"
	"strings"

	"rtmtgrab/internal/registration/logs"
	"rtmtgrab/internal/registration/phone"
	"rtmtgrab/internal/registration/wire"
)

// A Reason is why a registration was lost, how certain that is, and the records that
// show it.
type Reason struct {
	Cause, Confidence string     // CauseLate and the like; Certain and the like
	Why               string     // a sentence without its full stop
	Where             string     // the hop on which it happened: BeforeE and the like
	Lost              int64      // when the registration was lost, as far as that can be said; 0: not known
	Link              *wire.Link // the connection that was lost; nil: none, or not known
	Proofs            []logs.Proof
}

func unexplained(why string) Reason {
	return Reason{Cause: CauseUnknown, Confidence: CannotTell, Why: why}
}

// Explain is why a phone had to register anew at the end of a lapse, or why CUCM took a keep-alive
// for that, as far as the logs of Expressways tell.
func Explain(w *wire.Wire, l phone.Lapse) Reason { return reasonOf(w, l) }

// reasonOf explains why a phone had to register anew at the end of a lapse, or why CUCM
// took a keep-alive for that. What rests on nothing having been sent meanwhile is no more
// than "cannot tell" unless every C is covered; where the logs are known to lack a part
// of the lapse, nothing is called late.
func reasonOf(w *wire.Wire, l phone.Lapse) Reason {
	if r, ok := byReset(w, l); ok {
		return r
	}
	if l.From == nil {
		return unexplained("what was before is not in these logs")
	}
	r := unexplained("nothing in these logs explains why CUCM dropped it")
	if l.To.Kind == wire.KindFull {
		r = unexplained(whyAnew)
	}
	for _, by := range []func(*wire.Wire, phone.Lapse) (Reason, bool){byFailover, byLinkBefore, byRefusal, byUnanswered, byDeadLink, byNode, byPeers, byTraversal, byLink, byPort, byLateness, byOtherPort, byNobodyKnown} {
		if found, ok := by(w, l); ok {
			r = found
			break
		}
	}
	if r.Cause == CauseUnknown && r.Confidence == CannotTell {
		r = r.asItSays(l)
	}
	r = r.withRestart(w, l).withFailing(w, l.From, l.From.OK, l.To.Sent)
	if hole := l.Hole(w); hole != nil && (l.Hidden() || r.Cause == CauseLate) {
		lacks := fmt.Sprintf("these logs lack %s, and a REGISTER may have stood there", spanOf(hole))
		if r.Cause == CauseLate || r.Cause == CauseUnknown || r.Cause == CausePath {
			return unexplained(lacks)
		}
		r.Confidence = CannotTell
		r.Why += "; " + lacks
	}
	return r
}

// byReset: the phone unregistered before, or says itself that it was reset.
func byReset(w *wire.Wire, l phone.Lapse) (Reason, bool) {
	c, t := l.Chain, l.To
	for i := range c.Txns {
		if i == 0 || c.Txns[i] != t || c.Txns[i-1].Kind != wire.KindUnregister || c.Txns[i-1].Code >= 300 {
			continue
		}
		u := c.Txns[i-1]
		if u.Timeline.To != t.Timeline.To {
			return Reason{Cause: CauseFailover, Confidence: Likely, Why: fmt.Sprintf("it left %s at %s and came to %s", w.Texts.Of(u.Timeline.To), Clock(u.Sent), w.Texts.Of(t.Timeline.To)),
				Lost: u.Sent, Proofs: []logs.Proof{u.Message().Shows("the phone unregisters")}}, true
		}
		confidence := Certain
		if u.Code == 0 {
			confidence = Likely
		}
		return Reason{Cause: CauseResetOrLogin, Confidence: confidence, Why: "the phone itself unregistered at " + Clock(u.Sent), Lost: u.Sent,
			Proofs: []logs.Proof{u.Message().Shows("the phone unregisters")}}, true
	}
	if m := t.Alarmed(); m != nil && l.From != nil {
		switch m.Alarm {
		case 20, 22, 23, 104, 105, 107, 30:
			return Reason{Cause: CauseResetOrLogin, Confidence: Likely, Why: "the phone says that it was reset: " + alarmName(m.Alarm),
				Proofs: []logs.Proof{m.Shows(alarmName(m.Alarm))}}, true
		}
	}
	return Reason{}, false
}

// byRefusal: its credentials were not accepted, or CUCM refused it while it was
// registered. A refusal that comes when the registration had run out explains nothing.
func byRefusal(w *wire.Wire, l phone.Lapse) (Reason, bool) {
	if beyond := l.BeyondExpires(); beyond != nil && *beyond > 0 {
		return Reason{}, false
	}
	for _, t := range l.Failed() {
		switch {
		case t.Last.Challenged() && !t.RefusedCredentials():
		case t.Last.Challenged():
			return Reason{Cause: CauseAuth, Confidence: Likely, Why: "its credentials were refused at " + Clock(t.Sent) + extra(w, t), Proofs: []logs.Proof{t.Last.Answer.Shows("credentials refused")}}, true
		case gaveUp(t):
		case t.Code >= 300 && !t.Marks.Own:
			return Reason{Cause: CauseRefused, Confidence: Likely, Why: fmt.Sprintf("%s refused it with %d at %s%s", whose(t), t.Code, Clock(t.Sent), extra(w, t)),
				Lost: t.Sent, Proofs: []logs.Proof{t.Last.Answer.Shows("refused")}}, true
		}
	}
	return Reason{}, false
}

// byNobodyKnown: somebody gave it up, and the logs do not show who.
func byNobodyKnown(w *wire.Wire, l phone.Lapse) (Reason, bool) {
	for _, t := range l.Failed() {
		if gaveUp(t) {
			return notShown(w, t), true
		}
	}
	return Reason{}, false
}

// byFailover: the phone came to another node than it was registered with.
func byFailover(w *wire.Wire, l phone.Lapse) (Reason, bool) {
	if l.To.Timeline.To == l.From.Timeline.To {
		return Reason{}, false
	}
	r := Reason{Cause: CauseFailover, Confidence: Likely, Why: fmt.Sprintf("it was registered with %s and came to %s", w.Texts.Of(l.From.Timeline.To), w.Texts.Of(l.To.Timeline.To)),
		Proofs: []logs.Proof{l.From.Message().Shows("registered with " + w.Texts.Of(l.From.Timeline.To))}}
	for _, t := range l.Failed() {
		if s, ok := stopOf(w, t); ok {
			r.Why += ": " + s.what
			break
		}
	}
	return r, true
}

// byNode: C sent its REGISTER to another address of the same name: that of a cluster.
func byNode(w *wire.Wire, l phone.Lapse) (Reason, bool) {
	x, y := l.From.Last.At[logs.ToCUCM], l.To.Last.At[logs.ToCUCM]
	if x == nil || y == nil {
		return Reason{}, false
	}
	from, to := w.Texts.AddrPort(x.Far).Addr(), w.Texts.AddrPort(y.Far).Addr()
	if !from.IsValid() || !to.IsValid() || from == to || from.Is4() != to.Is4() { // a node may have one of either kind
		return Reason{}, false
	}
	return Reason{Cause: CauseFailover, Confidence: Likely, Where: BetweenCAndCUCM, Why: fmt.Sprintf("it was registered with %s at %s and came to %s", w.Texts.Of(l.From.Timeline.To), from, to),
		Proofs: []logs.Proof{x.Shows("the node before"), y.Shows("the node now")}}, true
}

// byPeers: the phone came over other peers than before, and nothing held it up there.
func byPeers(w *wire.Wire, l phone.Lapse) (Reason, bool) {
	switch LostAt(w, l).Where {
	case InE, BetweenEAndC, InC:
		return Reason{}, false
	}
	pc, pe := l.From.Peers(w.Logs)
	tc, te := l.To.Peers(w.Logs)
	from, to := farE(w, l.From).Addr(), farE(w, l.To).Addr()
	why := ""
	switch {
	case pe != nil && te != nil && pe != te:
		why = fmt.Sprintf("it moved from %s to %s", pe.Name, te.Name)
	case pc != nil && tc != nil && pc != tc:
		why = fmt.Sprintf("it moved from %s to %s", pc.Name, tc.Name)
	case from.IsValid() && to.IsValid() && from != to:
		why = fmt.Sprintf("it moved from the Expressway-E at %s to that at %s", from, to)
	default:
		return Reason{}, false
	}
	return Reason{Cause: CausePath, Confidence: Likely, Why: why, Proofs: []logs.Proof{l.From.Message().Shows("the path before"), l.To.Message().Shows("the path now")}}, true
}

// byTraversal: the REGISTER was late, though not before E as far as is known, and the
// traversal zone that carries the phone failed meanwhile.
func byTraversal(w *wire.Wire, l phone.Lapse) (Reason, bool) {
	beyond := l.BeyondExpires()
	if beyond == nil || *beyond <= 0 || excess(w, l, logs.PhoneToE) >= *beyond*4/5 {
		return Reason{}, false
	}
	trouble := traversalTrouble(w, l.From, l.From.Sent, l.To.Sent)
	if len(trouble) == 0 {
		return Reason{}, false
	}
	return Reason{Cause: CauseTraversal, Confidence: Likely, Where: BetweenEAndC, Lost: trouble[0].At, Proofs: trouble,
		Why: "the traversal zone failed at " + Clock(trouble[0].At)}, true
}

// byLinkBefore is byLink for a connection that closed before the first attempt.
func byLinkBefore(w *wire.Wire, l phone.Lapse) (Reason, bool) {
	if k := l.From.Link; k == nil || k.Closed == 0 || k.Closed > l.First().Attempts[0].Begin {
		return Reason{}, false
	}
	return byLink(w, l)
}

// byLink: the connection to CUCM that carried the phone closed, and the next one went to
// the same node. It is none where other phones of the connection went on over the next
// one without a new registration.
func byLink(w *wire.Wire, l phone.Lapse) (Reason, bool) {
	k := l.From.Link
	if k == nil || k.Closed == 0 || k.Closed < l.From.Sent || k.Closed > l.To.Sent || w.Links.Survived[k] {
		return Reason{}, false
	}
	beyond := l.BeyondExpires()
	if beyond != nil && *beyond > 0 && k.Closed > l.From.OK+int64(l.From.Expires)*1e9 {
		return Reason{}, false // CUCM may have dropped it before that
	}
	r := Reason{Cause: CauseTCP, Confidence: Likely, Lost: k.Closed, Link: k, Where: BetweenCAndCUCM,
		Why: fmt.Sprintf("the connection from %s to %s that carried it closed at %s (%s)", w.Texts.Of(k.C), k.Node(), Clock(k.Closed), k.How)}
	r.Proofs = append(r.Proofs, k.Proofs(w.Texts)...)
	if beyond != nil && *beyond > 0 && strings.Contains(strings.ToLower(k.How), "idle") {
		return Reason{}, false // C closed it for want of use, and the phone was late
	}
	if beyond != nil && *beyond > 0 {
		if *beyond > l.Grace()*3/4 {
			r.Confidence = CannotTell
		}
		r.Why += fmt.Sprintf("; its next keep-alive came %s beyond Expires as well", Seconds(*beyond))
	}
	return r.followed(w, l, k, k.Closed), true
}

// byPort: the phone came from another port or address, and late.
func byPort(w *wire.Wire, l phone.Lapse) (Reason, bool) {
	x, y := l.From.Last.At[logs.PhoneToE], l.First().FirstAt(logs.PhoneToE)
	if x == nil || y == nil || x.Far == y.Far || l.Late() == nil {
		return Reason{}, false
	}
	return Reason{Cause: CausePath, Confidence: Likely, Why: fmt.Sprintf("the phone's connection had broken: it came late, and from %s instead of %s", w.Texts.AddrPort(y.Far), w.Texts.AddrPort(x.Far)),
		Proofs: []logs.Proof{x.Shows("the source before"), y.Shows("the source now")}}, true
}

// byLateness: the first attempt reached CUCM when the registration had run out.
func byLateness(w *wire.Wire, l phone.Lapse) (Reason, bool) {
	beyond, f := l.BeyondExpires(), l.First()
	if beyond == nil {
		return Reason{}, false
	}
	if l.To.Kind == wire.KindFull && *beyond > 0 {
		return unexplained("nothing was heard of it for " + Seconds(l.Gap()) + ", CUCM's Expires being " + fmt.Sprint(l.From.Expires) + " s"), true
	}
	late := *beyond + f.AnswerTime(w)
	if late <= 0 && l.Shifted(w) == nil {
		return lateBehind(w, l)
	}
	if l.Shifted(w) != nil {
		return Reason{}, false
	}
	ran := l.From.OK + int64(l.From.Expires)*1e9
	r := Reason{Cause: CauseLate, Confidence: Likely, Lost: min(ran+min(late, l.Grace()), f.Begun+f.AnswerTime(w)), Where: LostAt(w, l).Where,
		Proofs: []logs.Proof{l.From.Message().Shows("the success before it")}}
	r.Why = fmt.Sprintf("%s after the 200 OK before it, CUCM's Expires being %d s", Seconds(l.Gap()), l.From.Expires)
	if d := f.AnswerTime(w); d > wire.Slow {
		if d >= late*4/5 {
			r.Where = BetweenCAndCUCM
		}
		r.Why = fmt.Sprintf("C sent it %s after the 200 OK before it, and CUCM answered it only after a further %s, its Expires being %d s", Seconds(l.Gap()), Seconds(f.AnswerTime(w)), l.From.Expires)
	}
	if late < l.Grace()*3/4 {
		r.Confidence = CannotTell
		r.Why += "; that is within what CUCM waits beyond it, as far as is known"
	}
	if *beyond > 0 && !w.Covered(l.From.OK, l.To.Sent) {
		r.Confidence = CannotTell
		r.Why += "; the logs of the Expressway-Cs are not known to be whole over that time, so that one in between may be missing"
	}
	return r, true
}

// lateBehind is a first attempt in time that reached CUCM late all the same: its
// credentials came later, or CUCM had counted from before its slow answer.
func lateBehind(w *wire.Wire, l phone.Lapse) (Reason, bool) {
	r := Reason{Cause: CauseLate, Confidence: CannotTell, Where: Nowhere, Proofs: []logs.Proof{l.From.Message().Shows("the success before it")}}
	expires := int64(l.From.Expires) * 1e9
	switch f := l.First(); {
	case l.To.Exact && l.To.Sent-l.From.OK > expires && l.To.Kind != wire.KindFull && (f != l.To || l.To.Sent-l.To.Begun > wire.Slow) && f.Last.Challenged() || f == l.To && l.To.Sent-l.To.Begun > wire.Slow && l.To.Sent-l.From.OK > expires:
		r.Why = fmt.Sprintf("its first attempt was challenged in time; the REGISTER with credentials was sent on %s after the 200 OK before it, CUCM's Expires being %d s", Seconds(l.To.Sent-l.From.OK), l.From.Expires)
	case l.From.Exact && l.From.OK-l.From.Sent > wire.Slow && f.Begun-l.From.Sent > expires && l.To.Kind != wire.KindFull:
		r.Where = BetweenCAndCUCM
		r.Why = fmt.Sprintf("CUCM's answer before it took %s: from that REGISTER on it was %s, CUCM's Expires being %d s", Seconds(l.From.OK-l.From.Sent), Seconds(f.Begun-l.From.Sent), l.From.Expires)
	default:
		return Reason{}, false
	}
	return r, true
}

// byOtherPort: C used another connection, though none is logged as closed.
func byOtherPort(w *wire.Wire, l phone.Lapse) (Reason, bool) {
	x, y := l.From.Last.At[logs.ToCUCM], l.To.Last.At[logs.ToCUCM]
	if x == nil || y == nil || x.Host != y.Host || x.Local == y.Local || w.Texts.AddrPort(x.Local).Port() == 0 || w.Texts.AddrPort(y.Local).Port() == 0 {
		return Reason{}, false
	}
	if k := l.To.Link; k != nil && k.Begin() != 0 && k.Begin() < x.At {
		return Reason{}, false // C has several at a time
	}
	if x.Far != y.Far || l.From.Link != nil && l.From.Link.Heard > x.At && l.From.Link.Heard >= y.At {
		return Reason{}, false // the old one goes on
	}
	r := Reason{Cause: CauseTCP, Confidence: Likely, Where: BetweenCAndCUCM, Link: l.From.Link, Why: fmt.Sprintf("C used another connection than before (from port %d instead of %d), though no record says that the old one closed",
		w.Texts.AddrPort(y.Local).Port(), w.Texts.AddrPort(x.Local).Port()), Proofs: []logs.Proof{x.Shows("the connection before"), y.Shows("the connection now")}}
	if !w.Covered(l.From.Sent, l.To.Sent) {
		r.Confidence = CannotTell
	}
	return r, true
}
