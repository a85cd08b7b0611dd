package wire

import (
	"slices"

	"rtmtgrab/internal/registration/logs"
)

// An Attempt is one REGISTER, by its Call-ID, host in To and CSeq, with all that was
// logged of it and its answers: every repetition and every hop.
type Attempt struct {
	Messages []*logs.Message            // in time order
	At       [logs.Stages]*logs.Message // the first of each stage; of answers the final ones; of ToCUCM the one that was answered; nil: none
	SentUp   *logs.Message              // the first that C sent to CUCM; nil: none
	Reply    *logs.Message              // first answer from CUCM to what was answered, 100 too; nil: none
	Answer   *logs.Message              // the answer that counts; nil: none was seen
	code     uint16                     // of that answer
	Begin    int64                      // of its first message, by the reference clock
}

func newAttempt(l *logs.Logs, msgs []*logs.Message) *Attempt {
	t := &Attempt{Messages: msgs}
	for _, m := range msgs {
		s := l.Stage(m)
		if s == logs.Stages || !m.Is(logs.Request) && m.Code < 200 {
			continue
		}
		if old := t.At[s]; old == nil || s >= logs.FromCUCM && better(m, old) {
			t.At[s] = m
		}
	}
	t.SentUp = t.At[logs.ToCUCM]
	for _, s := range []logs.Stage{logs.FromCUCM, logs.OutOfC, logs.IntoE, logs.EToPhone} {
		if m := t.At[s]; m != nil && (t.Answer == nil || better(m, t.Answer)) {
			t.Answer, t.code = m, m.Code
		}
	}
	t.answered(l)
	return t
}

// better: a success counts more than a failure before or after it, and a later
// failure more than an earlier one of the same stage.
func better(m, old *logs.Message) bool {
	ok, was := m.Code < 300, old.Code < 300
	return ok && !was || ok == was && !ok && m.At > old.At && m.Host == old.Host
}

// answered picks, of several requests that C sent, the one that has the answer: C
// tries another node or connection with the same CSeq and another branch.
func (t *Attempt) answered(l *logs.Logs) {
	got := t.At[logs.FromCUCM]
	if got != nil && t.At[logs.ToCUCM] != nil {
		for _, m := range t.Messages {
			if l.Stage(m) != logs.ToCUCM || m.At > got.At || m.Host != got.Host {
				continue
			}
			if got.Branch != 0 && m.Branch == got.Branch && t.At[logs.ToCUCM].Branch != got.Branch || got.Branch == 0 && m.Local == got.Local && t.At[logs.ToCUCM].Local != got.Local {
				t.At[logs.ToCUCM] = m
			}
		}
	}
	for _, m := range t.Messages {
		if l.Stage(m) != logs.FromCUCM {
			continue
		}
		up := t.At[logs.ToCUCM]
		if up == nil || got == nil || m.At >= up.At && (m.Branch == got.Branch || m.Branch == 0) {
			t.Reply = m
			return
		}
	}
}

// Challenged reports whether the attempt was answered by a challenge.
func (t *Attempt) Challenged() bool { return t.code == 401 || t.code == 407 }

// refusedToken reports whether the challenge refuses credentials that were sent.
func (t *Attempt) refusedToken() bool {
	return t.Challenged() && t.sentCredentials() && t.Answer.Is(logs.HasBody) && t.Answer.Is(logs.Bearer)
}

func (t *Attempt) sentCredentials() bool {
	return slices.ContainsFunc(t.Messages, func(m *logs.Message) bool { return m.Is(logs.HasAuth) && m.Is(logs.Request) })
}

// Requests is how often the REGISTER was sent, as the peer saw it that is nearest to
// the phone.
func (t *Attempt) Requests(l *logs.Logs) int {
	for s := logs.PhoneToE; s <= logs.ToCUCM; s++ {
		if t.At[s] == nil {
			continue
		}
		n := 0
		for _, m := range t.Messages {
			if l.Stage(m) == s && (s != logs.ToCUCM || m.Branch == t.At[s].Branch) {
				n++
			}
		}
		return n
	}
	return 1
}
