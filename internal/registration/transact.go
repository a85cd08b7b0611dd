package registration

import (
	"slices"
	"time"
)

// A timeline is what was said under one Call-ID about one CUCM node.
type timeline struct {
	call, to text
	attempts []*attempt
	txns     []*txn
	device   text
	mac      string // guessed from the Call-ID where no device is named
}

// A txn is one registration, keep-alive or unregister: its attempts, from a challenge
// to what came of it.
type txn struct {
	line     *timeline
	attempts []*attempt
	last     *attempt
	kind     string
	bulk     bool // all lines of a device that has more than one
	sent     int64
	exact    bool  // sent is C's Sent to CUCM
	ok       int64 // when its success came from CUCM; 0: there was none
	code     uint16
	newReg   bool
	told     bool  // the answer's body was logged: newReg is known
	expires  int32 // granted; 0 or less: not known
	own      bool  // an Expressway made the final answer itself
	link     *link

	prev    *txn   // the success before it of the same chain
	gap     int64  // since the success before it; 0: none
	late    *int64 // beyond the phone's own cadence
	cadence int64  // 0: not known
}

// again is how soon credentials follow a challenge.
const again = int64(10 * time.Second)

// transact makes transactions of attempts: a challenge and what follows it are one.
func (a *analysis) transact() {
	for _, l := range a.lines {
		slices.SortStableFunc(l.attempts, func(x, y *attempt) int {
			return first(compare(x.begin, y.begin), compare(x.msgs[0].cseq, y.msgs[0].cseq))
		})
		for i := 0; i < len(l.attempts); {
			j := i + 1
			for j < len(l.attempts) && l.attempts[j-1].challenged() && l.attempts[j].begin-l.attempts[j-1].begin <= again && !l.attempts[j-1].refusedToken() {
				j++
			}
			l.txns = append(l.txns, a.newTxn(l, l.attempts[i:j]))
			i = j
		}
		slices.SortStableFunc(l.txns, byTime)
	}
}

func byTime(x, y *txn) int { return compare(x.sent, y.sent) }

// refusedToken reports whether the challenge refuses credentials that were sent.
func (t *attempt) refusedToken() bool {
	return t.challenged() && t.sentCredentials() && t.answer.is(hasBody) && t.answer.is(isBearer)
}

func (t *attempt) sentCredentials() bool {
	return slices.ContainsFunc(t.msgs, func(m *message) bool { return m.is(hasAuth) && m.is(isRequest) })
}

func (a *analysis) newTxn(l *timeline, of []*attempt) *txn {
	t := &txn{line: l, attempts: of, last: of[len(of)-1]}
	t.sent, t.exact = a.reached(t.last)
	t.code = t.last.code
	t.kind = kindOf(t.last.msgs)
	for _, p := range of {
		for _, m := range p.msgs {
			t.bulk = t.bulk || m.is(isBulk)
		}
	}
	if t.kind == KindRegister { // the body was logged of an earlier attempt only
		for _, p := range of[:len(of)-1] {
			if k := kindOf(p.msgs); k != KindRegister {
				t.kind = k
			}
		}
	}
	if t.bulk {
		t.kind = KindFull
	}
	t.own = t.last.answer != nil && (t.last.answer.is(isOwn) || t.last.at[fromCUCM] == nil && a.sawAnswers(t.last))
	if t.code/100 == 2 {
		t.success(a)
	}
	if m := t.last.at[toCUCM]; m != nil {
		t.link = a.linkOf(m)
	}
	return t
}

// success takes what the answer grants.
func (t *txn) success(a *analysis) {
	for _, m := range t.last.msgs {
		if m.is(isRequest) || m.code != t.code {
			continue
		}
		t.told = t.told || m.is(hasBody) && !m.is(isCut)
		t.newReg = t.newReg || m.is(isNewReg)
		if m.expires > 0 {
			t.expires = m.expires
		}
	}
	for _, s := range []stage{fromCUCM, outOfC, intoE, eToPhone} {
		if m := t.last.at[s]; m != nil {
			t.ok = a.steady(m)
			return
		}
	}
}

// sawAnswers reports whether a C that forwarded the answer, or an E that got none from
// C, would have shown CUCM's own: then the answer is the Expressway's.
func (a *analysis) sawAnswers(t *attempt) bool {
	return t.at[outOfC] != nil || t.at[eToPhone] != nil && t.at[intoE] == nil
}

// kindOf tells what a REGISTER wants. What a cut message lacks may have been there.
func kindOf(msgs []*message) string {
	kind := KindRegister
	for _, m := range msgs {
		if !m.is(isRequest) || !m.is(hasBody) {
			continue
		}
		switch {
		case m.is(isBulk) || m.is(isMultipart) || m.is(hasAlarm):
			return KindFull
		case m.is(isSecondary):
			kind = KindSecondary
		case m.expires == 0:
			if kind != KindSecondary {
				kind = KindUnregister
			}
		case m.is(isCut):
		case kind == KindRegister:
			kind = KindKeepAlive
		}
	}
	return kind
}

// keeps reports whether the transaction is one that keeps or makes a registration.
func (t *txn) keeps() bool { return t.kind != KindSecondary && t.kind != KindUnregister }

// good reports whether it made or kept one.
func (t *txn) good() bool { return t.keeps() && t.code/100 == 2 }

// peers are the C and the E that it went through, as far as they logged it.
func (t *txn) peers(a *analysis) (c, e *host) {
	for _, m := range t.last.msgs {
		switch h := a.byName[m.host]; {
		case h.role == "C" && c == nil:
			c = h
		case h.role == "E" && e == nil:
			e = h
		}
	}
	return c, e
}
