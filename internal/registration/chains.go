package registration

import "slices"

// A chain is one registration of a phone: one Call-ID after the other. A phone with
// redundant paths has two at a time.
type chain struct {
	txns []*txn
	prev []*txn // by transaction: the success before it; nil: none is in the logs
	gap  []int64
	pace []int64 // the phone's own cadence at that transaction; 0: not known
	tale tale
}

// chainsOf puts timelines that follow one another together. A timeline is a chain of its
// own if the one before went on being answered after it had begun. Those of single
// numbers are left out.
func chainsOf(p *phone, single map[*timeline]bool) []*chain {
	lines := slices.DeleteFunc(slices.Clone(p.lines), func(l *timeline) bool {
		return single[l] || !slices.ContainsFunc(l.txns, func(t *txn) bool { return t.kind != KindSecondary })
	})
	slices.SortStableFunc(lines, func(x, y *timeline) int { return compare(x.begins(), y.begins()) })
	var out []*chain
	for _, l := range lines {
		var of *chain
		for _, c := range out {
			if c.ended(l) {
				of = c
			}
		}
		if of == nil {
			of = &chain{}
			out = append(out, of)
		}
		for _, t := range l.txns {
			if t.kind != KindSecondary {
				of.txns = append(of.txns, t)
			}
		}
		slices.SortStableFunc(of.txns, byTime)
	}
	return out
}

// begins is when the timeline first tried to register.
func (l *timeline) begins() int64 {
	for _, t := range l.txns {
		if t.kind != KindSecondary {
			return t.sent
		}
	}
	return 0
}

// ended reports whether a timeline takes the place of the chain: with the same node
// nothing of the chain succeeded after it had begun. Of two nodes only one has the phone;
// but without bodies one of two may be the secondary.
func (c *chain) ended(l *timeline) bool {
	from := int64(-1)
	for _, t := range l.txns {
		if t.good() {
			from = t.sent
			break
		}
	}
	if from < 0 {
		return true
	}
	return !slices.ContainsFunc(c.txns, func(t *txn) bool {
		return (t.line.to == l.to || t.kind == KindRegister) && t.good() && t.sent > from
	})
}

// measure finds, for each REGISTER, the success before it, how long after that its first
// attempt was sent on, and the phone's own cadence.
func (c *chain) measure() {
	n := len(c.txns)
	c.prev, c.gap, c.pace = make([]*txn, n), make([]int64, n), make([]int64, n)
	var prev *txn
	for i, t := range c.txns {
		c.prev[i] = prev
		if prev != nil && t.keeps() {
			c.gap[i] = t.begun - prev.ok
		}
		switch {
		case t.good():
			prev = t
		case t.kind == KindUnregister:
			prev = nil
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
	return i > 0 && c.prev[i] != nil && c.prev[i] == c.txns[i-1] && c.gap[i] > 0 && t.good() && !t.marks.newReg &&
		t.line == c.prev[i].line && (t.kind == KindKeepAlive || t.kind == KindRegister)
}

// enough gaps tell a cadence.
const enough = 31

// cadence is the phone's own at the transaction of that index: the median of its gaps
// before, or of those after if there are none. 0: it is not known.
func (c *chain) cadence(i int) int64 {
	var gaps []int64
	add := func(j int) bool {
		if c.regular(j) && (i == len(c.txns) || c.txns[j].line.to == c.txns[i].line.to) {
			gaps = append(gaps, c.gap[j])
		}
		return len(gaps) < enough
	}
	for j := i - 1; j >= 0 && add(j); j-- {
	}
	if len(gaps) == 0 {
		for j := i + 1; j < len(c.txns) && add(j); j++ {
		}
	}
	if len(gaps) == 0 {
		return 0
	}
	return median(gaps)
}
