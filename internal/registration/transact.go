package registration

import (
	"cmp"
	"slices"
	"time"

	"rtmtgrab/internal/registration/logs"
)

// again is how soon credentials follow a challenge.
const again = int64(10 * time.Second)

// transact makes transactions of a timeline's attempts: a challenge and what follows it
// are one.
func transact(w *wire, l *timeline) {
	slices.SortStableFunc(l.attempts, func(x, y *attempt) int {
		return cmp.Or(cmp.Compare(x.begin, y.begin), cmp.Compare(x.msgs[0].CSeq, y.msgs[0].CSeq))
	})
	for i := 0; i < len(l.attempts); {
		j := i + 1
		for j < len(l.attempts) && l.attempts[j-1].challenged() && l.attempts[j].begin-l.attempts[j-1].begin <= again && !l.attempts[j-1].refusedToken() {
			j++
		}
		l.txns = append(l.txns, newTxn(w, l, l.attempts[i:j]))
		i = j
	}
	slices.SortStableFunc(l.txns, byTime)
	l.allSecondary()
}

// allSecondary takes REGISTERs of unknown kind for keep-alives to a secondary CUCM where
// all others of the timeline are.
func (l *timeline) allSecondary() {
	some := false
	for _, t := range l.txns {
		some = some || t.kind == KindSecondary
		if t.kind != KindSecondary && t.kind != KindRegister {
			return
		}
	}
	for _, t := range l.txns {
		if some {
			t.kind = KindSecondary
		}
	}
}

func newTxn(w *wire, l *timeline, of []*attempt) *txn {
	t := &txn{line: l, attempts: of, last: of[len(of)-1]}
	t.sent, t.exact = reached(w, t.last)
	t.begun, _ = reached(w, of[0])
	if m := t.firstAt(logs.ToCUCM); m != nil {
		t.begun = w.steady(m)
	}
	for s := logs.PhoneToE; s <= logs.ToCUCM; s++ {
		t.marks.asked = t.marks.asked || t.firstAt(s) != nil
	}
	t.code = t.last.code
	t.kind = t.kindOf()
	t.marks.own = t.last.answer != nil && (t.last.answer.Is(logs.Own) || t.last.at[logs.FromCUCM] == nil && sawAnswers(t.last))
	if t.code/100 == 2 {
		t.success(w)
	}
	if m := t.last.at[logs.ToCUCM]; m != nil {
		t.link = w.links.of(m)
	}
	return t
}

// kindOf tells what a transaction's REGISTER wants. Where its body was not logged, or
// only of an earlier attempt, that attempt tells, or else CUCM's answer: it answers a
// keep-alive without a body and a full REGISTER with one.
func (t *txn) kindOf() string {
	for _, at := range t.attempts {
		for _, m := range at.msgs {
			t.marks.bulk = t.marks.bulk || m.Is(logs.Bulk)
		}
	}
	if t.marks.bulk {
		return KindFull
	}
	kind := kindOf(t.last.msgs)
	for i := len(t.attempts) - 2; i >= 0 && kind == KindRegister; i-- {
		kind = kindOf(t.attempts[i].msgs)
	}
	if kind != KindRegister {
		return kind
	}
	for _, m := range t.last.msgs {
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
func reached(w *wire, t *attempt) (at int64, exact bool) {
	if m := t.at[logs.ToCUCM]; m != nil {
		return w.steady(m), true
	}
	for _, s := range []logs.Stage{logs.IntoC, logs.OutOfE, logs.PhoneToE, logs.FromCUCM, logs.OutOfC, logs.IntoE, logs.EToPhone} {
		if m := t.at[s]; m != nil {
			return w.steady(m), false
		}
	}
	return w.steady(t.msgs[0]), false
}

// success takes what the answer grants.
func (t *txn) success(w *wire) {
	for _, m := range t.last.msgs {
		if m.Is(logs.Request) || m.Code != t.code {
			continue
		}
		t.marks.told = t.marks.told || m.Is(logs.HasBody) && !m.Is(logs.Cut)
		t.marks.newReg = t.marks.newReg || m.Is(logs.NewReg)
		t.marks.rejected = t.marks.rejected || m.Is(logs.Rejected)
		if m.Expires > 0 {
			t.expires = m.Expires
		}
	}
	for _, s := range []logs.Stage{logs.FromCUCM, logs.OutOfC, logs.IntoE, logs.EToPhone} {
		if m := t.last.at[s]; m != nil && m.Code/100 == 2 {
			t.ok = w.steady(m)
			return
		}
	}
}

// sawAnswers reports whether a C that forwarded the answer, or an E that got none from
// C, would have shown CUCM's own: then the answer is the Expressway's.
func sawAnswers(t *attempt) bool {
	return t.at[logs.OutOfC] != nil || t.at[logs.EToPhone] != nil && t.at[logs.IntoE] == nil
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
