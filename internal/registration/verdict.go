package registration

import (
	"fmt"
	"strings"
)

// judge says of a phone how it stands at the end of the logs, why, and how certain that
// is. Of two registrations the worse counts.
func (a *analysis) judge(p *phone) {
	p.out = Phone{Device: p.device, MAC: p.mac, Numbers: list(p.numbers), Model: a.texts.of(p.traits.model), User: a.texts.of(p.traits.user), Software: a.softwareOf(p),
		Named: p.named, CallIDs: []string{}, Transactions: []Transaction{}, Proofs: []Proof{}}
	seen := map[text]bool{}
	for _, t := range p.txns {
		if !seen[t.line.call] {
			seen[t.line.call] = true
			p.out.CallIDs = append(p.out.CallIDs, a.texts.of(t.line.call))
		}
	}
	var worst *ruling
	for _, c := range p.chains {
		a.tell(c)
		r := a.rule(p, c)
		if worst == nil || first(compare(r.rank(), worst.rank()), -compare(r.late(), worst.late()), -compare(r.at(), worst.at())) < 0 {
			worst = r
		}
	}
	if worst == nil {
		worst = &ruling{verdict: VerdictUnknown, confidence: CannotTell, say: []string{"shows keep-alives to a secondary CUCM only"}}
	}
	a.enter(p, worst)
}

func (a *analysis) softwareOf(p *phone) string {
	s, load := a.texts.of(p.traits.software), a.texts.of(p.traits.load)
	if s != "" && load != "" {
		return s + ", " + load
	}
	return s + load
}

// A ruling is the verdict on one chain.
type ruling struct {
	verdict, confidence string
	chain               *chain
	about               *txn    // the transaction on which it rests
	reason              *reason // nil: there is nothing to explain
	say                 []string
	proofs              []Proof
	advice              string // instead of what follows from the cause
	back                int64
	came                bool
}

var ranks = []string{VerdictPartial, PhoneCameBack, PhoneRefused, VerdictUnknown, VerdictRecovered, PhoneUnregistered, PhoneRegistered}

func rankOf(verdict string) int {
	for i, v := range ranks {
		if v == verdict {
			return i
		}
	}
	return len(ranks)
}

func (r *ruling) rank() int { return rankOf(r.verdict) }

func (r *ruling) at() int64 {
	if r.about == nil {
		return 0
	}
	return r.about.sent
}

// late is how late the latest REGISTER of the chain was.
func (r *ruling) late() int64 {
	if t := r.chain.worst(); t != nil {
		return *t.late
	}
	return 0
}

// rule follows the tale of a chain to its verdict.
func (a *analysis) rule(p *phone, c *chain) *ruling {
	s := &c.tale
	r := &ruling{chain: c}
	switch {
	case len(s.failing) > 0 && a.refusing(s):
		a.ruleRefused(p, c, r)
	case s.state == stateUnregistered:
		r.verdict, r.confidence, r.about = PhoneUnregistered, Certain, s.gone
		r.say = append(r.say, "unregistered by itself at "+clock(s.gone.sent)+" and has not registered again since")
		r.proofs = append(r.proofs, a.proof(s.gone.message(), "Expires: 0 without cisco-keep-alive"))
		r.reason = &reason{cause: CauseResetOrLogin, confidence: Likely, why: "a phone unregisters when it is reset, or when somebody logs in or out", lost: s.gone.sent}
		a.doubt(r, s.gone.sent)
	case s.state == stateOne:
		a.ruleCame(p, c, r)
	case s.last == nil:
		r.verdict, r.confidence = VerdictUnknown, CannotTell
		r.say = append(r.say, "shows no REGISTER that was answered with success")
	default:
		a.ruleRegistered(p, c, r)
	}
	return r
}

// refusing reports whether the REGISTERs since the last success were refused: the last
// has an answer that is none of a challenge just made.
func (a *analysis) refusing(s *tale) bool {
	t := s.failing[len(s.failing)-1]
	if t.code == 0 {
		return false
	}
	return !t.last.challenged() || t.last.refusedToken() || len(t.attempts) > 1 || a.end()-t.sent > again
}

