package registration

import (
	"cmp"
	"container/heap"
	"fmt"
	"math/rand/v2"
	"time"
)

// A fz is a site in virtual time: phones, E, C and CUCM with the true state of every
// registration.
type fz struct {
	*bkSite
	rng       *rand.Rand
	now       time.Duration
	q         fzQueue
	n         int
	nodes     []*fzNode
	phones    []*fzPhone
	conns     []*fzConn
	port      int
	spread    int
	story     []string
	holds     []fzHold
	stall     bool
	steps     map[string]bool
	second    bool // phones keep a secondary alive
	restarted bool
	twice     bool // every log is given twice
}

type fzEvent struct {
	at time.Duration
	n  int
	f  func()
}

type fzQueue []fzEvent

func (q fzQueue) Len() int { return len(q) }
func (q fzQueue) Less(i, j int) bool {
	return cmp.Or(cmp.Compare(q[i].at, q[j].at), cmp.Compare(q[i].n, q[j].n)) < 0
}
func (q fzQueue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *fzQueue) Push(x any)   { *q = append(*q, x.(fzEvent)) }
func (q *fzQueue) Pop() any {
	x := (*q)[len(*q)-1]
	*q = (*q)[:len(*q)-1]
	return x
}

func (z *fz) at(t time.Duration, f func()) {
	z.n++
	heap.Push(&z.q, fzEvent{max(t, z.now), z.n, f})
}

func (z *fz) say(format string, args ...any) {
	z.story = append(z.story, fmt.Sprintf("%s ", bkZero.Add(z.now).Format("15:04:05.000"))+fmt.Sprintf(format, args...))
}

func (z *fz) ms(least, span int) time.Duration {
	return time.Duration(least)*time.Millisecond + time.Duration(z.rng.IntN(span*1000))*time.Microsecond
}

// A fzNode is a CUCM node.
type fzNode struct {
	name, ip string
	down     time.Duration // until then it refuses connections
	expires  int
}

// A fzConn is a connection from C to a node.
type fzConn struct {
	c        *bkHost
	node     *fzNode
	port     int
	cOpen    bool // as C sees it
	fwd, ret bool // passes from C to CUCM, and back
}

// A fzHold is trouble on a way for some time.
type fzHold struct {
	where    string // "EC lost", "EC delay", "C hold", "C frozen", "ans lost"
	from, to time.Duration
}

func (z *fz) holding(where string) (fzHold, bool) {
	for _, h := range z.holds {
		if h.where == where && h.from <= z.now && z.now < h.to {
			return h, true
		}
	}
	return fzHold{}, false
}

// A fzReg is a registration at CUCM.
type fzReg struct {
	lines int
	until time.Duration
	conn  *fzConn
}

// A fzTry is one REGISTER on its way.
type fzTry struct {
	call           string
	cseq           int
	kind           string
	phone, e, eOut time.Duration
	c, cOut, u     time.Duration
	ok             time.Duration // its 200 at C
	newreg         bool
	why            string        // why CUCM had no registration
	expires        int           // that was granted
	since          time.Duration // since CUCM had taken the one before, at CUCM
}

type fzPhone struct {
	*bkPhone
	i      int
	lines  []string
	all    int
	node   *fzNode
	reg    *fzReg
	why    string // why the last registration was lost
	taken  time.Duration
	plan   int
	life   int
	fails  int
	tries  []*fzTry
	after  int // lines after the last REGISTER that CUCM took
	late   fzLate
	refuse time.Duration
	code   int
	slow   time.Duration
	dead   bool // a REGISTER of it was lost on a dead connection
}

type fzLate struct {
	where string // "phone", "net", "E", "C"
	by    time.Duration
}

func (z *fz) drop(p *fzPhone, why string) {
	if p.reg != nil {
		p.reg, p.why = nil, why
		z.say("%s dropped at CUCM: %s", p.dev, why)
	}
}

// breakConn breaks a connection at CUCM's side: it forgets what it carried.
func (z *fz) forget(k *fzConn, why string) {
	for _, p := range z.phones {
		if p.reg != nil && p.reg.conn == k {
			z.drop(p, why)
		}
	}
}

func (z *fz) closeAtC(k *fzConn, how string) {
	if k.cOpen {
		k.cOpen = false
		k.c.tcp(z.now, k.c.ip, k.port, k.node.ip, 5060, how)
	}
}

// connOf is the connection that C takes for a phone, opened if need be.
func (z *fz) connOf(p *fzPhone) *fzConn {
	var open []*fzConn
	for _, k := range z.conns {
		if k.c == p.c && k.node == p.node && k.cOpen {
			open = append(open, k)
		}
	}
	if len(open) >= z.spread {
		return open[(p.i)%len(open)]
	}
	if p.node.down > z.now {
		p.c.rec(z.now, p.c.head(z.now, "network.tcp", "ERROR")+fmt.Sprintf(`Src-ip="%s" Src-port="%d" Dst-ip="%s" Dst-port="5060" Detail="TCP Connection Failed"`, p.c.ip, z.port, p.node.ip)+"\n")
		return nil
	}
	z.port++
	k := &fzConn{c: p.c, node: p.node, port: z.port, cOpen: true, fwd: true, ret: true}
	z.conns = append(z.conns, k)
	k.c.tcp(z.now, k.c.ip, k.port, k.node.ip, 5060, `"TCP Connecting"`)
	k.c.tcp(z.now+time.Millisecond, k.c.ip, k.port, k.node.ip, 5060, bkOpen)
	return k
}

