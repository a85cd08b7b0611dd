package phone

import (
	"slices"
	"time"

	"rtmtgrab/internal/registration/logs"
	"rtmtgrab/internal/registration/wire"
)

// sideLines are the timelines by which the phone registered its other numbers one by one,
// right after a new registration under another Call-ID.
func sideLines(p *Phone) map[*wire.Timeline]bool {
	out := map[*wire.Timeline]bool{}
	for _, l := range p.timelines {
		i := slices.IndexFunc(l.Txns, (*wire.Txn).Good)
		if i < 0 || len(l.Txns) > 1 || l.Txns[i].Kind != wire.KindKeepAlive || !l.Txns[i].Marks.NewReg {
			continue
		}
		t := l.Txns[i]
		for _, o := range p.Txns {
			if o.Timeline != l && o.Timeline.To == l.To && o.User() != t.User() && o.Good() && (o.Marks.NewReg || o.Kind == wire.KindFull) && o.Sent < t.Sent && t.Sent-o.Sent <= oneByOne*int64(max(1, len(p.Numbers)-1)) {
				out[l] = true
			}
		}
	}
	return out
}

// RegistersOneByOne reports whether the phone registered its other numbers, each by a
// REGISTER of its own, at or after the one that CUCM took for a new registration.
func RegistersOneByOne(p *Phone, c *Chain) bool {
	t := c.History.Came
	mine := t.User()
	others := map[logs.Text]bool{}
	for _, o := range p.Txns {
		if n := o.User(); n != mine && n != 0 {
			others[n] = others[n] || o.Good() && o.Timeline.To == t.Timeline.To && o.Sent >= t.Sent-oneByOne*int64(max(1, len(p.Numbers)-1))
		}
	}
	for _, seen := range others {
		if !seen {
			return false
		}
	}
	return len(others) > 0 && len(others) >= len(p.Numbers)-1
}

// oneByOne is how soon a phone registers its next number.
const oneByOne = int64(time.Second)
