package lab

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

const tunnelPort = 7001 // of Expressway-E in the traversal link

const software = "TANDBERG/4137 (X14.0.3)" // in the Server header of Expressway's own answers

// A trip is one REGISTER on its way from the phone over E and C to CUCM, and the
// way of its answer back, each hop logged. What the peers, the connections and the
// node are like is looked at when the message is there.
type trip struct {
	p        *phone
	d        *dialog
	r        register
	answered func(now time.Time, m *message) // nil: nobody is told
	e, c     *Expressway
	natPort  int
	tunnel   int // port of C in the traversal link
	call     string
	received string // what E notes about the phone's Via

	atE, toC, toU *message
	link          *link
	port          int // of C towards CUCM
	sentUp        time.Time
}

// A delay holds up the phone's next keep-alive on its way to a peer.
type delay struct {
	to string // "E", "C" or "CUCM"
	by time.Duration
}

// exchange sends one REGISTER at the time at; answered hears the final answer, if
// there is one.
func (p *phone) exchange(at time.Time, d *dialog, r register, answered func(now time.Time, m *message)) {
	d.cseq++
	t := &trip{p: p, d: d, r: r, answered: answered, e: p.e, c: p.c, natPort: p.natPort}
	t.received = fmt.Sprintf(";received=%s;rport=%d;ingress-zone=CollaborationEdgeZone", p.nat, p.natPort)
	t.call = p.hex(8) + "-" + p.hex(4) + "-" + p.hex(4) + "-" + p.hex(4) + "-" + p.hex(12)
	t.atE = p.request(at, d, r)
	p.site.time.at(at.Add(p.ms(12, 8)+t.delayed("E")), t.viaE)
}

// ms is a duration of at least so many milliseconds, up to span more.
func (p *phone) ms(least, span int) time.Duration {
	return time.Duration(least)*time.Millisecond + time.Duration(p.site.rng.IntN(span*1000))*time.Microsecond
}

// delayed is how long the message is held up on its way to a peer, which happens once.
func (t *trip) delayed(to string) time.Duration {
	p := t.p
	if p.delay.to != to || t.d != p.main || t.r.full || t.r.expires == 0 {
		return 0
	}
	by := p.delay.by
	p.delay = delay{}
	return by
}

func (t *trip) viaE(now time.Time) {
	p, s := t.p, t.p.site
	if s.zone(t.e).stopped {
		return
	}
	s.logSIP(now, t.e, false, 5061, p.nat, t.natPort, t.atE)
	atE := *t.atE
	atE.vias = []string{t.atE.vias[0] + t.received}
	s.logSIP(now.Add(time.Millisecond), t.e, true, 5061, p.nat, t.natPort, atE.answer(100, "Trying", ""))
	z := s.zone(t.e)
	if challenge := p.challengedByE(now, t.r); challenge != "" {
		if t.r.auth != "" {
			t.refused(now, 407, t.e)
		}
		t.toPhone(now.Add(p.ms(2, 2)), atE.answer(407, "Proxy Authentication Required", p.hex(16), challenge, "Server: "+software))
		return
	}
	if z.down {
		t.refused(now, 504, t.e)
		t.toPhone(now.Add(p.ms(4, 4)), atE.answer(504, "Server Time-out", p.hex(16), "Server: "+software,
			fmt.Sprintf(`Warning: 399 %s:5061 "Unable to contact next hop"`, t.e.cfg.IP)))
		return
	}
	t.tunnel = z.port
	now = now.Add(p.ms(2, 2))
	t.toC = t.atE.forward(fmt.Sprintf("SIP/2.0/TLS %s:%d;egress-zone=TraversalZone;branch=z9hG4bK%s.%s;proxy-call-id=%s;rport", t.e.cfg.IP, tunnelPort, p.hex(32), p.hex(32), t.call),
		t.received, fmt.Sprintf("<sip:%s:%d;transport=tls;lr>", t.e.cfg.IP, tunnelPort))
	t.toC.paths = append(t.toC.paths, fmt.Sprintf("<sip:%s:%d;transport=tls;apparent;ds;lr>", p.nat, t.natPort))
	t.toC.tail = slices.DeleteFunc(append([]string{"Max-Forwards: 69"}, t.toC.tail[1:]...), func(h string) bool { return strings.HasPrefix(h, "Proxy-Authorization:") })
	s.logSIP(now, t.e, true, tunnelPort, t.c.cfg.IP, t.tunnel, t.toC)
	s.time.at(now.Add(p.ms(1, 2)+t.delayed("C")), t.viaC)
}

