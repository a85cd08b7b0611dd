package mra

import (
	"slices"
	"time"
)

// deliver lets a message that was sent at the time at come to a peer: in the usual
// time, late, more than once, or never. send and receive log further copies of it at
// either end; nil: that end logs nothing.
func (t *trip) deliver(to string, at time.Time, usual time.Duration, send, receive func(time.Time), arrive func(time.Time)) {
	s := t.p.site
	if t.loses(to, at) {
		return
	}
	arrival := at.Add(usual + t.delayed(to))
	copies, lost := t.copies(to, at)
	for _, c := range copies {
		if send != nil {
			send(c)
		}
		if lost {
			arrival = c.Add(usual)
		} else if receive != nil {
			receive(c.Add(usual))
		}
	}
	s.time.At(arrival, arrive)
}

// copies are when the message is sent again, and whether only the last arrives.
func (t *trip) copies(to string, at time.Time) ([]time.Time, bool) {
	p := t.p
	if p.repeat.to != to || !t.plain() {
		return nil, false
	}
	r := p.repeat
	p.repeat = repeat{}
	if !r.lost {
		p.slow = r.by
	}
	var out []time.Time
	unit := p.site.cfg.Expires / 240 // 500 ms, the T1 of RFC 3261
	for after, gap := unit, unit; after < r.by; after += gap {
		out = append(out, at.Add(after))
		gap *= 2
	}
	return out, r.lost
}

// loses reports whether the message is lost on its way to a peer, and lets the sender
// before it give up and the phone send another one.
func (t *trip) loses(to string, at time.Time) bool {
	p := t.p
	if p.lose.to != to || !t.plain() {
		return false
	}
	l := p.lose
	p.lose = lose{}
	switch to {
	case "C":
		t.unanswered(at, t.byE, l.code)
	case "CUCM":
		t.unanswered(at, t.byC, l.code)
	}
	if l.after > 0 {
		p.next = p.sent.Add(l.after)
		p.planNext(at)
	}
	return true
}

// takeSlow is how much later CUCM answers this message.
func (t *trip) takeSlow() time.Duration {
	if !t.plain() {
		return 0
	}
	d := t.p.slow
	t.p.slow = 0
	return d
}

// Where a stall may be, before the peer's name.
const (
	stallZone = "E-C "
	stallC    = "C "
	stallInC  = "in C "
	stallUp   = "CUCM "
)

func (s *Site) stall(now, until time.Time, p *phone, where string) {
	key := where + " " + p.c.Name()
	if where == "E-C" {
		key = where + " " + p.e.Name()
	}
	s.stalls[key] = until
	s.tell(Happening{Time: now, What: Stalled, C: p.c.Name(), E: p.e.Name(), By: where})
	if where == "C" {
		c := p.c
		c.frozen = true
		s.time.At(until, func(time.Time) { c.frozen = false })
	}
}

// stalled puts a step off if one of the places stands still.
func (s *Site) stalled(now time.Time, p *phone, step func(time.Time), places ...string) bool {
	i := slices.IndexFunc(places, func(k string) bool { return now.Before(s.stalls[k]) })
	if i < 0 {
		return false
	}
	s.time.At(s.stalls[places[i]].Add(p.ms(1, 60)), step)
	return true
}

// thaw is when a C that may be frozen notices what comes to it at the time at.
func (s *Site) thaw(at time.Time, c *peer) time.Time {
	if until := s.stalls[stallC+c.Name()]; at.Before(until) {
		return until.Add(time.Millisecond)
	}
	return at
}
