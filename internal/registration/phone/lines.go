package phone

import (
	"math"
	"slices"
	"strings"
	"time"

	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/registration/logs"
	"rtmtgrab/internal/registration/wire"
)

// Lines is what the logs show of a phone's lines at one of its REGISTERs.
type Lines struct {
	More string // how it is known that it has more than one, a part of a sentence; empty: it is not
	// Sure: it had them at that time. Else nobody is seen to have changed them in between, by
	// a login or by the administration, but the logs may lack that.
	Sure bool
}

// LinesAt says how it is known that the phone had more than one line when a keep-alive of a
// chain brought it back: two of its numbers were seen between the full REGISTERs around it,
// or CUCM's alert names it. A bulk body alone is no proof: phones with one line send it too.
func (p *Phone) LinesAt(w *wire.Wire, c *Chain, t *wire.Txn) Lines {
	s := p.stayOf(w, c, t)
	sure := s.numbers(p.shown)
	if len(sure) > 1 {
		return Lines{"the numbers " + Few(sure, 0) + " were seen", true}
	}
	some := p.NumbersAround(w, c, t.Sent)
	switch {
	case slices.ContainsFunc(p.alerts, s.covers):
		return Lines{alertNames, true}
	case len(some) > 1:
		return Lines{"the numbers " + Few(some, 0) + " were seen", false}
	case p.Alerted:
		return Lines{alertNames, false}
	}
	return Lines{}
}

const alertNames = "the alert names it as partially registered"

// NumbersAround are the phone's numbers that were seen between the full REGISTERs of a chain
// around a time.
func (p *Phone) NumbersAround(w *wire.Wire, c *Chain, at int64) []string {
	from, to := int64(0), int64(math.MaxInt64)
	for _, o := range c.Txns {
		if o.Kind != wire.KindFull && o.Kind != wire.KindUnregister || o.Code/100 != 2 {
			continue
		}
		switch {
		case o.Sent > at:
			to = min(to, o.Sent)
		case o.Kind == wire.KindFull:
			from = o.Attempts[0].Begin // its own number counts
		default:
			from = o.Ends(w)
		}
	}
	var numbers []string
	for _, s := range p.shown {
		if s.to >= from && s.from <= to && !slices.Contains(numbers, s.number) {
			numbers = append(numbers, s.number)
		}
	}
	return numbers
}

// A stay is the time around a REGISTER of a phone in which its lines were the same. Where
// they change it registers anew: so a stay ends at every REGISTER that is none of the same
// registration, or may be none, whatever became of it. It is known only as far as no
// REGISTER of the phone can be missing: by the CSeq of its Call-ID, which every REGISTER
// uses up, or because the logs are whole.
type stay struct {
	w             *wire.Wire
	t             *wire.Txn
	first, last   *wire.Txn   // of the Call-ID without a gap in CSeq around t
	after, before []*wire.Txn // REGISTERs that may have changed the lines, before t and behind it
	apart         bool        // of one of those it is not known when it was, by t's clock
	bounds        map[logs.Text]bound
}

// A bound is from when up to when what a host logged was logged between those.
type bound struct{ from, to int64 }

func (p *Phone) stayOf(w *wire.Wire, c *Chain, t *wire.Txn) *stay {
	s := &stay{w: w, t: t, bounds: map[logs.Text]bound{}}
	s.first, s.last = unbroken(t)
	for _, o := range p.Txns {
		anew := o.Kind == wire.KindFull || o.Kind == wire.KindUnregister || o.Kind == wire.KindRegister && o != t
		if !anew && (o.Timeline.Call == t.Timeline.Call || o.Kind == wire.KindSecondary || !slices.Contains(c.Txns, o)) {
			continue
		}
		switch {
		case !w.Compared(hostOf(o), hostOf(t)):
			s.apart = true
		case o.Sent > t.Sent:
			s.before = append(s.before, o)
		default:
			s.after = append(s.after, o)
		}
	}
	return s
}

// hostOf is the host whose clock tells when a REGISTER was sent on.
func hostOf(t *wire.Txn) logs.Text { return t.Message().Host }

// unbroken are the first and the last transaction around one of which every CSeq in between is
// in the logs: a full REGISTER may be the first, and none else that may have changed the lines is
// among them.
func unbroken(t *wire.Txn) (first, last *wire.Txn) {
	byCSeq := map[uint32]*wire.Txn{}
	for _, o := range t.Timeline.Txns {
		for _, at := range o.Attempts {
			n := at.Messages[0].CSeq
			if old := byCSeq[n]; old != nil && old != o {
				return t, t // the phone began to count anew
			}
			byCSeq[n] = o
		}
	}
	first, last = t, t
	for first.Kind == wire.KindKeepAlive {
		o := byCSeq[first.Attempts[0].Messages[0].CSeq-1]
		if o == nil || o.Kind != wire.KindKeepAlive && o.Kind != wire.KindFull {
			break
		}
		first = o
	}
	for {
		o := byCSeq[last.Last.Messages[0].CSeq+1]
		if o == nil || o.Kind != wire.KindKeepAlive {
			return first, last
		}
		last = o
	}
}

