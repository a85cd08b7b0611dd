package registration

import (
	"slices"
	"time"
)

// measure finds how long after the success before it each REGISTER was sent on, and how
// much that is beyond the phone's own cadence.
func (c *chain) measure() {
	var prev *txn
	for _, t := range c.txns {
		t.prev = prev
		if prev != nil && t.keeps() {
			t.gap = t.sent - prev.ok
		}
		switch {
		case t.good():
			prev = t
		case t.kind == KindUnregister:
			prev = nil
		}
	}
	for i, t := range c.txns {
		if !t.steady() {
			continue
		}
		if t.cadence = c.cadence(i); t.cadence > 0 {
			late := t.gap - t.cadence
			t.late = &late
		}
	}
}

// steady reports whether the gap before the transaction is one of the phone's cadence:
// it keeps a registration of the same node, as far as is known.
func (t *txn) steady() bool {
	return t.prev != nil && t.gap > 0 && t.line == t.prev.line && (t.kind == KindKeepAlive || t.kind == KindRegister)
}

// enough gaps tell a cadence.
const enough = 31

// cadence is the phone's own at the transaction of that index: the median of its gaps
// before, or of those after if there are none. 0: it is not known.
func (c *chain) cadence(i int) int64 {
	var gaps []int64
	add := func(o *txn) bool {
		if o.steady() && !o.newReg && (i == len(c.txns) || o.line.to == c.txns[i].line.to) {
			gaps = append(gaps, o.gap)
		}
		return len(gaps) < enough
	}
	for j := i - 1; j >= 0 && add(c.txns[j]); j-- {
	}
	if len(gaps) == 0 {
		for j := i + 1; j < len(c.txns) && add(c.txns[j]); j++ {
		}
	}
	if len(gaps) == 0 {
		return 0
	}
	return median(gaps)
}

// tolerated is by how much a cadence may vary before anything is called late.
func tolerated(cadence int64) int64 { return max(int64(2*time.Second), cadence/25) }

// isLate reports whether the REGISTER came beyond the phone's cadence.
func (t *txn) isLate() bool { return t.late != nil && *t.late > tolerated(t.cadence) }

// beyondExpires is how much later than CUCM allowed it was sent; nil: not known.
func (t *txn) beyondExpires() *int64 {
	if t.prev == nil || t.prev.expires <= 0 || t.gap == 0 {
		return nil
	}
	d := t.gap - int64(t.prev.expires)*int64(time.Second)
	return &d
}

// grace is how long CUCM waits beyond Expires.
func (a *analysis) grace(expires int32) int64 {
	if a.Grace > 0 {
		return int64(a.Grace)
	}
	return int64(expires) * int64(time.Second) / 8
}

func (a *analysis) beyondGrace(t *txn) *int64 {
	d := t.beyondExpires()
	if d == nil {
		return nil
	}
	g := *d - a.grace(t.prev.expires)
	return &g
}

// atCUCM is how long CUCM's first answer took.
func (t *txn) atCUCM() int64 {
	if m := t.last.at[toCUCM]; m != nil && t.last.first != nil {
		return t.last.first.at - m.at
	}
	return 0
}

// slow is from when on an answer of CUCM is a delay.
const slow = int64(2 * time.Second)

// lateAt says where a late REGISTER lost its time, and how that is known. Each peer's
// gaps are compared with its own, so that its clock does not matter.
func (a *analysis) lateAt(c *chain, t *txn) (where, why string) {
	if t.prev == nil {
		return "", ""
	}
	if d := t.atCUCM(); d > slow && !t.isLate() {
		return "between C and CUCM", "C sent it in time, and CUCM's first answer came after " + seconds(d)
	}
	if !t.isLate() || !t.exact {
		return "", ""
	}
	part := *t.late * 4 / 5
	date := func(t *txn) (int64, bool) { d := t.date(); return d * int64(time.Second), d != 0 }
	seen := func(s stage) func(*txn) (int64, bool) {
		return func(t *txn) (int64, bool) {
			if m := t.last.at[s]; m != nil {
				return m.at, true
			}
			return 0, false
		}
	}
	byPhone, dated := c.beyond(t, date)
	byE, atE := c.beyond(t, seen(phoneToE))
	byC, atC := c.beyond(t, seen(intoC))
	switch {
	case dated && byPhone+int64(time.Second) >= part:
		return "before E", "the phone itself sent it late, by its Date header"
	case atE && byE >= part && dated:
		return "before E", "the phone had sent it in time, by its Date header, and Expressway-E received it late"
	case atE && byE >= part:
		return "", "Expressway-E received it late; whether the phone sent it late cannot be told without its Date header or its problem report"
	case atC && byC < part:
		return "in C", "Expressway-C received it in time and sent it on late"
	case atE && atC:
		return "between E and C", "Expressway-E received it in time, Expressway-C late"
	case dated && atC:
		return "", "the phone had sent it in time, by its Date header, and Expressway-C received it late; Expressway-E's log would show where it was"
	}
	return "", ""
}

// beyond is by how much the gap before t is longer than the phone's others, at some point
// of the way.
func (c *chain) beyond(t *txn, at func(*txn) (int64, bool)) (int64, bool) {
	to, ok := at(t)
	from, before := at(t.prev)
	if !ok || !before {
		return 0, false
	}
	var others []int64
	for _, o := range c.txns {
		if o == t || !o.steady() || o.isLate() || o.newReg {
			continue
		}
		x, ok1 := at(o)
		y, ok2 := at(o.prev)
		if ok1 && ok2 {
			others = append(others, x-y)
		}
	}
	if len(others) == 0 {
		return 0, false
	}
	return to - from - median(others), true
}

// date is the phone's own clock when it sent the REGISTER, in seconds; 0: not logged.
func (t *txn) date() int64 {
	i := slices.IndexFunc(t.last.msgs, func(m *message) bool { return m.date != 0 })
	if i < 0 {
		return 0
	}
	return t.last.msgs[i].date
}
