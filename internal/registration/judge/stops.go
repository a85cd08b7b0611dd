package judge

import (
	"fmt"
	"strings"

	"rtmtgrab/internal/registration/logs"
	"rtmtgrab/internal/registration/wire"
)

// Where on its way time was lost or a REGISTER stopped: late_at in the report.
const (
	BeforeE         = "before E"
	InE             = "in E"
	BetweenEAndC    = "between E and C"
	InC             = "in C"
	BetweenCAndCUCM = "between C and CUCM"
	InCUCM          = "in CUCM" // by CUCM's own record
	AfterE          = "after E" // C's logs do not tell
	Nowhere         = ""        // not known
)

// A stop is where a REGISTER without success came to an end, as far as the logs tell.
type stop struct {
	where string
	what  string        // a sentence without its full stop
	sent  *logs.Message // the last record of it on its way
}

// stopOf follows a REGISTER that CUCM did not answer with success. ok is false where
// CUCM itself answered it, or nothing can be said.
func stopOf(w *wire.Wire, t *wire.Txn) (s stop, ok bool) {
	at := &t.Last.At
	up := t.Last.SentUp
	said := ""
	if t.Marks.Own && t.Last.Answer != nil {
		said = fmt.Sprintf("; %s answered %d itself%s", roleOf(w, t.Last.Answer), t.Code, extra(w, t))
	}
	switch {
	case t.Last.Challenged(), t.Code != 0 && !t.Marks.Own:
		return s, false
	case up != nil && t.Last.Reply != nil:
		return stop{where: BetweenCAndCUCM, what: fmt.Sprintf("CUCM took the REGISTER of %s (%d) and did not answer it%s", Clock(w.Steady(up)), t.Last.Reply.Code, said), sent: up}, true
	case up != nil:
		return stop{where: BetweenCAndCUCM, what: fmt.Sprintf("Expressway-C sent a REGISTER to CUCM at %s, and no answer came%s", Clock(w.Steady(up)), said), sent: up}, true
	case at[logs.IntoC] != nil && said != "":
		return stop{where: InC, what: fmt.Sprintf("Expressway-C received a REGISTER at %s and did not send it on%s", Clock(w.Steady(at[logs.IntoC])), said), sent: at[logs.IntoC]}, true
	case at[logs.IntoC] != nil:
		return stop{where: InC, what: fmt.Sprintf("Expressway-C received a REGISTER at %s, and these logs do not show that it sent it on", Clock(w.Steady(at[logs.IntoC]))), sent: at[logs.IntoC]}, true
	case at[logs.OutOfE] != nil && len(w.OfRole("C")) > 0 && len(w.Strangers["C"]) == 0 && w.Missing("C", at[logs.OutOfE].At, at[logs.OutOfE].At+wire.InFlight) == nil:
		return stop{where: BetweenEAndC, what: fmt.Sprintf("Expressway-E sent a REGISTER on at %s, and Expressway-C did not receive it%s", Clock(w.Steady(at[logs.OutOfE])), said), sent: at[logs.OutOfE]}, true
	case at[logs.OutOfE] != nil:
		return stop{where: AfterE, what: fmt.Sprintf("Expressway-E sent a REGISTER on at %s, and no answer came back%s", Clock(w.Steady(at[logs.OutOfE])), said), sent: at[logs.OutOfE]}, true
	case at[logs.PhoneToE] != nil && said != "" && (t.Code == 408 || t.Code == 504):
		return stop{where: BetweenEAndC, what: fmt.Sprintf("Expressway-E received a REGISTER at %s and could not send it on%s", Clock(w.Steady(at[logs.PhoneToE])), said), sent: at[logs.PhoneToE]}, true
	case at[logs.PhoneToE] != nil:
		return stop{where: InE, what: fmt.Sprintf("Expressway-E received a REGISTER at %s and did not send it on%s", Clock(w.Steady(at[logs.PhoneToE])), said), sent: at[logs.PhoneToE]}, true
	}
	return s, false
}

func roleOf(w *wire.Wire, m *logs.Message) string {
	name := w.Texts.Of(m.Host)
	switch w.ByName[m.Host].Role {
	case "C":
		name = "Expressway-C"
	case "E":
		name = "Expressway-E"
		if w.Stage(m) == logs.IntoE {
			name = "Expressway-C"
		}
	}
	return name
}

// whose is who made a final answer, as far as the logs show it.
func whose(t *wire.Txn) string {
	switch {
	case t.Marks.Own:
		return "Expressway itself"
	case t.Marks.CUCMs:
		return "CUCM"
	}
	return "CUCM or an Expressway"
}

// refusal reports whether a code refuses a REGISTER for what it is, or by policy. An Expressway
// gives other ones as well because it cannot reach the next one, or CUCM.
func refusal(code uint16) bool {
	return code/100 == 4 && code != 404 && code != 408 && code != 480
}

// turnedAway reports whether E itself refused a REGISTER that it had not sent on.
func turnedAway(t *wire.Txn) bool {
	return t.Marks.Own && t.Last.At[logs.PhoneToE] != nil && t.Last.At[logs.OutOfE] == nil && t.Last.At[logs.IntoE] == nil && refusal(t.Code)
}

// gaveUp reports whether an answer is one that says that somebody else did not answer, and the
// logs do not show who says so: an Expressway that waited for CUCM or for another Expressway,
// or CUCM.
func gaveUp(t *wire.Txn) bool {
	return !t.Marks.Own && !t.Marks.CUCMs && (t.Code == 408 || t.Code == 503 || t.Code == 504)
}

// notShown is the reason where an answer is such a one.
func notShown(w *wire.Wire, t *wire.Txn) Reason {
	r := unexplained(fmt.Sprintf("its REGISTER of %s was answered %d, and these logs do not show whether by CUCM or by an Expressway that got no answer", Clock(t.Sent), t.Code))
	r.Proofs = []logs.Proof{t.Last.Answer.Shows(fmt.Sprintf("%d", t.Code))}
	return r
}

// answerWords are the code and the phrase of an answer, as far as they are known.
func answerWords(w *wire.Wire, t *wire.Txn) string {
	return strings.TrimSpace(fmt.Sprintf("%d %s", t.Code, t.Phrase(w)))
}

// extra is what an answer says for itself, in brackets.
func extra(w *wire.Wire, t *wire.Txn) string {
	if m := t.Last.Answer; m != nil && m.Extra != 0 {
		return " (" + w.Texts.Of(m.Extra) + ")"
	}
	return ""
}

// cannotConnect reports whether C says of its own answer that it could not connect.
func cannotConnect(w *wire.Wire, t *wire.Txn) bool {
	return t.Marks.Own && strings.Contains(strings.ToLower(extra(w, t)), "unable to connect")
}
