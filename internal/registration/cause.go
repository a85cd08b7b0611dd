package registration

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"rtmtgrab/internal/expressway"
)

// A reason is why a registration was lost, how certain that is, and the records that
// show it.
type reason struct {
	cause, confidence string
	why               string // a sentence without its full stop
	lost              int64  // when, as far as that can be said
	link              *link
	proofs            []Proof
}

// reasonOf explains why t had to register anew, or why CUCM took it for that. What
// rests on nothing having been sent meanwhile is no more than "cannot tell" unless every
// C is covered.
func (a *analysis) reasonOf(c *chain, t *txn) reason {
	if r, ok := a.byReset(c, t); ok {
		return r
	}
	p := t.prev
	if p == nil {
		return reason{cause: CauseUnknown, confidence: CannotTell, why: "what was before is not in these logs"}
	}
	for _, by := range []func(*chain, *txn) (reason, bool){a.byRefusal, a.byFailover, a.byPeers, a.byTraversal, a.bySilentNode, a.byLink, a.byPort, a.byLateness, a.byNewPort} {
		if r, ok := by(c, t); ok {
			return r
		}
	}
	return reason{cause: CauseUnknown, confidence: CannotTell, why: "nothing in these logs explains why CUCM dropped it"}
}

// byReset: the phone unregistered before, or says itself that it was reset.
func (a *analysis) byReset(c *chain, t *txn) (reason, bool) {
	i := slices.Index(c.txns, t)
	if i > 0 && c.txns[i-1].kind == KindUnregister {
		u := c.txns[i-1]
		if u.line.to != t.line.to {
			return reason{cause: CauseFailover, confidence: Likely, why: fmt.Sprintf("it left %s at %s and came to %s", a.texts.of(u.line.to), clock(u.sent), a.texts.of(t.line.to)),
				lost: u.sent, proofs: []Proof{a.proof(u.message(), "the phone unregisters")}}, true
		}
		return reason{cause: CauseResetOrLogin, confidence: Certain, why: "the phone itself unregistered at " + clock(u.sent), lost: u.sent,
			proofs: []Proof{a.proof(u.message(), "the phone unregisters")}}, true
	}
	if m := t.alarmed(); m != nil && t.prev != nil {
		switch m.alarm {
		case 20, 22, 23, 104, 105, 107, 30:
			return reason{cause: CauseResetOrLogin, confidence: Likely, why: "the phone says that it was reset: " + alarmName(m.alarm),
				proofs: []Proof{a.proof(m, alarmName(m.alarm))}}, true
		}
	}
	return reason{}, false
}

// between are the chain's REGISTERs without success since the one before.
func (c *chain) between(t *txn) []*txn {
	var out []*txn
	for _, o := range c.txns {
		if o.keeps() && !o.good() && o.sent < t.sent && t.prev != nil && o.sent > t.prev.sent {
			out = append(out, o)
		}
	}
	return out
}

func (a *analysis) byRefusal(c *chain, t *txn) (reason, bool) {
	for _, o := range c.between(t) {
		switch {
		case o.last.challenged():
			return reason{cause: CauseAuth, confidence: Likely, why: "its credentials were refused at " + clock(o.sent) + a.said(o), proofs: []Proof{a.proof(o.last.answer, "credentials refused")}}, true
		case o.code >= 300 && !o.own:
			return reason{cause: CauseRefused, confidence: Likely, why: fmt.Sprintf("CUCM refused it with %d at %s%s", o.code, clock(o.sent), a.said(o)),
				lost: o.sent, proofs: []Proof{a.proof(o.last.answer, "refused")}}, true
		}
	}
	return reason{}, false
}

func (a *analysis) byFailover(c *chain, t *txn) (reason, bool) {
	if t.line.to == t.prev.line.to {
		return reason{}, false
	}
	return reason{cause: CauseFailover, confidence: Likely, why: fmt.Sprintf("it was registered with %s and came to %s", a.texts.of(t.prev.line.to), a.texts.of(t.line.to)),
		proofs: []Proof{a.proof(t.prev.message(), "registered with "+a.texts.of(t.prev.line.to))}}, true
}

func (a *analysis) byPeers(c *chain, t *txn) (reason, bool) {
	pc, pe := t.prev.peers(a)
	tc, te := t.peers(a)
	from, to := a.farE(t.prev), a.farE(t)
	why := ""
	switch {
	case pe != nil && te != nil && pe != te:
		why = fmt.Sprintf("it moved from %s to %s", pe.name, te.name)
	case pc != nil && tc != nil && pc != tc:
		why = fmt.Sprintf("it moved from %s to %s", pc.name, tc.name)
	case from.IsValid() && to.IsValid() && from != to:
		why = fmt.Sprintf("it moved from the Expressway-E at %s to that at %s", from, to)
	default:
		return reason{}, false
	}
	return reason{cause: CausePath, confidence: Likely, why: why, proofs: []Proof{a.proof(t.prev.message(), "the path before"), a.proof(t.message(), "the path now")}}, true
}

