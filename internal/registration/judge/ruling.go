// Package judge rules on phones: how each stands at the end of the logs, why it lost its
// registration, and where a late REGISTER lost its time, each claim with how certain it is
// and the records that show it.
//
// It guarantees that what rests on an absence is never above CannotTell unless the logs are
// known to be whole, and that nobody is blamed by what the logs do not show
// (docs/partial-registration.md). It does not know what CUCM did but by its answers, nor how
// the report puts it.
package judge

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"rtmtgrab/internal/registration/logs"
	"rtmtgrab/internal/registration/phone"
	"rtmtgrab/internal/registration/wire"
)

// A Ruling is what is said of a phone: the verdict on one of its chains, why, and each
// single claim with how certain it is.
type Ruling struct {
	Verdict, Confidence string       // VerdictPartial and the like; Certain and the like
	Chain               *phone.Chain // nil: the phone has none
	About               *wire.Txn    // the transaction on which it rests; nil: none
	Reason              *Reason      // nil: there is nothing to explain
	Claims              []Claim      // the verdict's first
	Proofs              []logs.Proof // of the verdict; those of the cause are the Reason's
	Advice              string       // instead of what follows from the cause; empty: that
	Back                int64        // when all lines registered again; 0: they did not
	Late                *phone.Lapse // the late REGISTER that counts; nil: none
	Keys                []*wire.Txn  // the transactions that show it
}

// A Claim is one statement about a phone, without its full stop, and how certain it is.
type Claim struct{ Text, Confidence string }

// claim adds one.
func (r *Ruling) claim(confidence, format string, args ...any) {
	r.Claims = append(r.Claims, Claim{Text: fmt.Sprintf(format, args...), Confidence: confidence})
}

// Ranks are the verdicts, the worst first.
var Ranks = []string{VerdictPartial, PhoneCameBack, PhoneRefused, VerdictUnknown, VerdictRecovered, PhoneUnregistered, PhoneRegistered}

// Rank is the place of a verdict among Ranks: the lower, the worse.
func Rank(verdict string) int {
	if i := slices.Index(Ranks, verdict); i >= 0 {
		return i
	}
	return len(Ranks)
}

// Rule says of a phone how it stands at the end of the logs. Of two registrations the
// worse counts.
func Rule(w *wire.Wire, p *phone.Phone) *Ruling {
	var worst *Ruling
	for _, c := range p.Chains {
		r := ruleChain(w, p, c)
		if r.Verdict == PhoneRefused && wentElsewhere(p, c) {
			continue
		}
		if worst == nil || cmp.Or(cmp.Compare(Rank(r.Verdict), Rank(worst.Verdict)), -cmp.Compare(r.lateness(), worst.lateness()), -cmp.Compare(r.at(), worst.at())) < 0 {
			worst = r
		}
	}
	if worst == nil {
		worst = &Ruling{Verdict: VerdictUnknown, Confidence: CannotTell}
		worst.claim(CannotTell, "shows keep-alives to a secondary CUCM only")
	}
	if n := len(p.Chains); n > 1 {
		what := "it holds %d registrations at a time, and this is about one of them"
		if w.Bodies == "no" {
			what = "it sends REGISTERs under %d Call-IDs at a time, perhaps to a primary and a secondary CUCM, and this is about one of them"
		}
		if number := oneOf(p, worst); number != 0 {
			what = "it registers %d numbers by themselves, and this is about " + w.Texts.Of(number)
		}
		worst.claim(worst.Confidence, what, n)
	}
	return worst
}

// oneOf is the number that a chain is about, where each chain of the phone is about another one; 0:
// it is not so, or not known.
func oneOf(p *phone.Phone, r *Ruling) logs.Text {
	seen := map[logs.Text]bool{}
	for _, c := range p.Chains {
		number := c.Txns[0].User()
		if number == 0 || seen[number] {
			return 0
		}
		seen[number] = true
	}
	if r.Chain == nil {
		return 0
	}
	return r.Chain.Txns[0].User()
}

func (r *Ruling) at() int64 {
	if r.About == nil {
		return 0
	}
	return r.About.Sent
}

