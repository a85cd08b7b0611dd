package registration

import (
	"cmp"
	"fmt"
	"slices"

	"rtmtgrab/internal/registration/hear"
	"rtmtgrab/internal/registration/logs"
	"rtmtgrab/internal/registration/phone"
	"rtmtgrab/internal/registration/wire"
)

// writeHops writes the transactions of every phone, and returns how many are not shown
// message by message: they are as far as the budget of messages goes, first around what happened
// to affected phones, then the rest of theirs, then the others'.
func writeHops(w *wire.Wire, h *hear.Heard, all []told, budget int) (hidden int) {
	shown := map[*wire.Txn]bool{}
	take := func(t *wire.Txn) {
		n := 0
		for _, at := range t.Attempts {
			n += len(at.Messages)
		}
		if !shown[t] && n <= min(budget, maxShown) {
			shown[t], budget = true, budget-n
		}
	}
	for _, p := range all {
		for i, t := range p.Txns {
			if slices.Contains(p.Keys, t) {
				for _, o := range p.Txns[max(0, i-4):min(len(p.Txns), i+5)] {
					take(o)
				}
			}
		}
	}
	for _, p := range all {
		for i := range p.Txns {
			take(p.Txns[len(p.Txns)-1-i])
		}
	}
	listed := listedOf(all)
	for i := range all {
		hidden += all[i].list(w, h, listed, shown)
	}
	return hidden
}

// list writes the phone's transactions, as far as they are listed (nil: all), and returns of
// how many the messages are not shown.
func (t *told) list(w *wire.Wire, h *hear.Heard, listed, shown map[*wire.Txn]bool) (hidden int) {
	timed := timesOf(t.Phone)
	for _, x := range t.Txns {
		if listed != nil && !listed[x] {
			t.out.MoreTransactions++
			continue
		}
		out := transaction(w, x, timed[x])
		out.AtCUCM = t.atCUCM(h, x)
		if shown[x] {
			out.Hops = t.withCUCM(h, x, hops(w, x))
		} else {
			hidden++
		}
		t.out.Transactions = append(t.out.Transactions, out)
	}
	return hidden
}

// timesOf are the lapses that end with the phone's transactions.
func timesOf(p *phone.Phone) map[*wire.Txn]phone.Lapse {
	out := map[*wire.Txn]phone.Lapse{}
	for _, c := range p.Chains {
		for i, t := range c.Txns {
			if c.Prev[i] != nil && t.Keeps() {
				out[t] = c.Lapse(i)
			}
		}
	}
	return out
}

func transaction(w *wire.Wire, t *wire.Txn, l phone.Lapse) Transaction {
	out := Transaction{CallID: w.Texts.Of(t.Timeline.Call), CUCM: w.Texts.Of(t.Timeline.To), CSeq: t.Last.Messages[0].CSeq, Kind: t.Kind, Code: int(t.Code), Answer: t.Phrase(w),
		NewReg: t.Marks.NewReg, Expires: int(max(0, t.Expires)), Hops: []Hop{}}
	begin := t.Attempts[0].Messages[0]
	for _, at := range t.Attempts {
		out.Attempts += at.Requests(w.Logs)
		for _, m := range at.Messages {
			if w.Steady(m) < w.Steady(begin) {
				begin = m
			}
		}
		if at.Challenged() && at.Answer.Is(logs.HasBody) {
			out.Challenge = "digest"
			if at.Answer.Is(logs.Bearer) {
				out.Challenge = "bearer"
			}
		}
	}
	out.At = begin.Time()
	if l.From != nil {
		gap := t.Begun - l.From.OK
		out.GapS = floats(&gap)
		if l.Cadence > 0 && l.SteadyKind() && l.First() == t {
			if out.LateByS = floats(l.Late()); out.LateByS != nil || t.Marks.NewReg {
				out.Due = stamp(l.From.OK + l.Cadence)
			}
		}
	}
	c, e := t.Peers(w.Logs)
	if c != nil {
		out.C = c.Name
	}
	if e != nil {
		out.E = e.Name
	}
	return out
}

// hops are the messages of a transaction; what E sent and C received is one.
func hops(w *wire.Wire, t *wire.Txn) []Hop {
	var msgs []*logs.Message
	for _, at := range t.Attempts {
		msgs = append(msgs, at.Messages...)
	}
	slices.SortStableFunc(msgs, func(x, y *logs.Message) int {
		return cmp.Or(cmp.Compare(w.Steady(x), w.Steady(y)), cmp.Compare(w.Stage(x), w.Stage(y)))
	})
	out := []Hop{}
	done := map[*logs.Message]bool{}
	type key struct {
		request bool
		code    uint16
		cseq    uint32
	}
	before := map[key]*logs.Message{}
	for i, m := range msgs {
		if done[m] {
			continue
		}
		done[m] = true
		s := w.Stage(m)
		from, to := ends(w, m, s)
		h := Hop{Time: m.Time(), From: from, To: to, What: label(w, m), Proofs: []Proof{proofOf(w, m.Shows(label(w, m)))}}
		if s == logs.OutOfE || s == logs.OutOfC {
			if o := received(w, msgs[i+1:], m, s+1, done); o != nil {
				done[o] = true
				h.To = w.Texts.Of(o.Host)
				h.Proofs = append(h.Proofs, proofOf(w, o.Shows(label(w, o))))
			}
		}
		k := key{m.Is(logs.Request), m.Code, m.CSeq}
		if b := before[k]; b != nil && w.Agree(b.Host, m.Host) {
			d := m.At - b.At
			h.DelayMS = floats(&d)
			*h.DelayMS *= 1e3
		}
		before[k] = m
		out = append(out, h)
	}
	return out
}

// received finds the record of the peer that received what another sent.
func received(w *wire.Wire, in []*logs.Message, m *logs.Message, s logs.Stage, done map[*logs.Message]bool) *logs.Message {
	for _, o := range in {
		if !done[o] && w.Stage(o) == s && o.CSeq == m.CSeq && o.Code == m.Code && (o.Branch == m.Branch || o.Branch == 0 || m.Branch == 0) {
			return o
		}
	}
	return nil
}

// ends are the neighbours between which a message passed.
func ends(w *wire.Wire, m *logs.Message, s logs.Stage) (from, to string) {
	self, far := w.Texts.Of(m.Host), w.Texts.AddrPort(m.Far).Addr().String()
	if !w.Texts.AddrPort(m.Far).IsValid() {
		far = ""
	}
	if name := w.Own[m.Far]; name != "" {
		far = name
	}
	switch s {
	case logs.PhoneToE:
		return AtPhone, self
	case logs.EToPhone:
		return self, AtPhone
	case logs.ToCUCM:
		return self, AtCUCM
	case logs.FromCUCM:
		return AtCUCM, self
	case logs.IntoC, logs.IntoE:
		return far, self
	}
	if m.Is(logs.Sent) {
		return self, far
	}
	return far, self
}

func label(w *wire.Wire, m *logs.Message) string {
	if m.Is(logs.Request) {
		return "REGISTER"
	}
	s := fmt.Sprint(m.Code)
	if m.Phrase != 0 {
		s += " " + w.Texts.Of(m.Phrase)
	}
	return s
}

// maxShown is from how many messages on a transaction is not shown one by one: it loops.
const maxShown = 1000