// farE is the address of the E from which C received the REGISTER.
func (a *analysis) farE(t *txn) netip.Addr {
	if m := t.last.at[intoC]; m != nil {
		return a.texts.end(m.far).Addr()
	}
	if m := t.last.at[outOfE]; m != nil {
		return a.texts.end(m.local).Addr()
	}
	return netip.Addr{}
}

// byTraversal: an E answered for C, or the traversal zone that carried the phone failed.
func (a *analysis) byTraversal(c *chain, t *txn) (reason, bool) {
	from, to := t.prev.sent, t.sent
	r := reason{cause: CauseTraversal, confidence: Likely}
	r.proofs = a.traversalTrouble(t.prev, from, to)
	for _, o := range c.between(t) {
		if a.stoppedAtE(o) {
			r.proofs = append(r.proofs, a.proof(o.last.answer, "Expressway-E answered itself"))
			r.why = fmt.Sprintf("Expressway-E could not send it on at %s and answered %d itself", clock(o.sent), o.code)
		}
	}
	if len(r.proofs) == 0 {
		return r, false
	}
	if r.why == "" {
		r.why = "the traversal zone failed at " + r.proofs[0].Time.Format(clockLayout)
	}
	return r, true
}

// stoppedAtE reports whether an E refused a REGISTER that it had not sent on.
func (a *analysis) stoppedAtE(t *txn) bool {
	at := &t.last.at
	return t.code >= 400 && !t.last.challenged() && at[phoneToE] != nil && at[outOfE] == nil && at[intoC] == nil
}

// traversalTrouble are the records of a span that say that the connection or zone between
// the phone's E and C failed.
func (a *analysis) traversalTrouble(t *txn, from, to int64) []Proof {
	var out []Proof
	ip := a.farE(t)
	for _, n := range a.tcps {
		if n.at <= from || n.at > to {
			continue
		}
		src, dst := a.texts.end(n.src), a.texts.end(n.dst)
		end := dst
		if !traversalPort(end.Port()) {
			end = src
		}
		what := a.texts.of(n.what)
		if traversalPort(end.Port()) && end.Addr() == ip && ip.IsValid() && (what == expressway.TCPClosed || what == expressway.TCPFailed) {
			out = append(out, a.placeProof(n.host, n.place, n.at, what+" between C and E"))
		}
	}
	_, e := t.peers(a)
	for _, v := range a.events {
		w := strings.ToLower(a.texts.of(v.what))
		bad := strings.Contains(w, "fail") || strings.Contains(w, "down") || strings.Contains(w, "lost") || strings.Contains(w, "inactive")
		about := strings.Contains(w, "travers") || ip.IsValid() && strings.Contains(w, ip.String()+":70") || e != nil && v.host == e.id && strings.Contains(w, "zone")
		if v.at > from && v.at <= to && bad && about && (e == nil || v.host == e.id || ip.IsValid() && strings.Contains(w, ip.String())) {
			out = append(out, a.placeProof(v.host, v.place, v.at, a.texts.of(v.what)))
		}
	}
	slices.SortStableFunc(out, func(x, y Proof) int { return x.Time.Compare(y.Time) })
	return out[:min(len(out), 6)]
}

// bySilentNode: C could not reach the node, or the node did not answer.
func (a *analysis) bySilentNode(c *chain, t *txn) (reason, bool) {
	for _, o := range c.between(t) {
		if o.own && (o.code == 408 || o.code == 503 || o.code == 504) && !a.stoppedAtE(o) {
			return reason{cause: CauseFailover, confidence: Likely, why: fmt.Sprintf("%s could not be reached at %s: Expressway answered %d itself%s", a.texts.of(o.line.to), clock(o.sent), o.code, a.said(o)),
				proofs: []Proof{a.proof(o.last.answer, "answered by Expressway itself")}}, true
		}
	}
	return reason{}, false
}

