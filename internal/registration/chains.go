package registration

import (
	"cmp"
	"slices"
	"time"

	"rtmtgrab/internal/registration/logs"
	"rtmtgrab/internal/registration/wire"
)

// A chain is one registration of a phone: one Call-ID after the other. A phone with
// redundant paths has two at a time.
type chain struct {
	txns []*wire.Txn
	prev []*wire.Txn // by transaction: the success before it; nil: none is in the logs
	gap  []int64
	pace []int64 // the phone's own cadence at that transaction; 0: not known
	from []int   // the first transaction since that success
	tale tale
	wait time.Duration // of CUCM beyond Expires; zero: an eighth of Expires
}

// grace is how long CUCM waits beyond Expires before it drops the phone.
func (c *chain) grace(expires int32) int64 {
	if c.wait > 0 {
		return int64(c.wait)
	}
	return int64(expires) * int64(time.Second) / 8
}

// chainsOf puts timelines that follow one another together. A timeline is a chain of its
// own if the one before went on being answered after it had begun. Those of single
// numbers are left out.
func chainsOf(p *phone, single map[*wire.Timeline]bool, wait time.Duration) []*chain {
	lines := slices.DeleteFunc(slices.Clone(p.lines), func(l *wire.Timeline) bool {
		return single[l] || !slices.ContainsFunc(l.Txns, func(t *wire.Txn) bool { return t.Kind != wire.KindSecondary })
	})
	slices.SortStableFunc(lines, func(x, y *wire.Timeline) int { return cmp.Compare(x.Begins(), y.Begins()) })
	var out []*chain
	ends := map[*chain]*chainEnd{}
	for _, l := range lines {
		var of *chain
		for _, c := range out {
			if ends[c].before(l) {
				of = c
			}
		}
		if of == nil {
			of = &chain{wait: wait}
			out = append(out, of)
			ends[of] = &chainEnd{good: map[logs.Text]int64{}}
		}
		for _, t := range l.Txns {
			if t.Kind != wire.KindSecondary {
				of.txns = append(of.txns, t)
				ends[of].add(t)
			}
		}
	}
	for _, c := range out {
		slices.SortStableFunc(c.txns, wire.ByTime)
	}
	return out
}

// A chainEnd is how a chain in the making stands: its last successes.
type chainEnd struct {
	good    map[logs.Text]int64 // by node
	unknown int64               // of a REGISTER of unknown kind
	last    *wire.Txn           // the last success
	left    bool                // it unregistered since
}

func (e *chainEnd) add(t *wire.Txn) {
	switch {
	case t.Good():
		e.good[t.Timeline.To] = max(e.good[t.Timeline.To], t.Sent)
		if t.Kind == wire.KindRegister {
			e.unknown = max(e.unknown, t.Sent)
		}
		if e.last == nil || t.Sent > e.last.Sent {
			e.last, e.left = t, false
		}
	case t.Kind == wire.KindUnregister && t.Code/100 == 2 && (e.last == nil || t.Sent > e.last.Sent):
		e.left = true
	}
}

// together is how soon a phone with separate REGISTERs registers its next number.
const together = 5 * time.Second

// before reports whether a timeline takes the place of the chain: with the same node
// nothing of the chain succeeded after it had begun. Of two nodes only one has the
// phone, unless both go on; but without bodies one of two may be the secondary. Another
// number that registers at the same time is a line of its own.
func (e *chainEnd) before(l *wire.Timeline) bool {
	from, to, goes := int64(-1), int64(-1), false
	for _, t := range l.Txns {
		if t.Good() {
			if from < 0 {
				from = t.Sent
				goes = e.last != nil && !e.left && t.User() != e.last.User() && time.Duration(from-e.last.Sent).Abs() < together
			}
			to = t.Sent
		}
	}
	if from < 0 {
		return true
	}
	for node, last := range e.good {
		if last > from && (node == l.To || to > last) {
			return false
		}
	}
	return !goes && e.unknown <= from
}

// measure finds, for each REGISTER, the success before it, how long after that its first
// attempt was sent on, and the phone's own cadence.
func (c *chain) measure() {
	n := len(c.txns)
	c.prev, c.gap, c.pace, c.from = make([]*wire.Txn, n), make([]int64, n), make([]int64, n), make([]int, n)
	var prev *wire.Txn
	from := 0
	for i, t := range c.txns {
		c.prev[i], c.from[i] = prev, from
		if prev != nil && t.Keeps() {
			c.gap[i] = t.Begun - prev.OK
		}
		switch {
		case t.Good():
			prev, from = t, i+1
		case t.Kind == wire.KindUnregister:
			prev, from = nil, i+1
		}
	}
	for i := range c.txns {
		c.pace[i] = c.cadence(i)
	}
}

// regular reports whether the gap before a transaction is one of the phone's cadence: a
// successful keep-alive of the same registration at the first attempt.
func (c *chain) regular(i int) bool {
	t := c.txns[i]
	return i > 0 && c.prev[i] != nil && c.prev[i] == c.txns[i-1] && c.gap[i] > 0 && t.Good() && !t.Marks.NewReg &&
		t.Timeline == c.prev[i].Timeline && (t.Kind == wire.KindKeepAlive || t.Kind == wire.KindRegister)
}

const (
	enough   = 31  // gaps tell a cadence
	agreeing = 3   // of REGISTERs of unknown kind must agree
	farBack  = 200 // transactions are looked at for them
)

// cadence is the phone's own at the transaction of that index: the median of its gaps
// before, or of those after if there are none. 0: it is not known. REGISTERs of unknown
// kind may be full ones, or retries: of them three gaps must agree. Where CUCM grants
// another Expires the phone has another cadence.
func (c *chain) cadence(i int) int64 {
	var gaps []int64
	clear := true
	var granted int32
	if i < len(c.txns) && c.prev[i] != nil {
		granted = c.prev[i].Expires
	}
	add := func(j int) bool {
		if granted > 0 && c.gap[j] < int64(granted)*int64(time.Second)/2 {
			return true // no cadence: it was sent for another reason
		}
		same := granted <= 0 || c.prev[j] == nil || c.prev[j].Expires <= 0 || c.prev[j].Expires == granted
		if same && c.regular(j) && (i == len(c.txns) || c.txns[j].Timeline.To == c.txns[i].Timeline.To) {
			gaps = append(gaps, c.gap[j])
			clear = clear && c.txns[j].Kind == wire.KindKeepAlive
		}
		return len(gaps) < enough
	}
	for j := i - 1; j >= max(0, i-farBack) && add(j); j-- {
	}
	if len(gaps) == 0 {
		for j := i + 1; j < min(len(c.txns), i+farBack) && add(j); j++ {
		}
	}
	if len(gaps) == 0 {
		return 0
	}
	m := wire.Median(gaps)
	if !clear && (len(gaps) < agreeing || gaps[0] < m*4/5 || gaps[len(gaps)-1] > m*5/4) {
		return 0
	}
	return m
}

// near are the chain's answered REGISTERs around one, three before it and two after it,
// but for the first of the chain.
func (c *chain) near(t *wire.Txn) []*wire.Txn {
	i := slices.Index(c.txns, t)
	var out []*wire.Txn
	for j, n := i-1, 0; j >= 0 && n < 3; j-- {
		if c.txns[j].Good() && (j > 0 || c.txns[j].Kind == wire.KindKeepAlive) {
			out = append(out, c.txns[j])
			n++
		}
	}
	for j, n := i+1, 0; j < len(c.txns) && n < 2; j++ {
		if c.txns[j].Good() {
			out = append(out, c.txns[j])
			n++
		}
	}
	return out
}