// send lets the phone send a REGISTER.
func (z *fz) send(p *fzPhone, kind string) {
	p.cseq++
	p.plan++
	plan, life := p.plan, p.life
	y := &fzTry{call: p.call, cseq: p.cseq, kind: kind, phone: z.now}
	p.tries = append(p.tries, y)
	late := fzLate{}
	if kind == "ka" {
		late, p.late = p.late, fzLate{}
	}
	if late.where == "phone" { // it sends it late itself
		z.say("%s is late by %s itself", p.dev, late.by)
		p.tries = p.tries[:len(p.tries)-1]
		p.cseq--
		z.at(z.now+late.by, func() {
			if plan == p.plan && life == p.life {
				z.send(p, kind)
			}
		})
		return
	}
	contact := fmt.Sprintf(`<sip:u%s@192.0.2.35:5061;transport=tls>;+sip.instance="<urn:uuid:00000000-0000-0000-0000-%s>";+u.sip!devicename.ccm.cisco.com="%s";+u.sip!model.ccm.cisco.com="36217"`, p.mac, p.mac, p.dev)
	m := bkMsg{call: p.call, user: p.number, to: p.to, cseq: p.cseq, contact: contact, expires: 3600}
	if !p.noDate {
		m.date = bkZero.Add(z.now + p.dateShift)
	}
	switch kind {
	case "full":
		m.head = []string{`Reason: SIP;cause=200;text="cisco-alarm:25 Name=` + p.dev + ` Load=x Last=Initialized"`, "Content-Type: multipart/mixed;boundary=u"}
		m.body = bkBulk
	case "unreg":
		m.expires = 0
	}
	h := bkNext()
	with := func(m bkMsg, b string) bkMsg { m.branch = fmt.Sprintf("z9hG4bK%s%d", b, h); return m }
	heard := func(code int) { z.heard(p, y, life, code) }
	// the phone gives up after 35 s
	z.at(z.now+35*bkS, func() {
		if plan == p.plan && life == p.life {
			z.failed(p, life)
		}
	})
	if z.second && kind == "ka" {
		z.secondary(p)
	}
	dE := z.ms(8, 20)
	switch late.where {
	case "net":
		z.say("%s's REGISTER is held up before E by %s", p.dev, late.by)
		dE += late.by
	case "lost":
		z.say("%s's REGISTER is lost before E", p.dev)
		return
	}
	own := func(code int, at string) {
		a := bkMsg{code: code, call: m.call, user: m.user, to: m.to, cseq: m.cseq, expires: -1, head: []string{"Server: TANDBERG/4137 (X14.0.3)"}}
		if at == "C" {
			p.c.sip(z.now, true, 25013, p.e.ip, 7001, with(a, "e"))
			p.e.sip(z.now+2*time.Millisecond, false, 7001, p.c.ip, 25013, with(a, "e"))
		}
		p.e.sip(z.now+3*time.Millisecond, true, 5061, "198.51.100.7", p.src, with(a, "p"))
		heard(code)
	}
	z.at(z.now+dE, func() {
		y.e = z.now
		p.e.sip(z.now, false, 5061, "198.51.100.7", p.src, with(m, "p"))
		hold := z.ms(1, 3)
		if late.where == "E" {
			hold += late.by
			z.say("%s's REGISTER is held up in E by %s", p.dev, late.by)
		}
		z.at(z.now+hold, func() {
			y.eOut = z.now
			p.e.sip(z.now, true, 7001, p.c.ip, 25013, with(m, "e"))
			d := z.ms(2, 5)
			if _, lost := z.holding("EC lost"); lost {
				z.say("%s's REGISTER is lost between E and C", p.dev)
				z.at(z.now+32*bkS, func() { own(408, "E") })
				return
			}
			if x, ok := z.holding("EC delay"); ok {
				d += x.to - z.now
				z.say("%s's REGISTER is delayed between E and C by %s", p.dev, d)
			}
			z.at(z.now+d, func() {
				y.c = z.now
				p.c.sip(z.now, false, 25013, p.e.ip, 7001, with(m, "e"))
				hold := z.ms(1, 3)
				if late.where == "C" {
					hold += late.by
					z.say("%s's REGISTER is held up in C by %s", p.dev, late.by)
				}
				if x, ok := z.holding("C hold"); ok {
					hold += x.to - z.now
					z.say("%s's REGISTER is held in C by %s", p.dev, hold)
				}
				z.at(z.now+hold, func() {
					k := z.connOf(p)
					if k == nil {
						own(503, "C")
						return
					}
					z.toCUCM(p, y, m, with, k, heard, own)
				})
			})
		})
	})
}