// maxSure is how many numbers are held against each other.
const maxSure = 200

// numbers are those of which it is certain that they were the phone's in a stay, sorted. Of
// two that may be one, in another spelling, one counts.
func (s *stay) numbers(shown []shownNumber) []string {
	var out []string
	alike := func(n string) bool {
		return slices.ContainsFunc(out, func(o string) bool { return strings.HasSuffix(o, n) || strings.HasSuffix(n, o) })
	}
	if n := s.w.Texts.Of(s.t.User()); n != "" {
		out = append(out, n)
	}
	for _, n := range shown {
		if len(out) == maxSure {
			break
		}
		doubtful := n.noted && s.w.Stepped(n.host) || !s.w.Compared(n.host, hostOf(s.t))
		if !doubtful && !alike(n.number) && (s.has(n.host, n.from) || s.has(n.host, n.to)) {
			out = append(out, n.number)
		}
	}
	slices.Sort(out)
	return out
}

// has reports whether what a host logged at a time was logged in the stay. No host: by another
// clock.
func (s *stay) has(host logs.Text, at int64) bool {
	from, to := s.since(s.first, host), s.until(s.last, host)
	if at >= from && at <= to {
		return true
	}
	if k := s.bound(host); s.apart || at < k.from || at >= k.to {
		return false
	}
	return (at >= from || s.w.Covered(at, from)) && (at <= to || s.w.Covered(to, at))
}

// bound is that of a host, or by another clock.
func (s *stay) bound(host logs.Text) bound {
	if k, ok := s.bounds[host]; ok {
		return k
	}
	k := bound{math.MinInt64, math.MaxInt64}
	for _, o := range s.after {
		if o.Kind == wire.KindFull {
			k.from = max(k.from, s.since(o, host))
		} else {
			k.from = max(k.from, s.gone(o, host)+1)
		}
	}
	for _, o := range s.before {
		k.to = min(k.to, s.ahead(o, host))
	}
	s.bounds[host] = k
	return k
}

// covers reports whether an alert was raised in the stay, and tells of nothing before it.
func (s *stay) covers(alert int64) bool { return alert != 0 && s.has(0, alert) }

// aside is how far a time must be from a REGISTER that its host did not log, and after one
// that of an alert, which may tell of what was before.
func aside(host logs.Text) int64 {
	if host == 0 {
		return int64(time.Minute)
	}
	return clocksDiffer
}

// clocksDiffer is by how much clocks may differ that were held against each other.
const clocksDiffer = int64(2 * time.Second)

// since is from when on a host logged what came with a REGISTER or after it, gone from when on
// what came after it, ahead up to when what came before it, and until up to when what came with
// it or before.
func (s *stay) since(o *wire.Txn, host logs.Text) int64 {
	if from, _, ok := s.logged(o, host); ok {
		return from
	}
	return o.Ends(s.w) + aside(host)
}

func (s *stay) gone(o *wire.Txn, host logs.Text) int64 {
	if _, to, ok := s.logged(o, host); ok {
		return to
	}
	return o.Ends(s.w) + aside(host)
}

func (s *stay) ahead(o *wire.Txn, host logs.Text) int64 {
	if from, _, ok := s.logged(o, host); ok {
		return from
	}
	return o.Attempts[0].Begin - clocksDiffer
}

func (s *stay) until(o *wire.Txn, host logs.Text) int64 {
	if _, to, ok := s.logged(o, host); ok {
		return to
	}
	return o.Attempts[0].Begin - clocksDiffer
}

// logged is when a host logged a transaction first and last, by the reference clock.
func (s *stay) logged(o *wire.Txn, host logs.Text) (from, to int64, ok bool) {
	from = math.MaxInt64
	for _, at := range o.Attempts {
		for _, m := range at.Messages {
			if m.Host == host {
				from, to, ok = min(from, s.w.Steady(m)), max(to, s.w.Steady(m)), true
			}
		}
	}
	return from, to, ok
}

// alertTimes are when alerts were raised that name the phone as partially registered.
func (p *Phone) alertTimes(alerts []evidence.Alert) []int64 {
	var out []int64
	for _, al := range alerts {
		if slices.ContainsFunc(al.Devices, func(d string) bool { return p.Device != "" && strings.EqualFold(d, p.Device) }) {
			out = append(out, evidence.Nanos(al.Time))
		}
	}
	return out
}
