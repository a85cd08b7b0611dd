package registration

import (
	"cmp"
	"slices"
	"time"
)

// A stage is where on its way a message was seen.
type stage uint8

const (
	phoneToE stage = iota // E received the REGISTER
	outOfE                // E sent it
	intoC                 // C received it
	toCUCM                // C sent it
	fromCUCM              // C received the answer
	outOfC                // C sent it
	intoE                 // E received it
	eToPhone              // E sent it
	stages
)

// stage follows from the role of the peer that logged the message.
func (l *logs) stage(m *message) stage {
	role := l.byName[m.host].role
	request, sent := m.is(isRequest), m.is(isSent)
	switch {
	case role == "E" && request && !sent:
		return phoneToE
	case role == "E" && request:
		return outOfE
	case role == "C" && request && !sent:
		return intoC
	case role == "C" && request:
		return toCUCM
	case role == "C" && !sent:
		return fromCUCM
	case role == "C":
		return outOfC
	case role == "E" && !sent:
		return intoE
	case role == "E":
		return eToPhone
	}
	return stages
}

// An attempt is one REGISTER, by its Call-ID, host in To and CSeq, with all that was
// logged of it and its answers: every repetition and every hop.
type attempt struct {
	msgs   []*message       // in time order
	at     [stages]*message // the first of each stage; of answers the final ones; of toCUCM the one that was answered
	sentUp *message         // the first that C sent to CUCM
	reply  *message         // first answer from CUCM to what was answered, 100 too
	code   uint16           // of the answer that counts; 0: none was seen
	answer *message         // that answer
	begin  int64            // by the reference clock
}

// A timeline is what was said under one Call-ID about one CUCM node.
type timeline struct {
	call, to text
	attempts []*attempt
	txns     []*txn
}

// longest is how long one attempt may take, with all repetitions (64 times T1).
const longest = int64(64 * time.Second)

// join sorts the messages and makes attempts of them, grouped by timeline.
func join(l *logs, msgs []*message) []*timeline {
	slices.SortFunc(msgs, func(x, y *message) int {
		return cmp.Or(cmp.Compare(x.call, y.call), cmp.Compare(x.to, y.to), cmp.Compare(x.cseq, y.cseq), cmp.Compare(x.at, y.at),
			cmp.Compare(l.stage(x), l.stage(y)), cmp.Compare(x.code, y.code), cmp.Compare(x.hash, y.hash), cmp.Compare(x.place().source, y.place().source), cmp.Compare(x.place().offset, y.place().offset))
	})
	var out []*timeline
	var line *timeline
	from := 0
	for i := 1; i <= len(msgs); i++ {
		if i < len(msgs) && sameAttempt(msgs[from:i], msgs[i]) {
			continue
		}
		m := msgs[from]
		if line == nil || line.call != m.call || line.to != m.to {
			line = &timeline{call: m.call, to: m.to}
			out = append(out, line)
		}
		line.attempts = append(line.attempts, newAttempt(l, msgs[from:i:i]))
		from = i
	}
	return out
}

// sameAttempt reports whether a message goes with those before it. The times of one
// peer are compared, for the clocks of two may differ.
func sameAttempt(of []*message, m *message) bool {
	if f := of[0]; f.call != m.call || f.to != m.to || f.cseq != m.cseq {
		return false
	}
	if again := startsAgain(of, m); again {
		return false
	}
	for _, o := range of {
		if o.host == m.host {
			return m.at-o.at <= longest || !m.is(isRequest)
		}
	}
	return true
}

// startsAgain reports whether a REGISTER is no repetition, though it has the same
// Call-ID and CSeq: it has another branch, and the peer had answered the one before for
// good. A phone that restarts may begin at the same number.
func startsAgain(of []*message, m *message) bool {
	if !m.is(isRequest) || m.is(isSent) || m.branch == 0 {
		return false
	}
	answered, same := false, false
	for _, o := range of {
		if o.host != m.host {
			continue
		}
		answered = answered || !o.is(isRequest) && o.is(isSent) && o.code >= 200 && m.at-o.at > int64(time.Second)
		same = same || o.is(isRequest) && (o.branch == m.branch || o.branch == 0)
	}
	return answered && !same
}

func newAttempt(l *logs, msgs []*message) *attempt {
	t := &attempt{msgs: msgs}
	for _, m := range msgs {
		s := l.stage(m)
		if s == stages || !m.is(isRequest) && m.code < 200 {
			continue
		}
		if old := t.at[s]; old == nil || s >= fromCUCM && better(m, old) {
			t.at[s] = m
		}
	}
	t.sentUp = t.at[toCUCM]
	for _, s := range []stage{fromCUCM, outOfC, intoE, eToPhone} {
		if m := t.at[s]; m != nil && (t.answer == nil || better(m, t.answer)) {
			t.answer, t.code = m, m.code
		}
	}
	t.answered(l)
	return t
}

// better: a success counts more than a failure before or after it, and a later
// failure more than an earlier one of the same stage.
func better(m, old *message) bool {
	ok, was := m.code < 300, old.code < 300
	return ok && !was || ok == was && !ok && m.at > old.at && m.host == old.host
}

// answered picks, of several requests that C sent, the one that has the answer: C
// tries another node or connection with the same CSeq and another branch.
func (t *attempt) answered(l *logs) {
	got := t.at[fromCUCM]
	if got != nil && t.at[toCUCM] != nil {
		for _, m := range t.msgs {
			if l.stage(m) != toCUCM || m.at > got.at || m.host != got.host {
				continue
			}
			if got.branch != 0 && m.branch == got.branch && t.at[toCUCM].branch != got.branch || got.branch == 0 && m.local == got.local && t.at[toCUCM].local != got.local {
				t.at[toCUCM] = m
			}
		}
	}
	for _, m := range t.msgs {
		if l.stage(m) != fromCUCM {
			continue
		}
		up := t.at[toCUCM]
		if up == nil || got == nil || m.at >= up.at && (m.branch == got.branch || m.branch == 0) {
			t.reply = m
			return
		}
	}
}

// challenged reports whether the attempt was answered by a challenge.
func (t *attempt) challenged() bool { return t.code == 401 || t.code == 407 }

// refusedToken reports whether the challenge refuses credentials that were sent.
func (t *attempt) refusedToken() bool {
	return t.challenged() && t.sentCredentials() && t.answer.is(hasBody) && t.answer.is(isBearer)
}

// refusedCredentials reports whether credentials were sent and not accepted: a challenge
// to a REGISTER without any is none.
func (t *txn) refusedCredentials() bool {
	return t.last.challenged() && (len(t.attempts) > 1 || t.last.sentCredentials())
}

func (t *attempt) sentCredentials() bool {
	return slices.ContainsFunc(t.msgs, func(m *message) bool { return m.is(hasAuth) && m.is(isRequest) })
}

// requests is how often the REGISTER was sent, as the peer saw it that is nearest to
// the phone.
func (t *attempt) requests(l *logs) int {
	for s := phoneToE; s <= toCUCM; s++ {
		if t.at[s] == nil {
			continue
		}
		n := 0
		for _, m := range t.msgs {
			if l.stage(m) == s && (s != toCUCM || m.branch == t.at[s].branch) {
				n++
			}
		}
		return n
	}
	return 1
}
