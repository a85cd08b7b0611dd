package registration

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"rtmtgrab/internal/registration/logs"
	"rtmtgrab/internal/registration/phone"
	"rtmtgrab/internal/registration/wire"
)

// A ruling is what is said of a phone: the verdict on one of its chains, why, and each
// single claim with how certain it is.
type ruling struct {
	verdict, confidence string
	chain               *phone.Chain
	about               *wire.Txn // the transaction on which it rests
	reason              *reason   // nil: there is nothing to explain
	claims              []Claim
	proofs              []logs.Proof
	advice              string       // instead of what follows from the cause
	back                int64        // when all lines registered again
	late                *phone.Lapse // the late REGISTER that counts; nil: none
	keys                []*wire.Txn  // the transactions that show it
}

// A Claim is one statement about a phone, without its full stop, and how certain it is.
type Claim struct{ Text, Confidence string }

// claim adds one.
func (r *ruling) claim(confidence, format string, args ...any) {
	r.claims = append(r.claims, Claim{Text: fmt.Sprintf(format, args...), Confidence: confidence})
}

var ranks = []string{VerdictPartial, PhoneCameBack, PhoneRefused, VerdictUnknown, VerdictRecovered, PhoneUnregistered, PhoneRegistered}

func rankOf(verdict string) int {
	if i := slices.Index(ranks, verdict); i >= 0 {
		return i
	}
	return len(ranks)
}

// rule says of a phone how it stands at the end of the logs. Of two registrations the
// worse counts.
func rule(w *wire.Wire, p *phone.Phone) *ruling {
	var worst *ruling
	for _, c := range p.Chains {
		r := ruleChain(w, p, c)
		if worst == nil || cmp.Or(cmp.Compare(rankOf(r.verdict), rankOf(worst.verdict)), -cmp.Compare(r.lateness(), worst.lateness()), -cmp.Compare(r.at(), worst.at())) < 0 {
			worst = r
		}
	}
	if worst == nil {
		worst = &ruling{verdict: VerdictUnknown, confidence: CannotTell}
		worst.claim(CannotTell, "shows keep-alives to a secondary CUCM only")
	}
	if n := len(p.Chains); n > 1 {
		what := "it holds %d registrations at a time, and this is about one of them"
		if w.Bodies == "no" {
			what = "it sends REGISTERs under %d Call-IDs at a time, perhaps to a primary and a secondary CUCM, and this is about one of them"
		}
		worst.claim(worst.confidence, what, n)
	}
	return worst
}

func (r *ruling) at() int64 {
	if r.about == nil {
		return 0
	}
	return r.about.Sent
}

// lateness is how late the latest REGISTER of the chain was.
func (r *ruling) lateness() int64 {
	if r.chain == nil {
		return 0
	}
	if l := r.chain.Worst(); l != nil {
		return *l.Late()
	}
	return 0
}

