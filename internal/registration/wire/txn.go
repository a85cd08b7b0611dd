package wire

import (
	"cmp"
	"time"

	"rtmtgrab/internal/registration/logs"
)

// A Txn is one transaction of a phone with CUCM: a registration, keep-alive or unregister
// with its attempts, from a challenge to what came of it. Its times are by the reference
// clock.
type Txn struct {
	Timeline *Timeline
	Attempts []*Attempt // one at least
	Last     *Attempt   // the one that has the answer
	Kind     string     // KindFull and the like
	Sent     int64      // when Last was sent on to CUCM, or the nearest to it that was logged
	Exact    bool       // Sent is C's Sent to CUCM
	Begun    int64      // as Sent, of the first attempt: lateness is judged by it
	OK       int64      // when its success came from CUCM; 0: there was none
	Code     uint16     // of the answer that counts; 0: none was seen
	Expires  int32      // s, granted; 0 or less: not known
	Marks    Marks
	Link     *Link // that Last went over; nil: not known
}

// Marks are what a transaction's messages tell.
type Marks struct {
	bulk     bool // its REGISTER asks for all lines
	NewReg   bool // CUCM took it for a new registration
	Told     bool // the answer's text was logged: NewReg is known
	Rejected bool // CUCM's answer to a full REGISTER has a code of failure in its body
	Own      bool // an Expressway made the final answer itself
	CUCMs    bool // CUCM made it; neither: the logs do not show whose it is
	Asked    bool // the REGISTER itself is in the logs, and not its answers alone
}

// ByTime orders transactions.
func ByTime(x, y *Txn) int { return cmp.Compare(x.Sent, y.Sent) }

// FirstAt is the first message of a stage over all attempts; nil: none was seen.
func (t *Txn) FirstAt(s logs.Stage) *logs.Message {
	for _, at := range t.Attempts {
		m := at.At[s]
		if s == logs.ToCUCM {
			m = at.SentUp
		}
		if m != nil {
			return m
		}
	}
	return nil
}

// Keeps reports whether the transaction is one that keeps or makes a registration.
func (t *Txn) Keeps() bool { return t.Kind != KindSecondary && t.Kind != KindUnregister }

// Good reports whether it made or kept one.
func (t *Txn) Good() bool { return t.Keeps() && t.Code/100 == 2 && t.OK != 0 }

// Peers are the C and the E that it went through, as far as they logged it.
func (t *Txn) Peers(l *logs.Logs) (c, e *logs.Host) {
	for _, m := range t.Last.Messages {
		switch h := l.ByName[m.Host]; {
		case h.Role == "C" && c == nil:
			c = h
		case h.Role == "E" && e == nil:
			e = h
		}
	}
	return c, e
}

// Message is the one that shows the transaction best: C's Sent.
func (t *Txn) Message() *logs.Message {
	for _, s := range []logs.Stage{logs.ToCUCM, logs.IntoC, logs.OutOfE, logs.PhoneToE} {
		if m := t.Last.At[s]; m != nil {
			return m
		}
	}
	return t.Last.Messages[0]
}

// Alarmed is the request that has the phone's last alarm; nil: none has.
func (t *Txn) Alarmed() *logs.Message {
	for _, at := range t.Attempts {
		for _, m := range at.Messages {
			if m.Is(logs.HasAlarm) && m.Is(logs.Request) {
				return m
			}
		}
	}
	return nil
}

// Date is the phone's own clock when it sent the first attempt, in seconds of Unix time; 0:
// not logged.
func (t *Txn) Date() int64 {
	for _, m := range t.Attempts[0].Messages {
		if m.Date != 0 && m.Is(logs.Request) {
			return m.Date
		}
	}
	return 0
}

// Ends is the time of its last message.
func (t *Txn) Ends(w *Wire) int64 {
	var at int64
	for _, a := range t.Attempts {
		for _, m := range a.Messages {
			at = max(at, w.Steady(m))
		}
	}
	return at
}

// User is the number that the REGISTER is for; 0: not known.
func (t *Txn) User() logs.Text {
	for _, m := range t.Last.Messages {
		if m.User != 0 {
			return m.User
		}
	}
	return 0
}

// UsedBefore reports whether its CSeq shows that its Call-ID registered before: a phone
// begins at 101 and needs one more for each challenge.
func (t *Txn) UsedBefore() bool { return t.Attempts[0].Messages[0].CSeq > 104 }

// Phrase is the reason phrase of its answer; empty: not known.
func (t *Txn) Phrase(w *Wire) string {
	for _, m := range t.Last.Messages {
		if m.Code == t.Code && m.Phrase != 0 {
			return w.Texts.Of(m.Phrase)
		}
	}
	return ""
}

// AnswerTime is how long CUCM's first answer to the REGISTER took, in ns; 0: not known, also
// where the logs lack a part of that time, for an earlier answer may have stood there.
func (t *Txn) AnswerTime(w *Wire) int64 {
	up, reply := t.Last.At[logs.ToCUCM], t.Last.Reply
	if up == nil || reply == nil || reply.Host != up.Host || w.Missing("C", up.At, reply.At) != nil {
		return 0
	}
	return reply.At - up.At
}

// Slow is from when on an answer of CUCM is a delay.
const Slow = int64(2 * time.Second)

// RefusedCredentials reports whether credentials were sent and not accepted: a challenge
// to a REGISTER without any is none.
func (t *Txn) RefusedCredentials() bool {
	return t.Last.Challenged() && (len(t.Attempts) > 1 || t.Last.sentCredentials())
}