// lateness is how late the latest REGISTER of the chain was.
func (r *Ruling) lateness() int64 {
	if r.Chain == nil {
		return 0
	}
	if l := r.Chain.Worst(); l != nil {
		return *l.Late()
	}
	return 0
}

// ruleChain follows the history of a chain to its verdict.
func ruleChain(w *wire.Wire, p *phone.Phone, c *phone.Chain) *Ruling {
	s := &c.History
	r := &Ruling{Chain: c}
	switch {
	case len(s.Failing) > 0 && refusing(s) && s.State != phone.StateOne:
		r.refused(w)
	case s.State == phone.StateUnregistered:
		r.unregistered(w)
	case s.State == phone.StateOne && phone.RegistersOneByOne(p, c):
		r.oneByOne(w, p)
	case s.State == phone.StateOne && p.OneLine():
		r.cameWithItsLine(w, p)
	case s.State == phone.StateOne:
		r.came(w, p)
	case s.Last == nil:
		r.Verdict, r.Confidence = VerdictUnknown, CannotTell
		r.claim(CannotTell, "shows no REGISTER that was answered with success")
	default:
		r.registered(w, p)
	}
	for _, t := range []*wire.Txn{r.About, s.Back, s.Came} {
		if t != nil {
			r.Keys = append(r.Keys, t)
		}
	}
	return r
}

// refusing reports whether the REGISTERs since the last success were refused: the last
// has an answer that is none of a challenge just made.
func refusing(s *phone.History) bool {
	t := s.Failing[len(s.Failing)-1]
	if t.Code == 0 {
		return false
	}
	return !t.Last.Challenged() || t.RefusedCredentials()
}

// wentElsewhere reports whether another chain of the phone was answered with success since it was
// refused: it registered in full there after the last refusal; or what was refused may have been
// keep-alives to a secondary CUCM, for their bodies were not logged.
func wentElsewhere(p *phone.Phone, refused *phone.Chain) bool {
	failing := refused.History.Failing
	first, last := failing[0], failing[len(failing)-1]
	for _, c := range p.Chains {
		for _, t := range c.Txns {
			if c != refused && t.Good() && (t.Kind == wire.KindFull && t.Sent > last.Sent || last.Kind == wire.KindRegister && t.Sent > first.Sent) {
				return true
			}
		}
	}
	return false
}

// tenMinutes is how long before a refusal trouble of the traversal zone may explain it.
const tenMinutes = int64(10 * time.Minute)

func (r *Ruling) refused(w *wire.Wire) {
	s := &r.Chain.History
	t := s.Failing[len(s.Failing)-1]
	from := s.Failing[slices.IndexFunc(s.Failing, func(x *wire.Txn) bool { return x.Code != 0 })]
	r.Verdict, r.Confidence, r.About = PhoneRefused, Certain, t
	who := whose(t)
	r.claim(Certain, "is refused since %s: %s answers %s%s", Clock(from.Sent), who, answerWords(w, t), extra(w, t))
	r.Proofs = append(r.Proofs, t.Message().Shows("REGISTER"), t.Last.Answer.Shows(fmt.Sprintf("%d from %s", t.Code, who)))

	why := Reason{Cause: CauseRefused, Confidence: Certain, Why: fmt.Sprintf("%s refuses it", who)}
	stop, stopped := stopOf(w, t)
	switch {
	case gaveUp(t):
		why = notShown(w, t)
	case t.Last.Challenged():
		why = Reason{Cause: CauseAuth, Confidence: Likely, Why: "its credentials are not accepted"}
	case cannotConnect(w, t):
		why = Reason{Cause: CauseFailover, Confidence: Likely, Why: "Expressway-C could not connect to " + w.Texts.Of(t.Timeline.To), Where: BetweenCAndCUCM}
	case stopped && stop.where == InC:
		if r, ok := tlsToCUCM(w, t); ok {
			why = r
		}
	case stopped && stop.where == BetweenCAndCUCM:
		why = Reason{Cause: CauseUnknown, Confidence: Likely, Where: BetweenCAndCUCM, Why: stop.what + ". It was lost between Expressway-C and CUCM, or in CUCM itself"}
	case stopped && stop.where == BetweenEAndC:
		why = Reason{Cause: CauseUnknown, Confidence: Likely, Where: BetweenEAndC, Why: stop.what}
		if trouble := traversalTrouble(w, t, from.Sent-tenMinutes, t.Sent); len(trouble) > 0 || t.Code == 504 {
			why.Cause, why.Proofs = CauseTraversal, trouble
		}
	case stopped && stop.where == InE && !turnedAway(t):
		by := t // it shows no zone, for it went by none
		if s.Last != nil {
			by = s.Last
		}
		if trouble := traversalTrouble(w, by, from.Sent-tenMinutes, t.Sent); len(trouble) > 0 {
			why = Reason{Cause: CauseTraversal, Confidence: Likely, Where: BetweenEAndC, Why: stop.what, Proofs: trouble}
		}
	}
	if why.Cause == CauseRefused && (t.Marks.Own && !refusal(t.Code) || !t.Marks.Own && !t.Marks.CUCMs) {
		why.Confidence = Likely
	}
	r.Reason = &why
	if why.Cause == CauseRefused && t.Marks.Own {
		r.Advice = "Read the answer, and look at the Expressway's own events, alarms and load at that time."
	}
	r.doubt(w, t.Sent)
}

