package wire

import (
	"cmp"
	"slices"
	"time"

	"rtmtgrab/internal/registration/logs"
)

// Again is how soon, in ns, credentials follow a challenge.
const Again = int64(10 * time.Second)

// transact makes transactions of a timeline's attempts: a challenge and what follows it
// are one.
func transact(w *Wire, l *Timeline) {
	slices.SortStableFunc(l.Attempts, func(x, y *Attempt) int {
		return cmp.Or(cmp.Compare(x.Begin, y.Begin), cmp.Compare(x.Messages[0].CSeq, y.Messages[0].CSeq))
	})
	for i := 0; i < len(l.Attempts); {
		j := i + 1
		for j < len(l.Attempts) && l.Attempts[j-1].Challenged() && l.Attempts[j].Begin-l.Attempts[j-1].Begin <= Again && !l.Attempts[j-1].refusedToken() {
			j++
		}
		l.Txns = append(l.Txns, newTxn(w, l, l.Attempts[i:j]))
		i = j
	}
	slices.SortStableFunc(l.Txns, ByTime)
	l.allSecondary()
}

// allSecondary takes REGISTERs of unknown kind for keep-alives to a secondary CUCM where
// all others of the timeline are.
func (l *Timeline) allSecondary() {
	some := false
	for _, t := range l.Txns {
		some = some || t.Kind == KindSecondary
		if t.Kind != KindSecondary && t.Kind != KindRegister {
			return
		}
	}
	for _, t := range l.Txns {
		if some {
			t.Kind = KindSecondary
		}
	}
}

func newTxn(w *Wire, l *Timeline, of []*Attempt) *Txn {
	t := &Txn{Timeline: l, Attempts: of, Last: of[len(of)-1]}
	t.Sent, t.Exact = reached(w, t.Last)
	t.Begun, _ = reached(w, of[0])
	if m := t.FirstAt(logs.ToCUCM); m != nil {
		t.Begun = w.Steady(m)
	}
	for s := logs.PhoneToE; s <= logs.ToCUCM; s++ {
		t.Marks.Asked = t.Marks.Asked || t.FirstAt(s) != nil
	}
	t.Code = t.Last.code
	t.Kind = t.kindOf()
	t.Marks.Own = t.Last.Answer != nil && (t.Last.Answer.Is(logs.Own) || t.Last.At[logs.FromCUCM] == nil && sawAnswers(t.Last))
	t.Marks.CUCMs = !t.Marks.Own && madeByCUCM(t.Last)
	if t.Code/100 == 2 {
		t.success(w)
	}
	if m := t.Last.At[logs.ToCUCM]; m != nil {
		t.Link = w.Links.Of(m)
	}
	return t
}

// kindOf tells what a transaction's REGISTER wants. Where its body was not logged, or
// only of an earlier attempt, that attempt tells, or else CUCM's answer: it answers a
// keep-alive without a body and a full REGISTER with one.
func (t *Txn) kindOf() string {
	for _, at := range t.Attempts {
		for _, m := range at.Messages {
			t.Marks.bulk = t.Marks.bulk || m.Is(logs.Bulk)
		}
	}
	if t.Marks.bulk {
		return KindFull
	}
	kind := kindOf(t.Last.Messages)
	for i := len(t.Attempts) - 2; i >= 0 && kind == KindRegister; i-- {
		kind = kindOf(t.Attempts[i].Messages)
	}
	if kind != KindRegister {
		return kind
	}
	for _, m := range t.Last.Messages {
		if k := answeredKind(m); k != "" {
			return k
		}
	}
	return KindRegister
}

// answeredKind is what kind of REGISTER an answer of CUCM's answers; empty: it does not
// tell.
func answeredKind(m *logs.Message) string {
	switch {
	case m.Is(logs.Request) || !m.Is(logs.HasBody) || m.Code/100 != 2 || m.Is(logs.Own):
	case m.Is(logs.Remotecc):
		return KindFull
	case m.Is(logs.Cut):
	case m.Is(logs.Secondary):
		return KindSecondary
	case m.Expires == 0:
		return KindUnregister
	case m.Is(logs.Empty) && m.Expires > 0:
		return KindKeepAlive
	}
	return ""
}

// reached is the time at which an attempt was sent on to CUCM, or the nearest to it
// that was logged, by the reference clock. It is exact if C's Sent was logged.
func reached(w *Wire, t *Attempt) (at int64, exact bool) {
	if m := t.At[logs.ToCUCM]; m != nil {
		return w.Steady(m), true
	}
	for _, s := range []logs.Stage{logs.IntoC, logs.OutOfE, logs.PhoneToE, logs.FromCUCM, logs.OutOfC, logs.IntoE, logs.EToPhone} {
		if m := t.At[s]; m != nil {
			return w.Steady(m), false
		}
	}
	return w.Steady(t.Messages[0]), false
}

// success takes what the answer grants.
func (t *Txn) success(w *Wire) {
	for _, m := range t.Last.Messages {
		if m.Is(logs.Request) || m.Code != t.Code {
			continue
		}
		t.Marks.Told = t.Marks.Told || m.Is(logs.HasBody) && !m.Is(logs.Cut)
		t.Marks.NewReg = t.Marks.NewReg || m.Is(logs.NewReg)
		t.Marks.Rejected = t.Marks.Rejected || m.Is(logs.Rejected)
		if m.Expires > 0 {
			t.Expires = m.Expires
		}
	}
	for _, s := range []logs.Stage{logs.FromCUCM, logs.OutOfC, logs.IntoE, logs.EToPhone} {
		if m := t.Last.At[s]; m != nil && m.Code/100 == 2 {
			t.OK = w.Steady(m)
			return
		}
	}
}

// sawAnswers reports whether a C that forwarded the answer, or an E that got none from
// C, would have shown CUCM's own: then the answer is the Expressway's.
func sawAnswers(t *Attempt) bool {
	return t.At[logs.OutOfC] != nil || t.At[logs.EToPhone] != nil && t.At[logs.IntoE] == nil
}

// madeByCUCM reports whether the logs show that an answer that no Expressway is known to have
// made is CUCM's: C received it from there, or its text is whole and names no Expressway.
func madeByCUCM(t *Attempt) bool {
	return t.At[logs.FromCUCM] != nil || t.Answer != nil && t.Answer.Is(logs.HasBody) && !t.Answer.Is(logs.Cut)
}

// kindOf tells what a REGISTER wants. What a cut message lacks may have been there.
func kindOf(msgs []*logs.Message) string {
	kind := KindRegister
	for _, m := range msgs {
		if !m.Is(logs.Request) || !m.Is(logs.HasBody) {
			continue
		}
		switch {
		case m.Is(logs.Bulk) || m.Is(logs.HasAlarm):
			return KindFull
		case m.Is(logs.Multipart): // what it asks for is not what it keeps alive
		case m.Is(logs.Secondary):
			kind = KindSecondary
		case m.Expires == 0:
			if kind != KindSecondary {
				kind = KindUnregister
			}
		case m.Is(logs.Cut):
		case kind == KindRegister:
			kind = KindKeepAlive
		}
	}
	return kind
}
