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

var sure = map[string]string{Certain: "certain", Likely: "likely", CannotTell: "cannot be told for sure"}

// advice follows the cause.
func advice(verdict, cause string) string {
	cure := ""
	switch verdict {
	case VerdictPartial:
		cure = "Reset the phone, so that all its lines register again. "
	case PhoneCameBack:
		cure = "Look in CUCM whether all its lines are registered; if not, reset the phone. "
	case PhoneRegistered:
		return ""
	}
	return strings.TrimSpace(cure + map[string]string{
		CauseLate: "To make it rarer, set Timer Register Delta from 5 to 20 in a copy of the SIP profile for MRA phones, and find out where the time is lost.",
		CauseTCP: "Look at firewalls and load balancers between Expressway-C and CUCM (idle timeouts, resets), and at CUCM's events and traces at that time. " +
			"Timer Register Delta does not help here.",
		CauseTraversal:    "Look at the traversal zone and at the firewall between Expressway-C and -E at that time.",
		CausePath:         "Look at why the phone changed its path: a peer that failed, its own network, or a NAT that forgot its connection.",
		CauseFailover:     "Look at why CUCM failed or was restarted at that time, and at CUCM's events and traces.",
		CauseAuth:         "Look at the user's login: an expired token, a changed password, or the phone's security profile.",
		CauseRefused:      "Read the Warning of the answer, and look at how CUCM knows the device, and at its traces at that time.",
		CauseResetOrLogin: "Nothing needs mending if the reset, login or logout was meant.",
		CauseUnknown:      "CUCM's traces at that time, and the phone's problem report, may tell why.",
	}[cause])
}

// sayLate says by how much a keep-alive was late, by the three numbers, and where.
func (a *analysis) sayLate(c *chain, t *txn, r *ruling) {
	beyond := t.beyondExpires()
	if !t.isLate() && (beyond == nil || *beyond <= 0) {
		switch where, why := a.lateAt(c, t); {
		case where != "":
			r.say = append(r.say, why)
		case t.gap != 0:
			r.say = append(r.say, fmt.Sprintf("it came in time, %s after the success before it", seconds(t.gap)))
		}
		return
	}
	var parts []string
	if t.late != nil {
		parts = append(parts, seconds(*t.late)+" beyond the phone's own cadence of "+seconds(t.cadence))
	}
	if beyond != nil {
		parts = append(parts, against(*beyond, "Expires"), against(*a.beyondGrace(t), "Expires and grace"))
	}
	where := "Expressway-C sent it on "
	if !t.exact {
		where = "it was seen (not at Expressway-C's sending) "
	}
	r.say = append(r.say, where+strings.Join(parts, ", "))
	if _, why := a.lateAt(c, t); why != "" {
		r.say = append(r.say, why)
	}
	if t.prev != nil && !a.covered("C", t.prev.ok, t.sent) {
		r.say = append(r.say, "that is as far as these logs show")
	}
}

func against(ns int64, what string) string {
	if ns < 0 {
		return seconds(-ns) + " within " + what
	}
	return seconds(ns) + " beyond " + what
}

// sayKeepAlives says whether the keep-alives of a chain were on time.
func (a *analysis) sayKeepAlives(c *chain, r *ruling) {
	n := 0
	var longest int64
	for _, t := range c.txns {
		if t.steady() && !t.newReg {
			n++
			longest = max(longest, t.gap)
		}
	}
	if worst := c.worst(); worst != nil && c.tale.came != worst {
		r.say = append(r.say, "its REGISTER of "+clock(worst.sent)+" came late")
		a.sayLate(c, worst, r)
		r.proofs = append(r.proofs, a.proof(worst.message(), "late REGISTER"))
		return
	}
	if n == 1 {
		r.say = append(r.say, fmt.Sprintf("one later REGISTER was sent on %s after the success before it", seconds(longest)))
	} else if n > 1 {
		r.say = append(r.say, fmt.Sprintf("%d later REGISTERs were sent on to CUCM on time, none more than %s after the success before it", n, seconds(longest)))
	}
}

// sentences begins each sentence with a capital letter.
func sentences(s string) string {
	parts := strings.Split(s, ". ")
	for i, p := range parts[1:] {
		if p != "" {
			parts[i+1] = strings.ToUpper(p[:1]) + p[1:]
		}
	}
	return strings.Join(parts, ". ")
}

func alarmName(n int16) string {
	name := map[int16]string{20: "TCPclosedUserInitiatedReset", 22: "TCPclosedUcmInitiatedReset", 23: "TCPclosedUcmInitiatedRestart", 30: "AlarmWipe",
		104: "ApplyConfig", 105: "DeviceRestart", 107: "DeviceReset"}[n]
	return strings.TrimSuffix(fmt.Sprintf("cisco-alarm %d %s", n, name), " ")
}
