package phone

import (
	"slices"
	"time"

	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/registration/wire"
)

// A Lapse is the stretch from a success to the REGISTER by which a phone came back, or
// kept its registration: every try in between, judged by the first.
type Lapse struct {
	Chain   *Chain
	From    *wire.Txn // the success; nil: it is not in the logs
	To      *wire.Txn
	Cadence int64 // the phone's own, in ns; 0: not known
	at      int   // index of To in the chain
}

// Lapse is the one that ends with the REGISTER of that index.
func (c *Chain) Lapse(i int) Lapse {
	return Lapse{Chain: c, From: c.Prev[i], To: c.Txns[i], at: i, Cadence: c.pace[i]}
}

// LapseTo is the one that ends with a REGISTER of the chain.
func (c *Chain) LapseTo(t *wire.Txn) Lapse { return c.Lapse(slices.Index(c.Txns, t)) }

// tries are the REGISTERs after from, up to and including to, as C sent them.
func (l Lapse) tries() []*wire.Txn {
	if l.From == nil {
		return []*wire.Txn{l.To}
	}
	var out []*wire.Txn
	for _, t := range l.Chain.Txns[l.Chain.from[l.at] : l.at+1] {
		if t.Keeps() {
			out = append(out, t)
		}
	}
	return out
}

// overtakers is how many REGISTERs may overtake one that is held up.
const overtakers = 4

// First is the first attempt since the success: as the phone sent them, for one that was
// held up on its way may have been overtaken.
func (l Lapse) First() *wire.Txn {
	if l.From == nil {
		return l.To
	}
	c := l.Chain
	var first *wire.Txn
	for j, n := c.from[l.at], 0; j < len(c.Txns) && n < overtakers; j++ {
		t := c.Txns[j]
		if j > l.at && (t.Attempts[0].Begin > l.To.Attempts[0].Begin || t.Timeline != l.To.Timeline) {
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
		return l.To
	}
	return first
}

// Gap is how long it was, in ns, from the success to the first attempt at C's Sent, or where
// it was seen nearest to that. 0: there is no success before it, or of the attempt only the
// answer, or the two overlap.
func (l Lapse) Gap() int64 {
	f := l.First()
	if l.From == nil || !f.Marks.Asked {
		return 0
	}
	return max(0, f.Begun-l.From.OK)
}

// Tolerated is by how much a cadence may vary before anything is called late, in ns.
func Tolerated(cadence int64) int64 { return max(int64(2*time.Second), cadence/25) }

// BeyondExpires is how much later, in ns, than CUCM allowed the first attempt was sent; below
// 0: it was in time; nil: not known.
func (l Lapse) BeyondExpires() *int64 {
	if l.From == nil || l.From.Expires <= 0 || l.Gap() == 0 {
		return nil
	}
	d := l.Gap() - int64(l.From.Expires)*int64(time.Second)
	return &d
}

// Late is by how much, in ns, the first attempt came beyond the phone's own cadence, if that
// matters: a REGISTER within Expires is in time, whatever the cadence was before. Where
// Expires is not known, a sixth of the cadence is what CUCM waits at least, and a gap that
// comes again is another cadence. nil: it was in time, or that is not known.
func (l Lapse) Late() *int64 {
	gap := l.Gap()
	if gap == 0 || l.Cadence == 0 || !l.SteadyKind() {
		return nil
	}
	late := gap - l.Cadence
	if late <= 0 {
		return nil
	}
	beyond := l.BeyondExpires()
	switch {
	case beyond != nil && *beyond <= 0:
		return nil
	case beyond != nil && !l.To.Marks.NewReg && *beyond <= Tolerated(l.Cadence):
		return nil
	case beyond == nil && (late <= l.Cadence*16/100 || l.goesOn()):
		return nil
	}
	return &late
}

// goesOn reports whether the success after the lapse came after no shorter a gap: then it is
// the phone's cadence from there on, or was before it was disturbed.
func (l Lapse) goesOn() bool {
	c := l.Chain
	for j := l.at + 1; j < len(c.Txns); j++ {
		if c.Regular(j) && c.Txns[j].Timeline == l.To.Timeline {
			return c.Gap[j] >= l.Gap()-Tolerated(l.Gap())
		}
	}
	return false
}

// Hole is what the logs are known to lack of the lapse, of a C or an E; nil: nothing.
// Nothing is called late then.
func (l Lapse) Hole(w *wire.Wire) *evidence.Span {
	if l.From == nil {
		return nil
	}
	if h := w.Missing("C", l.From.OK, l.To.Sent); h != nil {
		return h
	}
	return w.Missing("E", l.From.OK, l.To.Sent)
}

// Hidden reports whether a REGISTER may have stood in a hole: the gap is longer than the
// phone's cadence.
func (l Lapse) Hidden() bool {
	return l.From != nil && missable(l.Chain, l.at, l.First().Begun-l.From.OK)
}

// SteadyKind reports whether the lapse is one between keep-alives of one registration.
func (l Lapse) SteadyKind() bool {
	f := l.First()
	return l.From != nil && f.Timeline.To == l.From.Timeline.To && (f.Kind == wire.KindKeepAlive || f.Kind == wire.KindRegister)
}

// Grace is how long, in ns, CUCM waits beyond the Expires that it granted before the lapse.
func (l Lapse) Grace() int64 { return l.Chain.grace(l.From.Expires) }

// BeyondGrace is BeyondExpires less what CUCM waits.
func (l Lapse) BeyondGrace() *int64 {
	d := l.BeyondExpires()
	if d == nil {
		return nil
	}
	g := *d - l.Grace()
	return &g
}

// Worst is the lapse of the chain that was latest; nil: all were in time.
func (c *Chain) Worst() *Lapse {
	var worst *Lapse
	for i, t := range c.Txns {
		if !t.Keeps() || c.Prev[i] == nil || i > 0 && c.Prev[i] != c.Txns[i-1] && !t.Good() {
			continue
		}
		l := c.Lapse(i)
		if d := l.Late(); d != nil && (worst == nil || *d > *worst.Late()) {
			worst = &l
		}
	}
	return worst
}

// Failed are the tries without success.
func (l Lapse) Failed() []*wire.Txn {
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

// Shifted is a shift of clocks within the lapse that cannot be attributed; nil: none.
func (l Lapse) Shifted(w *wire.Wire) *wire.Shift {
	c, e := l.To.Peers(w.Logs)
	for i := range w.Clocks.Shifts {
		s := &w.Clocks.Shifts[i]
		if (s.C == c || s.E == e) && l.From != nil && s.At > l.From.OK-unsure && s.At < l.To.Sent+unsure {
			return s
		}
	}
	return nil
}
