package phone

import (
	"cmp"
	"slices"
	"time"

	"rtmtgrab/internal/registration/logs"
	"rtmtgrab/internal/registration/wire"
)

// A Chain is one registration of a phone: one Call-ID after the other. A phone with
// redundant paths has two at a time.
type Chain struct {
	Txns    []*wire.Txn // by Sent, without keep-alives to a secondary CUCM
	Prev    []*wire.Txn // of each: the success before it; nil: none is in the logs
	Gap     []int64     // of each: ns from that success to the first attempt; 0: not known
	History History

	pace []int64       // of each: the phone's own cadence at that time, in ns; 0: not known
	from []int         // of each: the first transaction since that success
	wait time.Duration // of CUCM beyond Expires; zero: an eighth of Expires
}

// grace is how long, in ns, CUCM waits beyond Expires before it drops the phone.
func (c *Chain) grace(expires int32) int64 {
	if c.wait > 0 {
		return int64(c.wait)
	}
	return int64(expires) * int64(time.Second) / 8
}

// chainsOf puts timelines that follow one another together. A timeline is a chain of its
// own if the one before went on being answered after it had begun. Those of single
// numbers are left out.
func chainsOf(p *Phone, single map[*wire.Timeline]bool, wait time.Duration) []*Chain {
	lines := slices.DeleteFunc(slices.Clone(p.timelines), func(l *wire.Timeline) bool {
		return single[l] || !slices.ContainsFunc(l.Txns, func(t *wire.Txn) bool { return t.Kind != wire.KindSecondary })
	})
	slices.SortStableFunc(lines, func(x, y *wire.Timeline) int { return cmp.Compare(x.Begins(), y.Begins()) })
	var out []*Chain
	ends := map[*Chain]*chainEnd{}
	for _, l := range lines {
		var of *Chain
		for _, c := range out {
			if ends[c].before(l) {
				of = c
			}
		}
		if of == nil {
			of = &Chain{wait: wait}
			out = append(out, of)
			ends[of] = &chainEnd{good: map[logs.Text]int64{}}
		}
		for _, t := range l.Txns {
			if t.Kind != wire.KindSecondary {
				of.Txns = append(of.Txns, t)
				ends[of].add(t)
			}
		}
	}
	for _, c := range out {
		slices.SortStableFunc(c.Txns, wire.ByTime)
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
		return !e.beside(l)
	}
	for node, last := range e.good {
		if last > from && (node == l.To || to > last) {
			return false
		}
	}
	return !goes && e.unknown <= from
}

// beside reports whether a timeline without success is of another number than that of the chain,
// which goes on being answered meanwhile: another line of the phone, that fails.
func (e *chainEnd) beside(l *wire.Timeline) bool {
	begin := l.Begins()
	if e.last == nil || e.left || begin == 0 || e.last.Sent <= begin {
		return false
	}
	mine, other := e.last.User(), l.Txns[0].User()
	return mine != 0 && other != 0 && mine != other
}

// measure finds, for each REGISTER, the success before it, how long after that its first
// attempt was sent on, and the phone's own cadence.
func (c *Chain) measure() {
	n := len(c.Txns)
	c.Prev, c.Gap, c.pace, c.from = make([]*wire.Txn, n), make([]int64, n), make([]int64, n), make([]int, n)
	var prev *wire.Txn
	from := 0
	for i, t := range c.Txns {
		c.Prev[i], c.from[i] = prev, from
		if prev != nil && t.Keeps() {
			c.Gap[i] = t.Begun - prev.OK
		}
		switch {
		case t.Good():
			prev, from = t, i+1
		case t.Kind == wire.KindUnregister:
			prev, from = nil, i+1
		}
	}
	for i := range c.Txns {
		c.pace[i] = c.cadence(i)
	}
}

// Regular reports whether the gap before a transaction is one of the phone's cadence: a
// successful keep-alive of the same registration at the first attempt.
func (c *Chain) Regular(i int) bool {
	t := c.Txns[i]
	return i > 0 && c.Prev[i] != nil && c.Prev[i] == c.Txns[i-1] && c.Gap[i] > 0 && t.Good() && !t.Marks.NewReg &&
		t.Timeline == c.Prev[i].Timeline && (t.Kind == wire.KindKeepAlive || t.Kind == wire.KindRegister)
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
func (c *Chain) cadence(i int) int64 {
	var gaps []int64
	clear := true
	var granted int32
	if i < len(c.Txns) && c.Prev[i] != nil {
		granted = c.Prev[i].Expires
	}
	add := func(j int) bool {
		if granted > 0 && c.Gap[j] < int64(granted)*int64(time.Second)/2 {
			return true // no cadence: it was sent for another reason
		}
		same := granted <= 0 || c.Prev[j] == nil || c.Prev[j].Expires <= 0 || c.Prev[j].Expires == granted
		if same && c.Regular(j) && (i == len(c.Txns) || c.Txns[j].Timeline.To == c.Txns[i].Timeline.To) {
			gaps = append(gaps, c.Gap[j])
			clear = clear && c.Txns[j].Kind == wire.KindKeepAlive
		}
		return len(gaps) < enough
	}
	for j := i - 1; j >= max(0, i-farBack) && add(j); j-- {
	}
	if len(gaps) == 0 {
		for j := i + 1; j < min(len(c.Txns), i+farBack) && add(j); j++ {
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

// Near are the chain's answered REGISTERs around one, three before it and two after it,
// but for the first of the chain.
func (c *Chain) Near(t *wire.Txn) []*wire.Txn {
	i := slices.Index(c.Txns, t)
	var out []*wire.Txn
	for j, n := i-1, 0; j >= 0 && n < 3; j-- {
		if c.Txns[j].Good() && (j > 0 || c.Txns[j].Kind == wire.KindKeepAlive) {
			out = append(out, c.Txns[j])
			n++
		}
	}
	for j, n := i+1, 0; j < len(c.Txns) && n < 2; j++ {
		if c.Txns[j].Good() {
			out = append(out, c.Txns[j])
			n++
		}
	}
	return out
}
