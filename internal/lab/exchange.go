package lab

import (
	"fmt"
	"time"
)

const tunnelPort = 7001 // of Expressway-E in the traversal link

// exchange sends one REGISTER along phone, E, C and CUCM at the time at and its
// answer back, each hop logged; then the phone is told, if it wants to be.
func (p *phone) exchange(at time.Time, d *dialog, r register, answered func(now time.Time, m *message)) {
	s := p.site
	d.cseq++
	ms := func(least, span int) time.Duration {
		return time.Duration(least)*time.Millisecond + time.Duration(s.rng.IntN(span*1000))*time.Microsecond
	}
	atE := p.request(at, d, r)
	t := at.Add(ms(12, 8))
	s.logSIP(t, p.e, false, 5061, p.nat, p.port, atE)
	received := fmt.Sprintf(";received=%s;rport=%d;ingress-zone=CollaborationEdgeZone", p.nat, p.port)
	trying := atE.answer(100, "Trying", "")
	trying.vias = []string{atE.vias[0] + received}
	s.logSIP(t.Add(time.Millisecond), p.e, true, 5061, p.nat, p.port, trying)
	call := p.hex(8) + "-" + p.hex(4) + "-" + p.hex(4) + "-" + p.hex(4) + "-" + p.hex(12)

	t = t.Add(ms(2, 2))
	toC := atE.forward(fmt.Sprintf("SIP/2.0/TLS %s:%d;egress-zone=TraversalZone;branch=z9hG4bK%s.%s;proxy-call-id=%s;rport", p.e.cfg.IP, tunnelPort, p.hex(32), p.hex(32), call),
		received, fmt.Sprintf("<sip:%s:%d;transport=tls;lr>", p.e.cfg.IP, tunnelPort))
	toC.paths = append(toC.paths, fmt.Sprintf("<sip:%s:%d;transport=tls;apparent;ds;lr>", p.nat, p.port))
	toC.tail = append([]string{"Max-Forwards: 69"}, toC.tail[1:]...)
	s.logSIP(t, p.e, true, tunnelPort, p.c.cfg.IP, p.tunnel, toC)
	t = t.Add(ms(1, 2))
	s.logSIP(t, p.c, false, p.tunnel, p.e.cfg.IP, tunnelPort, toC)

	s.time.at(t.Add(ms(2, 2)), func(now time.Time) { p.toCUCM(now, d, r, toC, call, ms, answered) })
}

// toCUCM is the rest of an exchange, from the moment when C sends to CUCM: what
// the connection and the node are like is only known then.
func (p *phone) toCUCM(now time.Time, d *dialog, r register, toC *message, call string, ms func(int, int) time.Duration, answered func(time.Time, *message)) {
	s := p.site
	l := s.link(p.c, d.cucm)
	now = l.connect(now)
	toU := toC.forward(fmt.Sprintf("SIP/2.0/TCP %s:%d;egress-zone=CEtcp-%s;branch=z9hG4bK%s.%s;proxy-call-id=%s;rport", p.c.cfg.IP, l.port, d.cucm.name, p.hex(32), p.hex(32), call),
		fmt.Sprintf(";received=%s;rport=%d;ingress-zone=TraversalZone", p.e.cfg.IP, tunnelPort), fmt.Sprintf("<sip:%s:%d;transport=tcp;lr>", p.c.cfg.IP, l.port))
	toU.tail = append([]string{"Max-Forwards: 15", fmt.Sprintf("Route: <sip:%s;transport=tcp;lr>", d.cucm.name)}, toU.tail[2:]...)
	toU.tail = append(toU.tail, "P-Asserted-Identity: <"+d.uri()+">", "X-TAATag: "+call)
	port := l.port
	s.logSIP(now, p.c, true, port, d.cucm.ip, sipPort, toU)
	sentUp := now
	s.time.at(now.Add(ms(2, 4)), func(now time.Time) {
		answer, h := d.cucm.handle(now, p, l, toU, r)
		if h.What != "" {
			h.Sent = sentUp
			if !p.upstream.IsZero() && d == p.main {
				h.Gap = sentUp.Sub(p.upstream)
			}
			p.upstream = sentUp
			s.tell(h)
		}
		s.logSIP(now.Add(time.Millisecond), p.c, false, port, d.cucm.ip, sipPort, toU.answer(100, "Trying", ""))
		t := now.Add(ms(2, 3))
		s.logSIP(t, p.c, false, port, d.cucm.ip, sipPort, answer)
		answer = answer.back()
		t = t.Add(ms(1, 2))
		s.logSIP(t, p.c, true, p.tunnel, p.e.cfg.IP, tunnelPort, answer)
		t = t.Add(ms(1, 2))
		s.logSIP(t, p.e, false, tunnelPort, p.c.cfg.IP, p.tunnel, answer)
		answer = answer.back()
		t = t.Add(ms(1, 2))
		s.logSIP(t, p.e, true, 5061, p.nat, p.port, answer)
		if answered != nil {
			s.time.at(t.Add(ms(12, 8)), func(now time.Time) { answered(now, answer) })
		}
	})
}