// ruleChain follows the history of a chain to its verdict.
func ruleChain(w *wire.Wire, p *phone.Phone, c *phone.Chain) *ruling {
	s := &c.History
	r := &ruling{chain: c}
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
		r.verdict, r.confidence = VerdictUnknown, CannotTell
		r.claim(CannotTell, "shows no REGISTER that was answered with success")
	default:
		r.registered(w, p)
	}
	for _, t := range []*wire.Txn{r.about, s.Back, s.Came} {
		if t != nil {
			r.keys = append(r.keys, t)
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

// tenMinutes is how long before a refusal trouble of the traversal zone may explain it.
const tenMinutes = int64(10 * time.Minute)

func (r *ruling) refused(w *wire.Wire) {
	s := &r.chain.History
	t := s.Failing[len(s.Failing)-1]
	from := s.Failing[slices.IndexFunc(s.Failing, func(x *wire.Txn) bool { return x.Code != 0 })]
	r.verdict, r.confidence, r.about = PhoneRefused, Certain, t
	who := "CUCM"
	if t.Marks.Own {
		who = "Expressway itself"
	}
	r.claim(Certain, "is refused since %s: %s answers %d %s%s", clock(from.Sent), who, t.Code, t.Phrase(w), extra(w, t))
	r.proofs = append(r.proofs, t.Message().Shows("REGISTER"), t.Last.Answer.Shows(fmt.Sprintf("%d from %s", t.Code, who)))

	why := reason{cause: CauseRefused, confidence: Certain, why: fmt.Sprintf("%s refuses it", who)}
	stop, stopped := stopOf(w, t)
	switch {
	case t.Last.Challenged():
		why = reason{cause: CauseAuth, confidence: Likely, why: "its credentials are not accepted"}
	case cannotConnect(w, t):
		why = reason{cause: CauseFailover, confidence: Likely, why: "Expressway-C could not connect to " + w.Texts.Of(t.Timeline.To), where: atCtoU}
	case stopped && stop.where == atCtoU:
		why = reason{cause: CauseUnknown, confidence: Likely, where: atCtoU, why: stop.what + ". It was lost between Expressway-C and CUCM, or in CUCM itself"}
	case stopped && stop.where == atEtoC:
		why = reason{cause: CauseUnknown, confidence: Likely, where: atEtoC, why: stop.what}
		if trouble := traversalTrouble(w, t, from.Sent-tenMinutes, t.Sent); len(trouble) > 0 || t.Code == 504 {
			why.cause, why.proofs = CauseTraversal, trouble
		}
	}
	r.reason = &why
	if why.cause == CauseRefused && t.Marks.Own {
		r.advice = "Read the answer, and look at the Expressway's own events, alarms and load at that time."
	}
	r.doubt(w, t.Sent)
}

func (r *ruling) unregistered(w *wire.Wire) {
	s := &r.chain.History
	r.verdict, r.confidence, r.about = PhoneUnregistered, Certain, s.Gone
	r.claim(Certain, "unregistered by itself at %s and has not registered again since", clock(s.Gone.Sent))
	if s.Gone.Code == 0 {
		r.lower(CannotTell)
		r.claim(CannotTell, "that REGISTER has no answer in these logs: whether CUCM heard of it cannot be told")
	}
	r.proofs = append(r.proofs, s.Gone.Message().Shows("Expires: 0 without cisco-keep-alive"))
	r.reason = &reason{cause: CauseResetOrLogin, confidence: Likely, why: "a phone unregisters when it is reset, or when somebody logs in or out", lost: s.Gone.Sent}
	if len(s.Failing) > 0 {
		r.trying(w)
		return
	}
	r.doubt(w, s.Gone.Sent)
}

// trying is about a phone that unregistered and tries in vain to register again.
func (r *ruling) trying(w *wire.Wire) {
	s := &r.chain.History
	first, last := s.Failing[0], s.Failing[len(s.Failing)-1]
	r.verdict, r.confidence = VerdictUnknown, CannotTell
	r.claims = nil
	r.claim(Likely, "unregistered by itself at %s, and has tried in vain to register since %s", clock(s.Gone.Sent), clock(first.Sent))
	r.reason = &reason{cause: CauseUnknown, confidence: CannotTell, lost: s.Gone.Sent, why: "why its REGISTERs get no answer is not in these logs"}
	if stop, ok := stopOf(w, last); ok {
		r.reason = &reason{cause: CauseUnknown, confidence: Likely, lost: s.Gone.Sent, where: stop.where, why: stop.what}
	}
}

// doubt lowers what is certain where logs are missing, for what they would show may have
// changed it: from a time on up to the end of the logs.
func (r *ruling) doubt(w *wire.Wire, from int64) {
	if w.Covered(from, w.Logs.End) {
		return
	}
	r.lower(Likely)
	r.claim(CannotTell, "whether it registered elsewhere since cannot be told: the logs of all Expressway-Cs are not known to be whole")
}

// lower makes the verdict, and the claim that states it, no more certain than that.
func (r *ruling) lower(to string) {
	r.confidence = lower(r.confidence, to)
	if len(r.claims) > 0 {
		r.claims[0].Confidence = lower(r.claims[0].Confidence, to)
	}
}

// lower is the lesser of two confidences.
func lower(a, b string) string {
	order := map[string]int{Certain: 2, Likely: 1, CannotTell: 0}
	if order[b] < order[a] {
		return b
	}
	return a
}