func (r *Ruling) unregistered(w *wire.Wire) {
	s := &r.Chain.History
	r.Verdict, r.Confidence, r.About = PhoneUnregistered, Certain, s.Gone
	r.claim(Certain, "unregistered by itself at %s and has not registered again since", Clock(s.Gone.Sent))
	if s.Gone.Code == 0 {
		r.lower(CannotTell)
		r.claim(CannotTell, "that REGISTER has no answer in these logs: whether CUCM heard of it cannot be told")
	}
	r.Proofs = append(r.Proofs, s.Gone.Message().Shows("Expires: 0 without cisco-keep-alive"))
	r.Reason = &Reason{Cause: CauseResetOrLogin, Confidence: Likely, Why: "a phone unregisters when it is reset, or when somebody logs in or out", Lost: s.Gone.Sent}
	if len(s.Failing) > 0 {
		r.trying(w)
		return
	}
	r.doubt(w, s.Gone.Sent)
}

// trying is about a phone that unregistered and fails to register again.
func (r *Ruling) trying(w *wire.Wire) {
	s := &r.Chain.History
	first, last := s.Failing[0], s.Failing[len(s.Failing)-1]
	r.Verdict, r.Confidence = VerdictUnknown, CannotTell
	r.Claims = nil
	r.claim(Likely, "unregistered by itself at %s, and its attempts to register since %s failed", Clock(s.Gone.Sent), Clock(first.Sent))
	r.Reason = &Reason{Cause: CauseUnknown, Confidence: CannotTell, Lost: s.Gone.Sent, Why: "why its REGISTERs get no answer is not in these logs"}
	if stop, ok := stopOf(w, last); ok {
		r.Reason = &Reason{Cause: CauseUnknown, Confidence: Likely, Lost: s.Gone.Sent, Where: stop.where, Why: stop.what}
	}
}

// doubt lowers what is certain where logs are missing, for what they would show may have
// changed it: from a time on up to the end of the logs, and of what was asked for.
func (r *Ruling) doubt(w *wire.Wire, from int64) {
	if w.Covered(from, max(r.Chain.End(w), w.Asked())) {
		return
	}
	r.lower(Likely)
	r.claim(CannotTell, "whether it registered elsewhere since cannot be told: the logs of all Expressway-Cs are not known to be whole")
}

// lower makes the verdict, and the claim that states it, no more certain than that.
func (r *Ruling) lower(to string) {
	r.Confidence = Lesser(r.Confidence, to)
	if len(r.Claims) > 0 {
		r.Claims[0].Confidence = Lesser(r.Claims[0].Confidence, to)
	}
}

// Lesser is the lesser of two confidences.
func Lesser(a, b string) string {
	order := map[string]int{Certain: 2, Likely: 1, CannotTell: 0}
	if order[b] < order[a] {
		return b
	}
	return a
}
