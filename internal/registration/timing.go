package registration

import (
	"slices"
	"time"

	"rtmtgrab/internal/evidence"
)

// A lapse is the stretch from a success to the REGISTER by which a phone came back, or
// kept its registration: every try in between, judged by the first.
type lapse struct {
	chain   *chain
	from    *txn // nil: it is not in the logs
	to      *txn
	tries   []*txn // the REGISTERs after from, up to and including to, in time order
	cadence int64  // 0: not known
}

// lapse is the one that ends with the REGISTER of that index.
func (c *chain) lapse(i int) lapse {
	l := lapse{chain: c, to: c.txns[i], from: c.prev[i], cadence: c.pace[i]}
	if l.from == nil {
		l.tries = []*txn{l.to}
		return l
	}
	j := i
	for ; j > 0 && c.txns[j-1] != l.from; j-- {
	}
	for _, t := range c.txns[j : i+1] {
		if t.keeps() {
			l.tries = append(l.tries, t)
		}
	}
	return l
}

// lapseTo is the one that ends with a REGISTER of the chain.
func (c *chain) lapseTo(t *txn) lapse { return c.lapse(slices.Index(c.txns, t)) }

// first is the first attempt since the success.
func (l lapse) first() *txn { return l.tries[0] }

// gap is from the success to the first attempt at C's Sent, or where it was seen
// nearest to that. 0: there is no success before it.
func (l lapse) gap() int64 {
	if l.from == nil {
		return 0
	}
	return l.first().begun - l.from.ok
}

// tolerated is by how much a cadence may vary before anything is called late.
func tolerated(cadence int64) int64 { return max(int64(2*time.Second), cadence/25) }

// beyondExpires is how much later than CUCM allowed the first attempt was sent; nil: not
// known.
func (l lapse) beyondExpires() *int64 {
	if l.from == nil || l.from.expires <= 0 || l.gap() == 0 {
		return nil
	}
	d := l.gap() - int64(l.from.expires)*int64(time.Second)
	return &d
}

// late is by how much the first attempt came beyond the phone's own cadence, if that
// matters: a REGISTER within Expires is in time, whatever the cadence was before. Where
// Expires is not known, a sixth of the cadence is what CUCM waits at least. nil: it was
// in time, or that is not known.
func (l lapse) late() *int64 {
	gap := l.gap()
	if gap == 0 || l.cadence == 0 || !l.steadyKind() {
		return nil
	}
	late := gap - l.cadence
	if late <= 0 {
		return nil
	}
	beyond := l.beyondExpires()
	switch {
	case beyond != nil && *beyond <= 0:
		return nil
	case beyond != nil && !l.to.marks.newReg && *beyond <= tolerated(l.cadence):
		return nil
	case beyond == nil && late <= l.cadence*16/100:
		return nil
	}
	return &late
}

// hole is what the logs are known to lack of the lapse, of a C or an E, if a REGISTER may
// have stood there; nil: nothing.
func (l lapse) hole(w *wire) *evidence.Span {
	if l.from == nil || !missable(l.chain, slices.Index(l.chain.txns, l.to), l.gap()) {
		return nil
	}
	if h := w.missing("C", l.from.ok, l.to.sent); h != nil {
		return h
	}
	return w.missing("E", l.from.ok, l.to.sent)
}

// steadyKind reports whether the lapse is one between keep-alives of one registration.
func (l lapse) steadyKind() bool {
	f := l.first()
	return l.from != nil && f.line.to == l.from.line.to && (f.kind == KindKeepAlive || f.kind == KindRegister)
}

// grace is how long CUCM waits beyond Expires.
func (l *logs) grace(expires int32) int64 {
	if l.Grace > 0 {
		return int64(l.Grace)
	}
	return int64(expires) * int64(time.Second) / 8
}

// beyondGrace is beyondExpires less what CUCM waits.
func beyondGrace(w *wire, l lapse) *int64 {
	d := l.beyondExpires()
	if d == nil {
		return nil
	}
	g := *d - w.grace(l.from.expires)
	return &g
}

// atCUCM is how long CUCM's first answer to the REGISTER took; 0: not known.
func (t *txn) atCUCM() int64 {
	if m := t.last.at[toCUCM]; m != nil && t.last.reply != nil && t.last.reply.host == m.host {
		return t.last.reply.at - m.at
	}
	return 0
}

// slow is from when on an answer of CUCM is a delay.
const slow = int64(2 * time.Second)

// worst is the lapse of the chain that was latest; nil: all were in time.
func (c *chain) worst() *lapse {
	var worst *lapse
	for i, t := range c.txns {
		if !t.keeps() || c.prev[i] == nil || i > 0 && c.prev[i] != c.txns[i-1] && !t.good() {
			continue
		}
		l := c.lapse(i)
		if d := l.late(); d != nil && (worst == nil || *d > *worst.late()) {
			worst = &l
		}
	}
	return worst
}
