package registration

import (
	"slices"
	"time"

	"rtmtgrab/internal/registration/logs"
)

// sideLines are the timelines by which the phone registered its other numbers one by one,
// right after a new registration under another Call-ID.
func sideLines(p *phone) map[*timeline]bool {
	out := map[*timeline]bool{}
	for _, l := range p.lines {
		i := slices.IndexFunc(l.txns, (*txn).good)
		if i < 0 || len(l.txns) > 1 || l.txns[i].kind != KindKeepAlive || !l.txns[i].marks.newReg {
			continue
		}
		t := l.txns[i]
		for _, o := range p.txns {
			if o.line != l && o.line.to == l.to && o.user() != t.user() && o.good() && (o.marks.newReg || o.kind == KindFull) && o.sent < t.sent && t.sent-o.sent <= oneByOne*int64(max(1, len(p.numbers)-1)) {
				out[l] = true
			}
		}
	}
	return out
}

// registersOneByOne reports whether the phone registered its other numbers, each by a
// REGISTER of its own, at or after the one that CUCM took for a new registration.
func registersOneByOne(p *phone, c *chain) bool {
	t := c.tale.came
	mine := t.user()
	others := map[logs.Text]bool{}
	for _, o := range p.txns {
		if n := o.user(); n != mine && n != 0 {
			others[n] = others[n] || o.good() && o.line.to == t.line.to && o.sent >= t.sent-oneByOne*int64(max(1, len(p.numbers)-1))
		}
	}
	for _, seen := range others {
		if !seen {
			return false
		}
	}
	return len(others) > 0 && len(others) >= len(p.numbers)-1
}

// oneByOne is how soon a phone registers its next number.
const oneByOne = int64(time.Second)
