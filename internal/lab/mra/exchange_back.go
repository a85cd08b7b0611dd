package mra

import (
	"fmt"
	"time"
)

// traceArrival has the node trace that the message came.
func (t *trip) traceArrival(now time.Time) {
	t.up.link.cucm.received(now, t.c.IP(), t.up.port, t.up.m)
}

func (t *trip) atCUCM(now time.Time) {
	p, s, u := t.p, t.p.site, t.up.link.cucm
	if t.stalled(now, t.atCUCM, t.c.stalls[stallUp]) {
		return
	}
	t.traceArrival(now)
	t.attempt.reach(HopCUCM, now)
	switch {
	case u.down:
		t.unanswered(t.up.sent, t.byC, 408)
		return
	case now.Before(p.deaf.until) && !t.r.second:
		t.unanswered(t.up.sent, t.byC, p.deaf.code)
		return
	}
	answer, h := u.handle(now, p, t.up.link, t.up.m, t.r)
	if h.What != "" {
		h.Sent, h.C, h.E = t.up.sent, t.c.Name(), t.e.Name()
		if t.d == p.main {
			if !p.upstream.IsZero() {
				h.Gap = t.up.sent.Sub(p.upstream)
			}
			p.upstream = t.up.sent
			if h.What == CameBack {
				h.Blame = p.blame(p.cadence() + s.cfg.Expires/10)
			}
			p.attempts = attempts{since: now}
		}
		s.story.tell(h)
	}
	t.answer(now, answer)
}

// answer takes CUCM's answer to C, and on unless C has given up before.
func (t *trip) answer(now time.Time, m *message) {
	p, s, u := t.p, t.p.site, t.up.link.cucm
	late := t.takeSlow()
	trying := t.thaw(now.Add(time.Millisecond))
	again := t.up.m.answer(100, "Trying", "")
	t.c.logSIP(trying, false, t.up.port, u.ip, sipPort, again)
	way := p.ms(2, 3)
	u.sent(now.Add(500*time.Microsecond), t.c.IP(), t.up.port, again)
	u.sent(now.Add(way/2+late), t.c.IP(), t.up.port, m)
	at := t.thaw(now.Add(way + late))
	t.c.logSIP(at, false, t.up.port, u.ip, sipPort, m)
	if late > s.timeout() {
		t.unanswered(t.up.sent, t.byC, 408)
		return
	}
	t.toE(at.Add(p.ms(1, 2)), m.back())
}

var phrases = map[int]string{408: "Request Timeout", 503: "Service Unavailable", 504: "Server Time-out"}

// byC is an error that Expressway-C makes itself.
func (t *trip) byC(now time.Time, code int, head ...string) {
	t.refused(now, code, t.c)
	m := *t.toC
	m.vias = append([]string{m.vias[0] + fmt.Sprintf(";received=%s;rport=%d;ingress-zone=TraversalZone", t.e.IP(), tunnelPort)}, m.vias[1:]...)
	t.toE(now, m.answer(code, phrases[code], t.p.hex(16), append([]string{"Server: " + software}, head...)...))
}

// byE is an error that Expressway-E makes itself.
func (t *trip) byE(now time.Time, code int, head ...string) {
	t.refused(now, code, t.e)
	t.toPhone(now.Add(t.p.ms(4, 4)), t.seenByE().answer(code, phrases[code], t.p.hex(16), append([]string{"Server: " + software}, head...)...))
}

// unanswered lets a peer that sent the message on at the time at give up, with an
// error of its own if there is a code.
func (t *trip) unanswered(at time.Time, by func(time.Time, int, ...string), code int) {
	if code != 0 {
		t.p.site.time.At(at.Add(t.p.site.timeout()), func(now time.Time) { by(now, code) })
	}
}

// refused tells the truth about an error that a peer made, unless it is the
// secondary's keep-alive that met it.
func (t *trip) refused(now time.Time, code int, by *peer) {
	if t.r.second {
		return
	}
	h := t.p.happening(now, t.d, Refused)
	h.Code, h.By = code, by.Name()
	if r := t.d.cucm.regs[t.p.key()]; r != nil {
		h.Lines = r.lines
	}
	t.p.site.story.tell(h)
}

func (t *trip) toE(now time.Time, m *message) {
	t.c.logSIP(now, true, t.tunnel, t.e.IP(), tunnelPort, m)
	now = now.Add(t.p.ms(1, 2))
	t.e.logSIP(now, false, tunnelPort, t.c.IP(), t.tunnel, m)
	t.toPhone(now.Add(t.p.ms(1, 2)), m.back())
}

func (t *trip) toPhone(now time.Time, m *message) {
	t.e.logSIP(now, true, 5061, t.p.nat, t.natPort, m)
	if t.answered != nil {
		t.p.site.time.At(now.Add(t.p.ms(12, 8)), func(now time.Time) { t.answered(now, m) })
	}
}
