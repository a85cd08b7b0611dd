package registration

import (
	"slices"
	"time"
)

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

// inFlight is how long before the end of the logs an unanswered REGISTER may still be
// answered: SIP's own patience, 64 times T1 (RFC 3261, section 17.1.2.2).
const inFlight = int64(32 * time.Second)
