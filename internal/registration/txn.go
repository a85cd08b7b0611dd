package registration

import (
	"cmp"
	"time"

	"rtmtgrab/internal/registration/logs"
)

// A txn is one registration, keep-alive or unregister: its attempts, from a challenge
// to what came of it.
type txn struct {
	line     *timeline
	attempts []*attempt
	last     *attempt
	kind     string
	sent     int64 // when the attempt that has the answer was sent on to CUCM
	exact    bool  // sent is C's Sent to CUCM
	begun    int64 // the same of the first attempt: lateness is judged by it
	ok       int64 // when its success came from CUCM; 0: there was none
	code     uint16
	expires  int32 // granted; 0 or less: not known
	marks    marks
	link     *link
}

// marks are what a transaction's messages tell.
type marks struct {
	bulk     bool // its REGISTER asks for all lines
	newReg   bool // CUCM took it for a new registration
	told     bool // the answer's body was logged: newReg is known
	rejected bool // CUCM's answer to a full REGISTER has a code of failure in its body
	own      bool // an Expressway made the final answer itself
	asked    bool // the REGISTER itself is in the logs, and not its answers alone
}

func byTime(x, y *txn) int { return cmp.Compare(x.sent, y.sent) }

// firstAt is the first message of a stage over all attempts; nil: none was seen.
func (t *txn) firstAt(s logs.Stage) *logs.Message {
	for _, at := range t.attempts {
		m := at.at[s]
		if s == logs.ToCUCM {
			m = at.sentUp
		}
		if m != nil {
			return m
		}
	}
	return nil
}

// keeps reports whether the transaction is one that keeps or makes a registration.
func (t *txn) keeps() bool { return t.kind != KindSecondary && t.kind != KindUnregister }

// good reports whether it made or kept one.
func (t *txn) good() bool { return t.keeps() && t.code/100 == 2 && t.ok != 0 }

// peers are the C and the E that it went through, as far as they logged it.
func (t *txn) peers(l *logs.Logs) (c, e *logs.Host) {
	for _, m := range t.last.msgs {
		switch h := l.ByName[m.Host]; {
		case h.Role == "C" && c == nil:
			c = h
		case h.Role == "E" && e == nil:
			e = h
		}
	}
	return c, e
}

// message is the one that shows the transaction best: C's Sent.
func (t *txn) message() *logs.Message {
	for _, s := range []logs.Stage{logs.ToCUCM, logs.IntoC, logs.OutOfE, logs.PhoneToE} {
		if m := t.last.at[s]; m != nil {
			return m
		}
	}
	return t.last.msgs[0]
}

// alarmed is the request that has the phone's last alarm; nil: none has.
func (t *txn) alarmed() *logs.Message {
	for _, at := range t.attempts {
		for _, m := range at.msgs {
			if m.Is(logs.HasAlarm) && m.Is(logs.Request) {
				return m
			}
		}
	}
	return nil
}

// date is the phone's own clock when it sent the first attempt, in seconds; 0: not
// logged.
func (t *txn) date() int64 {
	for _, m := range t.attempts[0].msgs {
		if m.Date != 0 && m.Is(logs.Request) {
			return m.Date
		}
	}
	return 0
}

// ends is the time of its last record.
func (t *txn) ends(w *wire) int64 {
	var at int64
	for _, a := range t.attempts {
		for _, m := range a.msgs {
			at = max(at, w.steady(m))
		}
	}
	return at
}

// user is the number that the REGISTER is for; 0: not known.
func (t *txn) user() logs.Text {
	for _, m := range t.last.msgs {
		if m.User != 0 {
			return m.User
		}
	}
	return 0
}

// usedBefore reports whether a CSeq shows that its Call-ID registered before: a phone
// begins at 101 and needs one more for each challenge.
func (t *txn) usedBefore() bool { return t.attempts[0].msgs[0].CSeq > 104 }

func (t *txn) phrase(w *wire) string {
	for _, m := range t.last.msgs {
		if m.Code == t.code && m.Phrase != 0 {
			return w.Texts.Of(m.Phrase)
		}
	}
	return ""
}

// atCUCM is how long CUCM's first answer to the REGISTER took; 0: not known, also where
// the logs lack a part of that time, for an earlier answer may have stood there.
func (t *txn) atCUCM(w *wire) int64 {
	up, reply := t.last.at[logs.ToCUCM], t.last.reply
	if up == nil || reply == nil || reply.Host != up.Host || w.Missing("C", up.At, reply.At) != nil {
		return 0
	}
	return reply.At - up.At
}

// slow is from when on an answer of CUCM is a delay.
const slow = int64(2 * time.Second)

// refusedCredentials reports whether credentials were sent and not accepted: a challenge
// to a REGISTER without any is none.
func (t *txn) refusedCredentials() bool {
	return t.last.challenged() && (len(t.attempts) > 1 || t.last.sentCredentials())
}
