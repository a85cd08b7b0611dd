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
		p.planNext()
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

// stalled puts a step off if what it needs stands still until one of these times.
func (t *trip) stalled(now time.Time, step func(time.Time), until ...time.Time) bool {
	i := slices.IndexFunc(until, now.Before)
	if i < 0 {
		return false
	}
	t.p.site.time.At(until[i].Add(t.p.ms(1, 60)), step)
	return true
}

// thaw is when a C that may be frozen notices what comes to it at the time at.
func (t *trip) thaw(at time.Time) time.Time {
	if until := t.c.stalls[stallC]; at.Before(until) {
		return until.Add(time.Millisecond)
	}
	return at
}
