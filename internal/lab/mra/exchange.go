package mra

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
	e, c     *peer
	natPort  int
	tunnel   int // port of C in the traversal link
	call     string
	received string // what E notes about the phone's Via
	attempt  *attempt

	atE, toC *message
	up       upstream
}

// upstream is the last stretch of a trip, from C to CUCM: over which connection, and what.
type upstream struct {
	link *link
	port int // of C
	sent time.Time
	m    *message
}

// exchange sends one REGISTER at the time at; answered hears the final answer, if
// there is one.
func (p *phone) exchange(at time.Time, d *dialog, r register, answered func(now time.Time, m *message)) {
	d.cseq++
	t := &trip{p: p, d: d, r: r, answered: answered, e: p.e, c: p.c, natPort: p.natPort, attempt: &attempt{}}
	if d == p.main && r.expires > 0 {
		t.attempt = p.attempts.begin(at)
	}
	t.received = fmt.Sprintf(";received=%s;rport=%d;ingress-zone=CollaborationEdgeZone", p.nat, p.natPort)
	t.call = p.hex(8) + "-" + p.hex(4) + "-" + p.hex(4) + "-" + p.hex(4) + "-" + p.hex(12)
	t.atE = p.request(at, d, r)
	t.deliver("E", at, p.ms(12, 8), nil, t.logAtE, t.viaE)
}

// request is the REGISTER as it leaves the phone at the time at.
func (p *phone) request(at time.Time, d *dialog, r register) *message {
	contact := fmt.Sprintf(`Contact: <sip:%s@%s:%d;transport=tls>;+sip.instance="<urn:uuid:00000000-0000-0000-0000-%s>";+u.sip!devicename.ccm.cisco.com="%s";+u.sip!model.ccm.cisco.com="%s";video;bfcp`,
		p.uuid, p.ip, p.port, p.mac, p.device, p.model().number)
	if p.user != "" {
		contact += `;+u.sip!userid.ccm.cisco.com="` + p.user + `"`
	}
	if p.cfg.HA {
		contact += fmt.Sprintf(";reg-id=%d", max(p.path, 1))
	}
	if r.second {
		contact += ";expires=0;cisco-keep-alive"
	}
	m := &message{start: "REGISTER sip:" + d.cucm.name + " SIP/2.0", method: "REGISTER", dialog: d, cseq: d.cseq,
		vias: []string{fmt.Sprintf("SIP/2.0/TLS %s:%d;branch=z9hG4bK%s;rport", p.ip, p.port, p.hex(8))},
		head: []string{contact},
		tail: []string{"Max-Forwards: 70", fmt.Sprintf("Route: <sip:%s;transport=tls;lr>,<sip:%s:5061;transport=tls;zone-id=1;directed;lr>,<sip:%s;transport=tcp;lr>", p.e.Name(), p.c.IP(), d.cucm.name),
			"User-Agent: " + p.model().agent, fmt.Sprintf("Expires: %d", r.expires), "Date: " + p.date(at).UTC().Format("Mon, 02 Jan 2006 15:04:05 GMT")}}
	if r.auth != "" {
		m.tail = append(m.tail, r.auth)
	}
	m.tail = append(m.tail, supported)
	if r.full && !p.cfg.Full.Bare {
		m.tail = append(m.tail, r.reason, "Mime-Version: 1.0", "Content-Type: multipart/mixed;boundary=uniqueBoundary")
		m.body = registerBody((len(p.numbers) > 1 || p.cfg.Full.Bulk) && !p.cfg.Full.OneByOne)
	}
	return m
}

// ms is a duration of at least so many milliseconds, up to span more.
func (p *phone) ms(least, span int) time.Duration {
	return time.Duration(least)*time.Millisecond + time.Duration(p.site.rng.IntN(span*1000))*time.Microsecond
}

// delayed is how long the message is held up on its way to a peer, which happens once.
func (t *trip) delayed(to string) time.Duration {
	p := t.p
	if p.delay.to != to || !t.plain() {
		return 0
	}
	by := p.delay.by
	p.delay = delay{}
	return by
}

// plain reports whether the message is a keep-alive to the primary.
func (t *trip) plain() bool { return t.d == t.p.main && !t.r.full && t.r.expires > 0 }

func (t *trip) logAtE(now time.Time) {
	t.e.logSIP(now, false, 5061, t.p.nat, t.natPort, t.atE)
	t.e.logSIP(now.Add(time.Millisecond), true, 5061, t.p.nat, t.natPort, t.seenByE().answer(100, "Trying", ""))
}

// seenByE is the request with what E notes in its Via.
func (t *trip) seenByE() *message {
	m := *t.atE
	m.vias = []string{m.vias[0] + t.received}
	return &m
}