// byLink: the connection to CUCM that carried the phone closed.
func (a *analysis) byLink(c *chain, t *txn) (reason, bool) {
	l := t.prev.link
	if l == nil || l.closed == 0 || l.closed < t.prev.sent || l.closed > t.sent {
		return reason{}, false
	}
	if d := t.beyondExpires(); d != nil && *d > 0 && l.closed > t.prev.ok+int64(t.prev.expires)*1e9 {
		return reason{}, false // CUCM may have dropped it before that
	}
	r := reason{cause: CauseTCP, confidence: Likely, lost: l.closed, link: l,
		why: fmt.Sprintf("the connection from %s to %s that carried it closed at %s (%s)", a.texts.of(l.c), l.node(), clock(l.closed), l.how)}
	for _, n := range l.proofs {
		r.proofs = append(r.proofs, a.placeProof(n.host, n.place, n.at, a.texts.of(n.what)))
	}
	if d := t.beyondExpires(); d != nil && *d > 0 {
		r.why += fmt.Sprintf("; its next keep-alive came %s beyond Expires as well", seconds(*d))
	}
	return r, true
}

// byPort: the phone came from another port or address, and late.
func (a *analysis) byPort(c *chain, t *txn) (reason, bool) {
	x, y := t.prev.last.at[phoneToE], t.last.at[phoneToE]
	if x == nil || y == nil || x.far == y.far || !t.isLate() {
		return reason{}, false
	}
	return reason{cause: CausePath, confidence: Likely, why: fmt.Sprintf("the phone's connection had broken: it came late, and from %s instead of %s", a.texts.end(y.far), a.texts.end(x.far)),
		proofs: []Proof{a.proof(x, "the source before"), a.proof(y, "the source now")}}, true
}

// byLateness: the REGISTER reached CUCM when its registration had run out.
func (a *analysis) byLateness(c *chain, t *txn) (reason, bool) {
	d := t.beyondExpires()
	if d == nil {
		return reason{}, false
	}
	if t.kind == KindFull && *d > 0 {
		return reason{cause: CauseUnknown, confidence: CannotTell, why: "nothing was heard of it for " + seconds(t.gap) + ", CUCM's Expires being " + fmt.Sprint(t.prev.expires) + " s"}, true
	}
	late := *d + t.atCUCM()
	if late <= 0 {
		return reason{}, false
	}
	r := reason{cause: CauseLate, confidence: Likely, lost: min(t.prev.ok+int64(t.prev.expires)*1e9+min(late, a.grace(t.prev.expires)), t.sent+t.atCUCM()),
		proofs: []Proof{a.proof(t.prev.message(), "the success before it")}}
	r.why = fmt.Sprintf("%s after the 200 OK before it, CUCM's Expires being %d s", seconds(t.gap), t.prev.expires)
	if t.atCUCM() > slow {
		r.why = fmt.Sprintf("C sent it %s after the 200 OK before it, and CUCM answered it only after a further %s, its Expires being %d s", seconds(t.gap), seconds(t.atCUCM()), t.prev.expires)
	}
	if *d > 0 && !a.covered("C", t.prev.ok, t.sent) {
		r.confidence = CannotTell
		r.why += "; the logs of the Expressway-Cs are not known to be whole over that time, so that one in between may be missing"
	}
	return r, true
}

// byNewPort: C used another connection, though none is logged as closed.
func (a *analysis) byNewPort(c *chain, t *txn) (reason, bool) {
	x, y := t.prev.last.at[toCUCM], t.last.at[toCUCM]
	if x == nil || y == nil || x.local == y.local || a.texts.end(x.local).Port() == 0 || a.texts.end(y.local).Port() == 0 {
		return reason{}, false
	}
	return reason{cause: CauseTCP, confidence: Likely, link: t.prev.link, why: fmt.Sprintf("C used another connection than before (from port %d instead of %d), though no record says that the old one closed",
		a.texts.end(y.local).Port(), a.texts.end(x.local).Port()), proofs: []Proof{a.proof(x, "the connection before"), a.proof(y, "the connection now")}}, true
}

func (l *link) node() string {
	if l.cucm != "" {
		return l.cucm
	}
	return l.remote.String()
}

// alarmed is the request that has the phone's last alarm; nil: none has.
func (t *txn) alarmed() *message {
	for _, at := range t.attempts {
		for _, m := range at.msgs {
			if m.is(hasAlarm) && m.is(isRequest) {
				return m
			}
		}
	}
	return nil
}

// message is the one that shows the transaction best: C's Sent.
func (t *txn) message() *message {
	for _, s := range []stage{toCUCM, intoC, outOfE, phoneToE} {
		if m := t.last.at[s]; m != nil {
			return m
		}
	}
	return t.last.msgs[0]
}

// said is what an answer says for itself, in brackets.
func (a *analysis) said(t *txn) string {
	if m := t.last.answer; m != nil && m.extra != 0 {
		return " (" + a.texts.of(m.extra) + ")"
	}
	return ""
}
