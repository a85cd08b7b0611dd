package registration

import (
	"fmt"
	"strings"
	"time"
)

const clockLayout = "15:04:05.000 UTC"

func clock(at int64) string { return time.Unix(0, at).UTC().Format(clockLayout) }

func seconds(ns int64) string { return fmt.Sprintf("%.1f s", float64(ns)/1e9) }

// words are the causes as they are spoken of.
var words = map[string]string{
	CauseLate: "a keep-alive that reached CUCM too late", CauseTCP: "a TCP connection between Expressway-C and CUCM that dropped",
	CauseTraversal: "the traversal zone between Expressway-C and -E", CausePath: "a change of the path",
	CauseFailover: "a CUCM node that failed or was changed", CauseAuth: "credentials that were not accepted", CauseRefused: "a refusal",
	CauseResetOrLogin: "a reset, a login or a logout", CauseUnknown: "not known",
}

// causeWords are those of a reason: where the cause is not known, the hop may be.
func (r *reason) causeWords() string {
	if r.cause != CauseUnknown || r.where == nowhere {
		return words[r.cause]
	}
	return map[string]string{atCtoU: "REGISTERs that got no answer between Expressway-C and CUCM, or from CUCM itself", atEtoC: "REGISTERs that were lost between Expressway-E and -C",
		atC: "REGISTERs that Expressway-C did not send on", atE: "REGISTERs that Expressway-E did not send on", atPhone: "something before Expressway-E"}[r.where]
}

var sure = map[string]string{Certain: "certain", Likely: "likely", CannotTell: "cannot be told for sure"}

// collect is what vanishes when a phone is reset, and so comes first.
const collect = "First collect the phone's problem report (PRT) and CUCM's traces of that time: a reset destroys them. "

// advice follows the verdict and the cause; what protects the evidence comes first, a
// reset last.
func advice(verdict string, r *reason) string {
	if verdict == PhoneRegistered || r == nil {
		return ""
	}
	out := map[string]string{
		CauseTCP: "Look at firewalls and load balancers between Expressway-C and CUCM (idle timeouts, resets), and at CUCM's events at that time. " +
			"The phone's timers are not the cause here.",
		CauseTraversal:    "Look at the traversal zone and at the firewall between Expressway-C and -E at that time.",
		CausePath:         "Look at why the phone changed its path: a peer that failed, its own network, or a NAT that forgot its connection.",
		CauseFailover:     "Look at why CUCM failed or was restarted at that time, and at CUCM's events and traces.",
		CauseAuth:         "Look at the user's login: an expired token, a changed password, or the phone's security profile.",
		CauseRefused:      "Read the Warning of the answer, and look at how CUCM knows the device, and at its traces at that time.",
		CauseResetOrLogin: "Nothing needs mending if the reset, login or logout was meant.",
		CauseUnknown:      "CUCM's traces at that time, and the phone's problem report, may tell why.",
		CauseLate:         lateAdvice(r),
	}[r.cause]
	if r.cause == CauseUnknown && r.where == atCtoU {
		out = "Look at CUCM's events and traces at that time, and at firewalls between Expressway-C and CUCM."
	}
	if r.cause == CauseUnknown && r.where == atEtoC {
		out = "Look at the traversal zone and at the firewall between Expressway-C and -E at that time."
	}
	switch verdict {
	case VerdictPartial:
		out = collect + out + " Then reset the phone, so that all its lines register again."
	case PhoneCameBack:
		out = collect + out + " Then look in CUCM whether all its lines are registered; if not, reset the phone."
	}
	return out
}

// lateAdvice depends on the hop: the phone's timer helps only against what is lost before
// Expressway-E.
func lateAdvice(r *reason) string {
	switch r.where {
	case nowhere:
		return "Find out first where the time is lost: Expressway-E's log and the phone's problem report tell. A higher Timer Register Delta (20 instead of 5) helps only if the phone itself sends late."
	case atPhone:
		return "To make it rarer, set Timer Register Delta from 5 to 20 in a copy of the SIP profile for MRA phones, and find out where the time is lost."
	case atE:
		return "Look at the load and the events of Expressway-E at that time."
	case atC:
		return "Look at the load and the events of Expressway-C at that time."
	case atEtoC:
		return "Look at the traversal zone, at the firewall between Expressway-E and -C, and at the load of Expressway-C at that time."
	}
	return "Look at the network between Expressway-C and CUCM, and at CUCM's load at that time."
}