func (t *trip) viaC(now time.Time) {
	p, s := t.p, t.p.site
	s.logSIP(now, t.c, false, t.tunnel, t.e.cfg.IP, tunnelPort, t.toC)
	if now.Before(p.busy) && !t.r.second {
		t.byC(now.Add(p.ms(2, 2)), 503, "Service Unavailable", fmt.Sprintf("Retry-After: %d", p.retryAfter()/time.Second))
		return
	}
	s.time.at(now.Add(p.ms(2, 2)), t.toCUCM)
}

func (t *trip) toCUCM(now time.Time) {
	p, s, u := t.p, t.p.site, t.d.cucm
	t.link = s.link(t.c, u)
	now, up := t.link.connect(now)
	if !up {
		t.byC(now, 503, "Service Unavailable", fmt.Sprintf(`Warning: 399 %s:5061 "Unable to connect to %s"`, t.c.cfg.IP, u.name))
		return
	}
	t.port = t.link.port
	t.toU = t.toC.forward(fmt.Sprintf("SIP/2.0/TCP %s:%d;egress-zone=CEtcp-%s;branch=z9hG4bK%s.%s;proxy-call-id=%s;rport", t.c.cfg.IP, t.port, u.name, p.hex(32), p.hex(32), t.call),
		fmt.Sprintf(";received=%s;rport=%d;ingress-zone=TraversalZone", t.e.cfg.IP, tunnelPort), fmt.Sprintf("<sip:%s:%d;transport=tcp;lr>", t.c.cfg.IP, t.port))
	t.toU.tail = append([]string{"Max-Forwards: 15", fmt.Sprintf("Route: <sip:%s;transport=tcp;lr>", u.name)}, t.toU.tail[2:]...)
	t.toU.tail = append(t.toU.tail, "P-Asserted-Identity: <"+t.d.uri()+">", "X-TAATag: "+t.call)
	s.logSIP(now, t.c, true, t.port, u.ip, sipPort, t.toU)
	t.sentUp = now
	s.time.at(now.Add(p.ms(2, 4)+t.delayed("CUCM")), t.atCUCM)
}

func (t *trip) atCUCM(now time.Time) {
	p, s, u := t.p, t.p.site, t.d.cucm
	if u.down {
		s.time.at(t.sentUp.Add(s.cfg.Expires*4/15), func(now time.Time) { t.byC(now, 408, "Request Timeout") })
		return
	}
	answer, h := u.handle(now, p, t.link, t.toU, t.r)
	if h.What != "" {
		h.Sent, h.C, h.E = t.sentUp, t.c.cfg.Name, t.e.cfg.Name
		if t.d == p.main {
			if !p.upstream.IsZero() {
				h.Gap = t.sentUp.Sub(p.upstream)
			}
			p.upstream = t.sentUp
		}
		s.tell(h)
	}
	s.logSIP(now.Add(time.Millisecond), t.c, false, t.port, u.ip, sipPort, t.toU.answer(100, "Trying", ""))
	now = now.Add(p.ms(2, 3))
	s.logSIP(now, t.c, false, t.port, u.ip, sipPort, answer)
	t.toE(now.Add(p.ms(1, 2)), answer.back())
}

// byC is an error that Expressway-C makes itself.
func (t *trip) byC(now time.Time, code int, phrase string, head ...string) {
	t.refused(now, code, t.c)
	m := *t.toC
	m.vias = append([]string{m.vias[0] + fmt.Sprintf(";received=%s;rport=%d;ingress-zone=TraversalZone", t.e.cfg.IP, tunnelPort)}, m.vias[1:]...)
	t.toE(now, m.answer(code, phrase, t.p.hex(16), append([]string{"Server: " + software}, head...)...))
}

// refused tells the truth about an error that a peer made, unless it is the
// secondary's keep-alive that met it.
func (t *trip) refused(now time.Time, code int, by *Expressway) {
	if t.r.second {
		return
	}
	h := t.p.happening(now, t.d, Refused)
	h.Code, h.By = code, by.cfg.Name
	if r := t.d.cucm.regs[t.p.key()]; r != nil {
		h.Lines = r.lines
	}
	t.p.site.tell(h)
}

func (t *trip) toE(now time.Time, m *message) {
	s := t.p.site
	s.logSIP(now, t.c, true, t.tunnel, t.e.cfg.IP, tunnelPort, m)
	now = now.Add(t.p.ms(1, 2))
	s.logSIP(now, t.e, false, tunnelPort, t.c.cfg.IP, t.tunnel, m)
	t.toPhone(now.Add(t.p.ms(1, 2)), m.back())
}

func (t *trip) toPhone(now time.Time, m *message) {
	t.p.site.logSIP(now, t.e, true, 5061, t.p.nat, t.natPort, m)
	if t.answered != nil {
		t.p.site.time.at(now.Add(t.p.ms(12, 8)), func(now time.Time) { t.answered(now, m) })
	}
}
