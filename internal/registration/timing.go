package registration

import (
	"slices"
	"time"

	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/registration/wire"
)

// A lapse is the stretch from a success to the REGISTER by which a phone came back, or
// kept its registration: every try in between, judged by the first.
type lapse struct {
	chain   *chain
	from    *wire.Txn // nil: it is not in the logs
	to      *wire.Txn
	at      int   // index of to
	cadence int64 // 0: not known
}

// lapse is the one that ends with the REGISTER of that index.
func (c *chain) lapse(i int) lapse {
	return lapse{chain: c, from: c.prev[i], to: c.txns[i], at: i, cadence: c.pace[i]}
}

// lapseTo is the one that ends with a REGISTER of the chain.
func (c *chain) lapseTo(t *wire.Txn) lapse { return c.lapse(slices.Index(c.txns, t)) }

// tries are the REGISTERs after from, up to and including to, as C sent them.
func (l lapse) tries() []*wire.Txn {
	if l.from == nil {
		return []*wire.Txn{l.to}
	}
	var out []*wire.Txn
	for _, t := range l.chain.txns[l.chain.from[l.at] : l.at+1] {
		if t.Keeps() {
			out = append(out, t)
		}
	}
	return out
}

// overtakers is how many REGISTERs may overtake one that is held up.
const overtakers = 4

// first is the first attempt since the success: as the phone sent them, for one that was
// held up on its way may have been overtaken.
func (l lapse) first() *wire.Txn {
	if l.from == nil {
		return l.to
	}
	c := l.chain
	var first *wire.Txn
	for j, n := c.from[l.at], 0; j < len(c.txns) && n < overtakers; j++ {
		t := c.txns[j]
		if j > l.at && (t.Attempts[0].Begin > l.to.Attempts[0].Begin || t.Timeline != l.to.Timeline) {
			break
		}
		if t.Keeps() {
			n++
			if first == nil || t.Timeline == first.Timeline && t.Attempts[0].Begin < first.Attempts[0].Begin {
				first = t
			}
		}
	}
	if first == nil {
		return l.to
	}
	return first
}

// gap is from the success to the first attempt at C's Sent, or where it was seen
// nearest to that. 0: there is no success before it, or of the attempt only the answer,
// or the two overlap.
func (l lapse) gap() int64 {
	f := l.first()
	if l.from == nil || !f.Marks.Asked {
		return 0
	}
	return max(0, f.Begun-l.from.OK)
}

// tolerated is by how much a cadence may vary before anything is called late.
func tolerated(cadence int64) int64 { return max(int64(2*time.Second), cadence/25) }

// beyondExpires is how much later than CUCM allowed the first attempt was sent; nil: not
// known.
func (l lapse) beyondExpires() *int64 {
	if l.from == nil || l.from.Expires <= 0 || l.gap() == 0 {
		return nil
	}
	d := l.gap() - int64(l.from.Expires)*int64(time.Second)
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
	case beyond != nil && !l.to.Marks.NewReg && *beyond <= tolerated(l.cadence):
		return nil
	case beyond == nil && late <= l.cadence*16/100:
		return nil
	}
	return &late
}

// hole is what the logs are known to lack of the lapse, of a C or an E; nil: nothing.
// Nothing is called late then.
func (l lapse) hole(w *wire.Wire) *evidence.Span {
	if l.from == nil {
		return nil
	}
	if h := w.Missing("C", l.from.OK, l.to.Sent); h != nil {
		return h
	}
	return w.Missing("E", l.from.OK, l.to.Sent)
}

// hidden reports whether a REGISTER may have stood in a hole: the gap is longer than the
// phone's cadence.
func (l lapse) hidden() bool {
	return l.from != nil && missable(l.chain, l.at, l.first().Begun-l.from.OK)
}

// steadyKind reports whether the lapse is one between keep-alives of one registration.
func (l lapse) steadyKind() bool {
	f := l.first()
	return l.from != nil && f.Timeline.To == l.from.Timeline.To && (f.Kind == wire.KindKeepAlive || f.Kind == wire.KindRegister)
}

// grace is how long CUCM waits beyond the Expires that it granted before the lapse.
func (l lapse) grace() int64 { return l.chain.grace(l.from.Expires) }

// beyondGrace is beyondExpires less what CUCM waits.
func (l lapse) beyondGrace() *int64 {
	d := l.beyondExpires()
	if d == nil {
		return nil
	}
	g := *d - l.grace()
	return &g
}

// worst is the lapse of the chain that was latest; nil: all were in time.
func (c *chain) worst() *lapse {
	var worst *lapse
	for i, t := range c.txns {
		if !t.Keeps() || c.prev[i] == nil || i > 0 && c.prev[i] != c.txns[i-1] && !t.Good() {
			continue
		}
		l := c.lapse(i)
		if d := l.late(); d != nil && (worst == nil || *d > *worst.late()) {
			worst = &l
		}
	}
	return worst
}

// failed are the tries without success.
func (l lapse) failed() []*wire.Txn {
	var out []*wire.Txn
	for _, t := range l.tries() {
		if !t.Good() {
			out = append(out, t)
		}
	}
	return out
}

// unsure is how exactly the time of a shift of clocks is known: to a keep-alive and more.
const unsure = int64(200 * time.Second)

// shaken is a shift of clocks within the lapse that cannot be attributed; nil: none.
func (l lapse) shaken(w *wire.Wire) *wire.Shift {
	c, e := l.to.Peers(w.Logs)
	for i := range w.Clocks.Shifts {
		s := &w.Clocks.Shifts[i]
		if (s.C == c || s.E == e) && l.from != nil && s.At > l.from.OK-unsure && s.At < l.to.Sent+unsure {
			return s
		}
	}
	return nil
}