func (a *analysis) ruleRefused(p *phone, c *chain, r *ruling) {
	s := &c.tale
	t := s.failing[len(s.failing)-1]
	from := s.failing[0]
	r.verdict, r.confidence, r.about = PhoneRefused, Certain, t
	who := "CUCM"
	if t.own {
		who = "Expressway itself"
	}
	r.say = append(r.say, fmt.Sprintf("is refused since %s: %s answers %d %s%s", clock(from.sent), who, t.code, a.phrase(t), a.said(t)))
	r.proofs = append(r.proofs, a.proof(t.message(), "REGISTER"), a.proof(t.last.answer, fmt.Sprintf("%d from %s", t.code, who)))
	why := reason{cause: CauseRefused, confidence: Certain, why: fmt.Sprintf("%s refuses it", who)}
	switch {
	case t.last.challenged():
		why = reason{cause: CauseAuth, confidence: Likely, why: "its credentials are not accepted"}
	case a.stoppedAtE(t):
		why = reason{cause: CauseTraversal, confidence: Likely, why: "Expressway-E could not send it on to Expressway-C"}
	case t.own && t.code == 408:
		why = reason{cause: CauseFailover, confidence: Likely, why: a.texts.of(t.line.to) + " did not answer"}
	case t.own && strings.Contains(strings.ToLower(a.said(t)), "unable to connect"):
		why = reason{cause: CauseFailover, confidence: Likely, why: "Expressway-C could not connect to " + a.texts.of(t.line.to)}
	}
	r.reason = &why
	if why.cause == CauseRefused && t.own {
		r.advice = "Read the answer, and look at the Expressway's own events, alarms and load at that time."
	}
	if s.state == stateOne {
		r.say = append(r.say, "before that it had come back by keep-alive at "+clock(s.came.sent))
	}
	a.doubt(r, t.sent)
}

func (a *analysis) phrase(t *txn) string {
	for _, m := range t.last.msgs {
		if m.code == t.code && m.phrase != 0 {
			return a.texts.of(m.phrase)
		}
	}
	return ""
}

// ruleCame is about a keep-alive that was answered as a new registration, and no full
// REGISTER after it.
func (a *analysis) ruleCame(p *phone, c *chain, r *ruling) {
	s := &c.tale
	t := s.came
	r.verdict, r.confidence, r.about, r.came = PhoneCameBack, Certain, t, true
	lines := "; with how many of its lines is not known: it is partial if it has more than one"
	if p.more {
		r.verdict = VerdictPartial
		lines = " with one line, though it has more (" + p.known + ")"
	}
	r.say = append(r.say, fmt.Sprintf("came back at %s%s: its keep-alive (CSeq %d) was answered as a new registration by %s", clock(t.sent), lines, t.last.msgs[0].cseq, a.texts.of(t.line.to)))
	r.proofs = a.cameProofs(p, t)
	why := a.reasonOf(c, t)
	r.reason = &why
	a.sayLate(c, t, r)
	if c.txns[0] == t && !p.more && t.prev == nil {
		r.confidence = CannotTell
		r.say = append(r.say, "it is the first REGISTER of its Call-ID here, and some devices never send a body: it may be an ordinary registration")
	}
	after := "no full REGISTER follows until the logs end at " + clock(a.end())
	switch {
	case s.unclear != nil && s.unclear.sent > t.sent:
		r.confidence = lower(r.confidence, Likely)
		after = "of a later REGISTER, at " + clock(s.unclear.sent) + ", the body was not logged: whether it registered all lines cannot be told"
	case len(s.failing) > 0:
		r.confidence = lower(r.confidence, Likely)
		after += "; its last REGISTER, at " + clock(s.failing[len(s.failing)-1].sent) + ", has no answer"
	case s.cut != nil:
		r.confidence = lower(r.confidence, Likely)
		after += "; the connection that carried it closed at " + clock(s.cut.closed)
	case s.quiet:
		r.confidence = lower(r.confidence, Likely)
		after += "; nothing was heard of it since " + clock(s.last.sent)
	}
	r.say = append(r.say, after)
	a.doubt(r, t.sent)
}

