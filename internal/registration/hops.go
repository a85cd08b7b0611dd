package registration

import (
	"fmt"
	"slices"
)

// writeHops writes the transactions of every phone. Messages are shown one by one as far
// as Options.Hops goes: first around what happened to affected phones, then the rest of
// theirs, then the others'.
func (a *analysis) writeHops() {
	shown := map[*txn]bool{}
	budget := a.Hops
	take := func(t *txn) {
		if shown[t] {
			return
		}
		n := 0
		for _, at := range t.attempts {
			n += len(at.msgs)
		}
		if n <= budget {
			shown[t], budget = true, budget-n
		}
	}
	for _, p := range a.phones {
		for i, t := range p.txns {
			if slices.Contains(p.keys, t) {
				for _, o := range p.txns[max(0, i-4):min(len(p.txns), i+5)] {
					take(o)
				}
			}
		}
	}
	for _, p := range a.phones {
		for i := range p.txns {
			take(p.txns[len(p.txns)-1-i])
		}
	}
	for _, p := range a.phones {
		for _, t := range p.txns {
			out := a.transaction(t)
			if shown[t] {
				out.Hops = a.hops(t)
			} else {
				a.hidden++
			}
			p.out.Transactions = append(p.out.Transactions, out)
		}
	}
}

func (a *analysis) transaction(t *txn) Transaction {
	out := Transaction{CallID: a.texts.of(t.line.call), CUCM: a.texts.of(t.line.to), CSeq: t.last.msgs[0].cseq, Kind: t.kind, Code: int(t.code), Answer: a.phrase(t),
		NewReg: t.newReg, Expires: int(max(0, t.expires)), Hops: []Hop{}}
	begin := t.attempts[0].msgs[0]
	for _, at := range t.attempts {
		out.Attempts += a.requests(at)
		for _, m := range at.msgs {
			if a.steady(m) < a.steady(begin) {
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
	if t.gap != 0 {
		out.GapS = floats(&t.gap)
	}
	if t.isLate() {
		out.LateByS = floats(t.late)
	}
	c, e := t.peers(a)
	if c != nil {
		out.C = c.name
	}
	if e != nil {
		out.E = e.name
	}
	return out
}

// hops are the messages of a transaction; what E sent and C received is one.
func (a *analysis) hops(t *txn) []Hop {
	var msgs []*message
	for _, at := range t.attempts {
		msgs = append(msgs, at.msgs...)
	}
	slices.SortStableFunc(msgs, func(x, y *message) int {
		return first(compare(a.steady(x), a.steady(y)), compare(a.stage(x), a.stage(y)))
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
		s := a.stage(m)
		from, to := a.ends(m, s)
		h := Hop{Time: m.time(), From: from, To: to, What: a.label(m), Proofs: []Proof{a.proof(m, a.label(m))}}
		if s == outOfE || s == outOfC {
			if o := a.received(msgs[i+1:], m, s+1, done); o != nil {
				done[o] = true
				h.To = a.texts.of(o.host)
				h.Proofs = append(h.Proofs, a.proof(o, a.label(o)))
			}
		}
		k := key{m.is(isRequest), m.code, m.cseq}
		if b := before[k]; b != nil && a.agree(b.host, m.host) {
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
func (a *analysis) received(in []*message, m *message, s stage, done map[*message]bool) *message {
	for _, o := range in {
		if !done[o] && a.stage(o) == s && o.cseq == m.cseq && o.code == m.code && (o.branch == m.branch || o.branch == 0 || m.branch == 0) {
			return o
		}
	}
	return nil
}

// ends are the neighbours between which a message passed.
func (a *analysis) ends(m *message, s stage) (from, to string) {
	self, far := a.texts.of(m.host), a.texts.end(m.far).Addr().String()
	if !a.texts.end(m.far).IsValid() {
		far = ""
	}
	if name := a.own[m.far]; name != "" {
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

func (a *analysis) label(m *message) string {
	if m.is(isRequest) {
		return "REGISTER"
	}
	s := fmt.Sprint(m.code)
	if m.phrase != 0 {
		s += " " + a.texts.of(m.phrase)
	}
	return s
}