// sayLate says by how much the first attempt was late, by the three numbers, and where.
func (r *ruling) sayLate(w *wire, l lapse) {
	if l.from == nil || l.hole(w) != nil {
		return
	}
	if s := l.shaken(w); s != nil {
		r.claim(CannotTell, "whether its REGISTER was late cannot be told: the clocks of %s and %s shifted by %s against each other at %s", s.c.name, s.e.name, rounded(time.Duration(s.by)), clock(s.at))
		return
	}
	f, beyond, late := l.first(), l.beyondExpires(), l.late()
	if late == nil && (beyond == nil || *beyond <= 0) {
		r.sayInTime(w, l)
		return
	}
	if r.late == nil {
		r.late = &l
	}
	var parts []string
	if late != nil {
		parts = append(parts, seconds(*late)+" beyond the phone's own cadence of "+seconds(l.cadence))
	}
	if beyond != nil {
		parts = append(parts, against(*beyond, "Expires"), against(*l.beyondGrace(), "Expires and grace"))
	}
	where := "Expressway-C sent it on "
	if f.firstAt(toCUCM) == nil {
		where = "it was seen (not at Expressway-C's sending) "
	}
	whole := w.covered(l.from.ok, l.to.sent)
	confidence, far := Certain, ""
	if !whole {
		confidence, far = CannotTell, "; that is as far as these logs show"
	}
	r.claim(confidence, "%s%s%s", where, strings.Join(parts, ", "), far)
	if at := lostAt(w, l); at.why != "" {
		if !whole {
			at.confidence = lower(at.confidence, CannotTell)
		}
		r.claim(at.confidence, "%s", at.why)
	}
}

// sayInTime says that the first attempt was in time, and what became of it.
func (r *ruling) sayInTime(w *wire, l lapse) {
	f := l.first()
	beyond := l.beyondExpires()
	inTime := beyond != nil && *beyond <= 0 && l.from.ok-l.from.sent <= slow || beyond == nil && l.cadence > 0 && l.gap() <= l.cadence+tolerated(l.cadence)
	switch d := f.atCUCM(w); {
	case l.gap() == 0:
	case !inTime:
		r.claim(Certain, "it was sent on %s after the success before it", seconds(l.gap()))
	case f != l.to || l.to.sent-l.to.begun > slow:
		r.claim(Certain, "its first REGISTER after the success before it was in time, %s after it", seconds(l.gap()))
	case d > slow:
		r.claim(Certain, "C sent it in time, and CUCM's first answer came after %s", seconds(d))
	default:
		r.claim(Certain, "it came in time, %s after the success before it", seconds(l.gap()))
	}
}

func against(ns int64, what string) string {
	if ns < 0 {
		return seconds(-ns) + " within " + what
	}
	return seconds(ns) + " beyond " + what
}

// sayKeepAlives says whether the keep-alives of a chain were on time.
func (r *ruling) sayKeepAlives(w *wire) {
	c := r.chain
	n := 0
	var longest int64
	for i := range c.txns {
		l := c.lapse(i)
		if beyond := l.beyondExpires(); c.regular(i) && (beyond == nil && !l.hidden() || beyond != nil && *beyond <= 0) {
			n++
			longest = max(longest, c.gap[i])
		}
	}
	if l := c.worst(); l != nil && c.tale.came != l.to && l.hole(w) == nil && l.shaken(w) == nil {
		counts := r.late
		if counts == nil && c.tale.came != nil {
			counts = &lapse{} // the numbers are those of what came back
		}
		if !w.covered(l.from.ok, l.to.sent) {
			r.claim(CannotTell, "its REGISTER of %s was sent on %s after the success before it; whether that is late cannot be told, for these logs are not known to be whole", clock(l.to.sent), seconds(l.gap()))
			return
		}
		r.claim(Certain, "its REGISTER of %s came late", clock(l.to.sent))
		r.sayLate(w, *l)
		if counts != nil {
			r.late = counts
		}
		r.proofs = append(r.proofs, l.to.message().shows("late REGISTER"))
		return
	}
	if n == 1 {
		r.claim(Certain, "one later REGISTER was sent on %s after the success before it", seconds(longest))
	} else if n > 1 {
		r.claim(Certain, "%d later REGISTERs were sent on to CUCM on time, none more than %s after the success before it", n, seconds(longest))
	}
}

// maxHarmless bounds the troubles that are told of one phone.
const maxHarmless = 3

// sayHarmless tells of REGISTERs that got no answer, or a late one, and were followed by
// one that kept the registration.
func (r *ruling) sayHarmless(w *wire) {
	c, told := r.chain, 0
	for i, t := range c.txns {
		if told == maxHarmless {
			return
		}
		if m := t.last.at[toCUCM]; m != nil && t.good() && t.ok != 0 && w.steady(m)+inFlight < t.ok && !t.marks.newReg {
			told++
			r.claim(Certain, "CUCM's answer to its REGISTER of %s came after %s, when Expressway-C had given it up", clock(t.sent), seconds(t.ok-w.steady(m)))
			continue
		}
		if !t.good() || t.kind == KindFull || t.marks.newReg || c.prev[i] == nil {
			continue
		}
		for _, f := range c.lapse(i).failed() {
			if s, ok := stopOf(w, f); ok && told < maxHarmless {
				told++
				r.claim(Likely, "%s; the next one, at %s, kept the registration", s.what, clock(t.sent))
			}
		}
	}
}

func alarmName(n int16) string {
	name := map[int16]string{20: "TCPclosedUserInitiatedReset", 22: "TCPclosedUcmInitiatedReset", 23: "TCPclosedUcmInitiatedRestart", 30: "AlarmWipe",
		104: "ApplyConfig", 105: "DeviceRestart", 107: "DeviceReset"}[n]
	return strings.TrimSuffix(fmt.Sprintf("cisco-alarm %d %s", n, name), " ")
}

func rounded(d time.Duration) string { return fmt.Sprintf("%.1f s", d.Abs().Seconds()) }

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
