package registration

import (
	"cmp"
	"fmt"
	"slices"
)

// writeHops writes the transactions of every phone, and returns how many are not shown
// message by message: they are as far as the budget of messages goes, first around what happened
// to affected phones, then the rest of theirs, then the others'.
func writeHops(w *wire, all []told, budget int) (hidden int) {
	shown := map[*txn]bool{}
	take := func(t *txn) {
		n := 0
		for _, at := range t.attempts {
			n += len(at.msgs)
		}
		if !shown[t] && n <= min(budget, maxShown) {
			shown[t], budget = true, budget-n
		}
	}
	for _, p := range all {
		for i, t := range p.txns {
			if slices.Contains(p.keys, t) {
				for _, o := range p.txns[max(0, i-4):min(len(p.txns), i+5)] {
					take(o)
				}
			}
		}
	}
	for _, p := range all {
		for i := range p.txns {
			take(p.txns[len(p.txns)-1-i])
		}
	}
	for i := range all {
		p := &all[i]
		timed := timesOf(p.phone)
		for _, t := range p.txns {
			out := transaction(w, t, timed[t])
			if shown[t] {
				out.Hops = hops(w, t)
			} else {
				hidden++
			}
			p.out.Transactions = append(p.out.Transactions, out)
		}
	}
	return hidden
}

// timesOf are the lapses that end with the phone's transactions.
func timesOf(p *phone) map[*txn]lapse {
	out := map[*txn]lapse{}
	for _, c := range p.chains {
		for i, t := range c.txns {
			if c.prev[i] != nil && t.keeps() {
				out[t] = c.lapse(i)
			}
		}
	}
	return out
}

func transaction(w *wire, t *txn, l lapse) Transaction {
	out := Transaction{CallID: w.texts.of(t.line.call), CUCM: w.texts.of(t.line.to), CSeq: t.last.msgs[0].cseq, Kind: t.kind, Code: int(t.code), Answer: t.phrase(w),
		NewReg: t.marks.newReg, Expires: int(max(0, t.expires)), Hops: []Hop{}}
	begin := t.attempts[0].msgs[0]
	for _, at := range t.attempts {
		out.Attempts += at.requests(w.logs)
		for _, m := range at.msgs {
			if w.steady(m) < w.steady(begin) {
				begin = m
			}
		}
		if at.challenged() && at.answer.is(hasBody) {
			out.Challenge = "digest"
			if at.answer.is(isBearer) {
				out.Challenge = "bearer"
			}
		}
	}
	out.At = begin.time()
	if l.from != nil {
		gap := t.begun - l.from.ok
		out.GapS = floats(&gap)
		if l.cadence > 0 && l.steadyKind() && l.first() == t {
			if out.LateByS = floats(l.late()); out.LateByS != nil || t.marks.newReg {
				out.Due = stamp(l.from.ok + l.cadence)
			}
		}
	}
	c, e := t.peers(w.logs)
	if c != nil {
		out.C = c.name
	}
	if e != nil {
		out.E = e.name
	}
	return out
}

// hops are the messages of a transaction; what E sent and C received is one.
func hops(w *wire, t *txn) []Hop {
	var msgs []*message
	for _, at := range t.attempts {
		msgs = append(msgs, at.msgs...)
	}
	slices.SortStableFunc(msgs, func(x, y *message) int {
		return cmp.Or(cmp.Compare(w.steady(x), w.steady(y)), cmp.Compare(w.stage(x), w.stage(y)))
	})
	out := []Hop{}
	done := map[*message]bool{}
	type key struct {
		request bool
		code    uint16
		cseq    uint32
	}
	before := map[key]*message{}
	for i, m := range msgs {
		if done[m] {
			continue
		}
		done[m] = true
		s := w.stage(m)
		from, to := ends(w, m, s)
		h := Hop{Time: m.time(), From: from, To: to, What: label(w, m), Proofs: []Proof{proofOf(w, m.shows(label(w, m)))}}
		if s == outOfE || s == outOfC {
			if o := received(w, msgs[i+1:], m, s+1, done); o != nil {
				done[o] = true
				h.To = w.texts.of(o.host)
				h.Proofs = append(h.Proofs, proofOf(w, o.shows(label(w, o))))
			}
		}
		k := key{m.is(isRequest), m.code, m.cseq}
		if b := before[k]; b != nil && w.agree(b.host, m.host) {
			d := m.at - b.at
			h.DelayMS = floats(&d)
			*h.DelayMS *= 1e3
		}
		before[k] = m
		out = append(out, h)
	}
	return out
}

// received finds the record of the peer that received what another sent.
func received(w *wire, in []*message, m *message, s stage, done map[*message]bool) *message {
	for _, o := range in {
		if !done[o] && w.stage(o) == s && o.cseq == m.cseq && o.code == m.code && (o.branch == m.branch || o.branch == 0 || m.branch == 0) {
			return o
		}
	}
	return nil
}

// ends are the neighbours between which a message passed.
func ends(w *wire, m *message, s stage) (from, to string) {
	self, far := w.texts.of(m.host), w.texts.end(m.far).Addr().String()
	if !w.texts.end(m.far).IsValid() {
		far = ""
	}
	if name := w.own[m.far]; name != "" {
		far = name
	}
	switch s {
	case phoneToE:
		return AtPhone, self
	case eToPhone:
		return self, AtPhone
	case toCUCM:
		return self, AtCUCM
	case fromCUCM:
		return AtCUCM, self
	case intoC, intoE:
		return far, self
	}
	if m.is(isSent) {
		return self, far
	}
	return far, self
}

func label(w *wire, m *message) string {
	if m.is(isRequest) {
		return "REGISTER"
	}
	s := fmt.Sprint(m.code)
	if m.phrase != 0 {
		s += " " + w.texts.of(m.phrase)
	}
	return s
}

// maxShown is from how many messages on a transaction is not shown one by one: it loops.
const maxShown = 1000
