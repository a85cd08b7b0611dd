package registration

import (
	"rtmtgrab/internal/registration/judge"
)

// words are the causes as they are spoken of.
var words = map[string]string{
	CauseLate: "a keep-alive that reached CUCM too late", CauseTCP: "a TCP connection between Expressway-C and CUCM that dropped",
	CauseTraversal: "the traversal zone between Expressway-C and -E", CausePath: "a change of the path",
	CauseFailover: "a CUCM node that failed or was changed", CauseAuth: "credentials that were not accepted", CauseRefused: "a refusal",
	CauseResetOrLogin: "a reset, a login or a logout", CauseUnknown: "not known",
}

// causeWords are those of a reason: where the cause is not known, the hop may be.
func causeWords(r *judge.Reason) string {
	if r.Cause != CauseUnknown || r.Where == judge.Nowhere {
		return words[r.Cause]
	}
	return map[string]string{judge.BetweenCAndCUCM: "REGISTERs that got no answer between Expressway-C and CUCM, or from CUCM itself", judge.BetweenEAndC: "REGISTERs that were lost between Expressway-E and -C",
		judge.InC: "REGISTERs that Expressway-C did not send on", judge.InE: "REGISTERs that Expressway-E did not send on", judge.BeforeE: "something before Expressway-E",
		judge.InCUCM: "CUCM, which was slow to answer"}[r.Where]
}

var sure = map[string]string{Certain: "certain", Likely: "likely", CannotTell: "cannot be told for sure"}

// collect is what vanishes when a phone is reset, and so comes first: where some of it is here
// already, protect says so instead.
const collect = "First collect the phone's problem report (PRT), in CUCM by " + generate + ", and CUCM's traces of that time: a reset destroys them. "

// mayTell is where to look where nothing is known.
const mayTell = "CUCM's traces at that time, and the phone's problem report, may tell why."

// What comes last.
const (
	resetIt      = " Then reset the phone, so that all its lines register again."
	resetPerhaps = " Then look in CUCM whether all its lines are registered; if not, reset the phone."
)

// advice follows the verdict and the cause; what protects the evidence comes first, a
// reset last.
func advice(verdict string, r *judge.Reason) string {
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
		CauseResetOrLogin: "Nothing needs fixing if the reset, login or logout was intended.",
		CauseUnknown:      mayTell,
		CauseLate:         lateAdvice(r),
	}[r.Cause]
	if r.Cause == CauseUnknown && r.Where == judge.BetweenCAndCUCM {
		out = "Look at CUCM's events and traces at that time, and at firewalls between Expressway-C and CUCM."
	}
	if r.Cause == CauseUnknown && r.Where == judge.BetweenEAndC {
		out = "Look at the traversal zone and at the firewall between Expressway-C and -E at that time."
	}
	switch verdict {
	case VerdictPartial:
		out = collect + out + resetIt
	case PhoneCameBack:
		out = collect + out + resetPerhaps
	}
	return out
}

// lateAdvice depends on the hop: the phone's timer helps only against what is lost before
// Expressway-E.
func lateAdvice(r *judge.Reason) string {
	switch where := r.Where; {
	case where == judge.BeforeE && r.Confidence == CannotTell, where == judge.Nowhere:
		return "Find out first where the time is lost: Expressway-E's log and the phone's problem report tell. A higher Timer Register Delta (20 instead of 5) helps only if the phone itself sends late."
	case where == judge.BeforeE:
		return "To make it rarer, set Timer Register Delta from 5 to 20 in a copy of the SIP profile for MRA phones, and find out where the time is lost."
	case where == judge.InE:
		return "Look at the load and the events of Expressway-E at that time."
	case where == judge.InC:
		return "Look at the load and the events of Expressway-C at that time."
	case where == judge.InCUCM:
		return "Look at CUCM's load at that time: it had the REGISTER, and was slow to answer."
	case where == judge.BetweenEAndC:
		return "Look at the traversal zone, at the firewall between Expressway-E and -C, and at the load of Expressway-C at that time."
	}
	return "Look at the network between Expressway-C and CUCM, and at CUCM's load at that time."
}