func (t *trip) viaE(now time.Time) {
	p, z := t.p, t.e.zone
	if z.stopped {
		return
	}
	t.attempt.reach(HopE, now)
	t.logAtE(now)
	if challenge := p.challengedByE(now, t.r); challenge != "" {
		if t.r.auth != "" {
			t.refused(now, 407, t.e)
		}
		t.toPhone(now.Add(p.ms(2, 2)), t.seenByE().answer(407, "Proxy Authentication Required", p.hex(16), challenge, "Server: "+software))
		return
	}
	if code, ok := t.fails("E", now); ok {
		t.byE(now, code)
		return
	}
	if z.down {
		t.attempt.reach(HopEToC, now)
		t.byE(now, 504, fmt.Sprintf(`Warning: 399 %s:5061 "Unable to contact next hop"`, t.e.IP()))
		return
	}
	t.tunnel = z.port
	now = now.Add(p.ms(2, 2))
	t.toC = t.atE.forward(fmt.Sprintf("SIP/2.0/TLS %s:%d;egress-zone=TraversalZone;branch=z9hG4bK%s.%s;proxy-call-id=%s;rport", t.e.IP(), tunnelPort, p.hex(32), p.hex(32), t.call),
		t.received, fmt.Sprintf("<sip:%s:%d;transport=tls;lr>", t.e.IP(), tunnelPort))
	t.toC.paths = append(t.toC.paths, fmt.Sprintf("<sip:%s:%d;transport=tls;apparent;ds;lr>", p.nat, t.natPort))
	t.toC.tail = slices.DeleteFunc(append([]string{"Max-Forwards: 69"}, t.toC.tail[1:]...), func(h string) bool { return strings.HasPrefix(h, "Proxy-Authorization:") })
	t.attempt.reach(HopEToC, now)
	t.sendToC(now)
	if z.silent {
		t.unanswered(now, t.byE, z.code)
		return
	}
	t.deliver("C", now, p.ms(1, 2), t.sendToC, t.logAtC, t.viaC)
}

func (t *trip) sendToC(now time.Time) {
	t.e.logSIP(now, true, tunnelPort, t.c.IP(), t.tunnel, t.toC)
}

func (t *trip) logAtC(now time.Time) {
	t.c.logSIP(now, false, t.tunnel, t.e.IP(), tunnelPort, t.toC)
}

func (t *trip) viaC(now time.Time) {
	p, s := t.p, t.p.site
	if t.stalled(now, t.viaC, t.e.stalls[stallZone], t.c.stalls[stallC]) {
		return
	}
	t.attempt.reach(HopC, now)
	t.logAtC(now)
	if now.Before(p.busy) && !t.r.second {
		t.byC(now.Add(p.ms(2, 2)), 503, fmt.Sprintf("Retry-After: %d", p.retryAfter()/time.Second))
		return
	}
	if code, ok := t.fails("C", now); ok {
		t.byC(now.Add(p.ms(2, 2)), code)
		return
	}
	s.time.At(now.Add(p.ms(2, 2)+t.delayed("in C")), t.toCUCM)
}

func (t *trip) toCUCM(now time.Time) {
	p, s := t.p, t.p.site
	if t.stalled(now, t.toCUCM, t.c.stalls[stallInC]) {
		return
	}
	t.up.link = s.link(t.c, t.d.cucm)
	u := t.up.link.cucm
	now, up := t.up.link.connect(now)
	if !up {
		t.byC(now, 503, fmt.Sprintf(`Warning: 399 %s:5061 "Unable to connect to %s"`, t.c.IP(), u.name))
		return
	}
	t.up.port = t.up.link.port
	t.up.m = t.toC.forward(fmt.Sprintf("SIP/2.0/TCP %s:%d;egress-zone=CEtcp-%s;branch=z9hG4bK%s.%s;proxy-call-id=%s;rport", t.c.IP(), t.up.port, u.name, p.hex(32), p.hex(32), t.call),
		fmt.Sprintf(";received=%s;rport=%d;ingress-zone=TraversalZone", t.e.IP(), tunnelPort), fmt.Sprintf("<sip:%s:%d;transport=tcp;lr>", t.c.IP(), t.up.port))
	t.up.m.tail = append([]string{"Max-Forwards: 15", fmt.Sprintf("Route: <sip:%s;transport=tcp;lr>", u.name)}, t.up.m.tail[2:]...)
	t.up.m.tail = append(t.up.m.tail, "P-Asserted-Identity: <"+t.d.uri()+">", "X-TAATag: "+t.call)
	t.up.sent = now
	t.attempt.reach(HopToCUCM, now)
	t.sendUp(now)
	if t.up.link.silent {
		t.unanswered(now, t.byC, t.up.link.code)
		return
	}
	t.deliver("CUCM", now, p.ms(2, 4), t.sendUp, t.traceArrival, t.atCUCM)
}

func (t *trip) sendUp(now time.Time) {
	t.c.logSIP(now, true, t.up.port, t.up.link.cucm.ip, sipPort, t.up.m)
}