// cameProofs are the REGISTER, its answer, and the bulk register that tells of more lines.
func (a *analysis) cameProofs(p *phone, t *txn) []Proof {
	out := []Proof{a.proof(t.message(), "REGISTER without a body, sent on to CUCM")}
	for _, m := range t.last.msgs {
		if m.is(isNewReg) {
			out = append(out, a.proof(m, "200 OK with x-cisco-newreg: CUCM had dropped it"))
			break
		}
	}
	for _, o := range p.txns {
		if !o.bulk {
			continue
		}
		for _, m := range o.last.msgs {
			if m.is(isBulk) {
				return append(out, a.proof(m, "bulk register: it has more than one line"))
			}
		}
	}
	return out
}

// ruleRegistered is about a phone that keeps its registration, as far as answers tell.
func (a *analysis) ruleRegistered(p *phone, c *chain, r *ruling) {
	s := &c.tale
	r.verdict, r.confidence, r.about = PhoneRegistered, Certain, s.last
	switch {
	case s.back != nil:
		r.about, r.back = s.came, s.back.ok
		lines := "came back by keep-alive"
		if p.more {
			r.verdict, lines = VerdictRecovered, "came back with one line"
		}
		r.say = append(r.say, fmt.Sprintf("%s at %s, and registered all its lines at %s", lines, clock(s.came.sent), clock(s.back.ok)))
		r.proofs = append(a.cameProofs(p, s.came), a.proof(s.back.message(), "full REGISTER"))
		why := a.reasonOf(c, s.came)
		r.reason = &why
		a.sayLate(c, s.came, r)
	case s.again != nil:
		r.about, r.back = s.again, s.again.ok
		r.say = append(r.say, "registered all its lines anew at "+clock(s.again.ok))
		r.proofs = append(r.proofs, a.proof(s.again.message(), "full REGISTER"))
		why := a.reasonOf(c, s.again)
		r.reason = &why
	case s.full != nil:
		r.say = append(r.say, "registered all its lines at "+clock(s.full.ok))
		r.proofs = append(r.proofs, a.proof(s.full.message(), "full REGISTER"))
	case s.unclear != nil:
		r.say = append(r.say, "was answered with success until "+clock(s.last.ok))
	default:
		r.confidence = Likely
		r.say = append(r.say, "kept its registration throughout; with how many lines cannot be told, for no full REGISTER is in these logs")
	}
	a.sayKeepAlives(c, r)
	a.stillRegistered(c, r)
}

// stillRegistered lowers a verdict about a phone that may not be registered any more, or
// of which the messages do not tell enough.
func (a *analysis) stillRegistered(c *chain, r *ruling) {
	s := &c.tale
	unknown := func(why string) {
		r.verdict, r.confidence = VerdictUnknown, CannotTell
		r.say = append(r.say, why)
	}
	switch {
	case s.unclear != nil:
		if t := c.worst(); t != nil {
			r.reason = &reason{cause: CauseLate, confidence: CannotTell, why: "whether CUCM had dropped the phone by then is not known without the answer's body"}
		}
		unknown("of REGISTERs since, such as that at " + clock(s.unclear.sent) + ", the bodies were not logged: whether CUCM took one for a new registration, and with how many lines, cannot be told")
	case len(s.failing) > 0:
		unknown("its last REGISTER, at " + clock(s.failing[len(s.failing)-1].sent) + ", has no answer in these logs")
	case s.cut != nil:
		unknown("the connection that carried it closed at " + clock(s.cut.closed) + ", and its next REGISTER is not in these logs")
	case s.quiet:
		unknown("nothing was heard of it since " + clock(s.last.sent) + ", for longer than CUCM waits")
	default:
		a.doubt(r, s.last.ok)
	}
}

// doubt lowers what is certain where logs are missing, for what they would show may have
// changed it: from a time on up to the end of the logs.
func (a *analysis) doubt(r *ruling, from int64) {
	if a.covered("C", from, a.end()) {
		return
	}
	r.confidence = lower(r.confidence, Likely)
	r.say = append(r.say, "whether it registered elsewhere since cannot be told: the logs of all Expressway-Cs are not known to be whole")
}

// lower is the lesser of two confidences.
func lower(a, b string) string {
	order := map[string]int{Certain: 2, Likely: 1, CannotTell: 0}
	if order[b] < order[a] {
		return b
	}
	return a
}
