package registration

import (
	"container/heap"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
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
	return first(compare(q[i].at, q[j].at), compare(q[i].n, q[j].n)) < 0
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

func (z *fz) toCUCM(p *fzPhone, y *fzTry, m bkMsg, with func(bkMsg, string) bkMsg, k *fzConn, heard func(int), own func(int, string)) {
	if y.cOut == 0 {
		y.cOut = z.now
	}
	p.c.sip(z.now, true, k.port, k.node.ip, 5060, with(m, "c"))
	answered := false
	z.at(z.now+32*bkS, func() {
		if !answered {
			own(408, "C")
			if z.rng.IntN(2) == 0 {
				z.closeAtC(k, `"TCP Connection Closed" Reason="Connection timed out"`)
			} else {
				k.cOpen = false
			}
		}
	})
	if !k.fwd || !k.ret {
		p.dead = true
	}
	if !k.fwd {
		return
	}
	z.at(z.now+z.ms(3, 8), func() {
		y.u = z.now
		if p.reg != nil && z.now > p.reg.until+15*bkS {
			z.drop(p, "expiry")
		}
		a := bkMsg{call: m.call, user: m.user, to: m.to, cseq: m.cseq, expires: -1, date: bkZero.Add(z.now), head: []string{"Server: Cisco-CUCM14.0"}, code: 200}
		switch {
		case p.refuse > z.now:
			a.code = p.code
			z.say("%s is refused with %d", p.dev, p.code)
		case y.kind == "unreg":
			p.reg, p.after, p.why = nil, 0, "unregister"
		default:
			y.why, y.since = p.why, z.now-p.taken
			y.newreg = y.kind == "full" || p.reg == nil
			lines := p.after
			if y.kind == "full" {
				lines = p.all
			} else if p.reg == nil {
				lines = 1
				z.say("%s came back by keep-alive, CSeq %d, why %s", p.dev, y.cseq, p.why)
			}
			p.reg = &fzReg{lines: lines, until: z.now + time.Duration(k.node.expires)*bkS, conn: k}
			p.taken, p.after = z.now, lines
			a.contact, a.expires = m.contact, k.node.expires
			y.expires = k.node.expires
			if y.newreg {
				a.contact += ";x-cisco-newreg"
			}
			if y.kind == "full" {
				a.head, a.body = append(a.head, "Content-Type: application/x-cisco-remotecc-response+xml"), bkRemotecc(200)
			}
			if y.newreg {
				n := []string{p.number}
				if y.kind == "full" {
					n = p.lines
				}
				for _, l := range n {
					z.at(z.now+bkS, func() {
						if k.ret {
							p.bkPhone.local = k.port
							p.notify(z.now, l)
						}
					})
				}
			}
		}
		d := z.ms(5, 10)
		if p.slow > 0 && y.kind == "ka" {
			d += p.slow
			z.say("%s: CUCM's answer is %s on its way", p.dev, p.slow)
			p.slow = 0
		}
		if _, lost := z.holding("ans lost"); lost || !k.ret {
			z.say("%s: CUCM's answer is lost", p.dev)
			return
		}
		z.at(z.now+d, func() {
			if !k.cOpen {
				return
			}
			answered = true
			if a.code == 200 {
				y.ok = z.now
			}
			p.c.sip(z.now, false, k.port, k.node.ip, 5060, with(a, "c"))
			p.c.sip(z.now+time.Millisecond, true, 25013, p.e.ip, 7001, with(a, "e"))
			z.at(z.now+z.ms(4, 5), func() {
				p.e.sip(z.now, false, 7001, p.c.ip, 25013, with(a, "e"))
				p.e.sip(z.now+time.Millisecond, true, 5061, "198.51.100.7", p.src, with(a, "p"))
				z.at(z.now+z.ms(8, 15), func() { heard(a.code) })
			})
		})
	})
}

// heard is a final answer at the phone.
func (z *fz) heard(p *fzPhone, y *fzTry, life, code int) {
	if life != p.life || y.cseq != p.cseq {
		return
	}
	if code != 200 {
		z.failed(p, life)
		return
	}
	p.fails = 0
	p.plan++
	if y.kind == "unreg" {
		return
	}
	plan := p.plan
	jitter := time.Duration(z.rng.IntN(600)-300) * time.Millisecond
	z.at(z.now+time.Duration(y.expires-5)*bkS+jitter, func() {
		if plan == p.plan && life == p.life {
			z.send(p, "ka")
		}
	})
}

// secondary is a keep-alive to the secondary node.
func (z *fz) secondary(p *fzPhone) {
	const ms = time.Millisecond
	m := bkMsg{call: "s" + p.call, user: p.number, to: "cucm02.example.com", cseq: p.cseq, expires: 0, branch: fmt.Sprintf("z9hG4bKs%d", bkNext()),
		contact: fmt.Sprintf(`<sip:u%s@192.0.2.35:5061;transport=tls>;+u.sip!devicename.ccm.cisco.com="%s";expires=0;cisco-keep-alive`, p.mac, p.dev)}
	p.e.sip(z.now+10*ms, false, 5061, "198.51.100.7", p.src, m)
	p.e.sip(z.now+11*ms, true, 7001, p.c.ip, 25013, m)
	p.c.sip(z.now+13*ms, false, 25013, p.e.ip, 7001, m)
	p.c.sip(z.now+14*ms, true, 25090, "10.0.20.12", 5060, m)
	a := m
	a.code, a.expires, a.contact = 200, 0, ""
	p.c.sip(z.now+20*ms, false, 25090, "10.0.20.12", 5060, a)
	p.c.sip(z.now+21*ms, true, 25013, p.e.ip, 7001, a)
	p.e.sip(z.now+23*ms, false, 7001, p.c.ip, 25013, a)
	p.e.sip(z.now+24*ms, true, 5061, "198.51.100.7", p.src, a)
}

func (z *fz) failed(p *fzPhone, life int) {
	p.plan++
	p.fails++
	plan := p.plan
	z.at(z.now+time.Duration(1+z.rng.IntN(20))*bkS, func() {
		if plan != p.plan || life != p.life {
			return
		}
		if p.fails > 3 {
			z.boot(p)
			return
		}
		z.send(p, "ka")
	})
}

func (z *fz) boot(p *fzPhone) {
	p.life++
	p.fails = 0
	p.reboot(100 + p.life)
	z.send(p, "full")
}

func newFz(seed uint64) *fz {
	z := &fz{bkSite: bkNew(), rng: rand.New(rand.NewPCG(seed, 7)), port: 25100, steps: map[string]bool{}}
	r := z.rng
	z.until = 25 * time.Minute
	z.spread = 1 + r.IntN(2)
	z.nodes = []*fzNode{{name: "cucm01.example.com", ip: "10.0.20.11", expires: 120}}
	if r.IntN(4) == 0 { // a second pair of peers
		z.hosts = append(z.hosts, &bkHost{name: "expc02", role: "C", ip: "10.0.30.3"}, &bkHost{name: "expe02", role: "E", ip: "10.0.40.6"})
	}
	if r.IntN(3) == 0 {
		most := 1 + r.IntN(4800)
		for _, h := range z.hosts {
			h.jitter = func() time.Duration { return time.Duration(r.IntN(most)) * time.Millisecond }
		}
	}
	if r.IntN(6) == 0 {
		h := z.hosts[r.IntN(len(z.hosts))]
		from := time.Duration(r.IntN(1400)) * bkS
		to := from + time.Duration(20+r.IntN(400))*bkS
		h.info = func(at time.Duration) bool { return at >= from && at < to }
		h.noTCP = true
		z.story = append(z.story, fmt.Sprintf("%s at INFO %s to %s", h.name, bkZero.Add(from).Format("15:04:05"), bkZero.Add(to).Format("15:04:05")))
	}
	if os.Getenv("BREAK_INFO") != "" {
		for _, h := range z.hosts {
			h.info, h.noTCP = func(time.Duration) bool { return true }, true
		}
	}
	z.second = r.IntN(3) == 0
	z.twice = r.IntN(8) == 0
	if r.IntN(6) == 0 {
		when, exp := time.Duration(300+r.IntN(900))*bkS, []int{60, 180}[r.IntN(2)]
		z.at(when, func() {
			z.nodes[0].expires = exp
			z.say("CUCM grants %d s", exp)
		})
	}
	clock := func(h *bkHost) {
		switch r.IntN(5) {
		case 0:
			by := time.Duration(r.IntN(180)-90) * bkS
			h.clock = func(time.Duration) time.Duration { return by }
			if r.IntN(2) == 0 {
				h.measured = &by
			}
			z.story = append(z.story, fmt.Sprintf("clock of %s by %s, measured %v", h.name, by, h.measured != nil))
		case 1:
			by, when := time.Duration(r.IntN(120)-60)*bkS, time.Duration(300+r.IntN(900))*bkS
			h.clock = func(at time.Duration) time.Duration {
				if at > when {
					return by
				}
				return 0
			}
			z.steps[h.name] = true
			z.story = append(z.story, fmt.Sprintf("clock of %s steps by %s at %s", h.name, by, when))
		}
	}
	if r.IntN(3) == 0 {
		clock(z.c())
		clock(z.e())
	}
	for i := range 1 + r.IntN(6) {
		b := z.phone(i + 1)
		p := &fzPhone{bkPhone: b, i: i, node: z.nodes[0], all: 1 + r.IntN(2)}
		p.lines = []string{p.number, fmt.Sprint(7500 + i)}[:p.all]
		p.noDate = r.IntN(3) == 0
		if len(z.hosts) > 2 && r.IntN(2) == 0 {
			p.c, p.e = z.hosts[2], z.hosts[3]
		}
		p.dateShift = time.Duration(r.IntN(7)-3) * bkS
		z.phones = append(z.phones, p)
		z.at(time.Duration(1+r.IntN(110))*bkS+z.ms(1, 900), func() { z.send(p, "full") })
	}
	for range r.IntN(4) {
		when := time.Duration(150+r.IntN(1200)) * bkS
		p := z.phones[r.IntN(len(z.phones))]
		by := time.Duration(5+r.IntN(50)) * bkS
		kind := r.IntN(19)
		z.at(when, func() {
			switch kind {
			case 0, 1:
				p.late = fzLate{"phone", by}
			case 2:
				p.late = fzLate{"net", by}
			case 3:
				p.late = fzLate{"lost", by}
			case 4:
				p.late = fzLate{"E", by}
			case 5:
				p.late = fzLate{"C", by}
			case 6: // silent both ways, CUCM forgets at once
				for _, k := range z.conns {
					if k.cOpen && k.fwd {
						z.say("connection %d is dropped in silence", k.port)
						k.fwd, k.ret = false, false
						z.forget(k, "conn")
						break
					}
				}
			case 7: // answers are lost for good
				for _, k := range z.conns {
					if k.cOpen && k.ret {
						z.say("connection %d loses answers", k.port)
						k.ret = false
						z.at(z.now+120*bkS, func() { z.forget(k, "conn"); k.fwd = false })
						break
					}
				}
			case 8, 9: // EOF
				for _, k := range z.conns {
					if k.cOpen {
						z.say("connection %d closes", k.port)
						z.closeAtC(k, bkEOF)
						z.forget(k, "conn")
						break
					}
				}
			case 10: // idle, harmless
				for _, k := range z.conns {
					if k.cOpen {
						z.say("connection %d is closed as idle, without harm", k.port)
						z.closeAtC(k, bkIdle)
						for _, p := range z.phones {
							if p.reg != nil && p.reg.conn == k {
								p.reg.conn = nil
							}
						}
						break
					}
				}
			case 11: // restart
				n := z.nodes[0]
				z.say("CUCM restarts for %s", by)
				n.down = z.now + by
				z.restarted = true
				for _, k := range z.conns {
					if k.cOpen {
						z.closeAtC(k, bkEOF)
					}
				}
				for _, p := range z.phones {
					z.drop(p, "restart")
				}
			case 12:
				z.holds = append(z.holds, fzHold{"EC lost", z.now, z.now + by})
				z.say("E to C is lost for %s", by)
			case 13:
				z.holds = append(z.holds, fzHold{"EC delay", z.now, z.now + by})
				z.stall = true
			case 14:
				z.holds = append(z.holds, fzHold{"C hold", z.now, z.now + by})
				z.stall = true
			case 15:
				z.holds = append(z.holds, fzHold{"ans lost", z.now, z.now + by})
			case 16:
				p.slow = []time.Duration{5 * bkS, 20 * bkS, 31 * bkS}[r.IntN(3)]
			case 17:
				p.refuse, p.code = z.now+by, []int{403, 404, 500, 503}[r.IntN(4)]
			case 18:
				if r.IntN(2) == 0 {
					z.say("%s unregisters", p.dev)
					z.send(p, "unreg")
					p.life++
					z.at(z.now+by, func() { z.boot(p) })
				} else {
					z.say("%s reboots", p.dev)
					p.life++
					z.at(z.now+by, func() { z.boot(p) })
				}
			}
		})
	}
	for len(z.q) > 0 {
		e := heap.Pop(&z.q).(fzEvent)
		if e.at > z.until {
			break
		}
		z.now = e.at
		e.f()
	}
	z.now = z.until
	for _, p := range z.phones {
		if p.reg != nil && z.now > p.reg.until+15*bkS {
			z.drop(p, "expiry")
		}
	}
	z.cut = true
	if z.twice {
		z.story = append(z.story, "logs given twice")
	}
	if r.IntN(4) == 0 {
		z.since = time.Duration(r.IntN(400)) * bkS
	}
	if r.IntN(3) == 0 {
		for _, h := range z.hosts {
			if r.IntN(2) == 0 {
				from := time.Duration(100+r.IntN(1300)) * bkS
				h.missing = append(h.missing, [2]time.Duration{from, from + time.Duration(5+r.IntN(150))*bkS})
				z.story = append(z.story, fmt.Sprintf("hole in %s %s to %s", h.name, bkZero.Add(from).Format("15:04:05"), bkZero.Add(h.missing[0][1]).Format("15:04:05")))
			}
		}
	}
	switch r.IntN(12) {
	case 0:
		z.e().left = true
	case 1:
		z.c().left = true
	case 2:
		z.e().info = func(time.Duration) bool { return true }
	}
	return z
}

var (
	fzInTime   = regexp.MustCompile(`[Ii]t came in time, (-?[0-9.]+) s`)
	fzFirstIn  = regexp.MustCompile(`[Ii]ts first REGISTER after the success before it was in time, (-?[0-9.]+) s`)
	fzOnTime   = regexp.MustCompile(`on time, none more than ([0-9.]+) s`)
	fzNegative = regexp.MustCompile(`[ (]-[0-9]+\.[0-9] s`)
	fzClockSet = regexp.MustCompile(`The clock of (\w+) was set`)
)

// check compares what is said with the truth.
func (z *fz) check(r *Report, fail func(rule, what string)) {
	for _, n := range r.Notes {
		if m := fzClockSet.FindStringSubmatch(n); m != nil && !z.steps[m[1]] {
			fail("clock", n)
		}
		if strings.HasPrefix(n, "A stall") && !z.stall {
			fail("stall", n)
		}
	}
	whole := len(z.c().missing) == 0 && !z.c().left && (len(z.hosts) == 2 || len(z.hosts[2].missing) == 0)
	for _, p := range z.phones {
		i := slices.IndexFunc(r.Phones, func(x Phone) bool { return x.Device == p.dev })
		if i < 0 {
			continue
		}
		ph := r.Phones[i]
		bad := func(rule, what string) { fail(rule, p.dev+": "+what) }
		certain := ph.VerdictConfidence == Certain
		partial := p.after > 0 && p.after < p.all
		switch ph.Verdict {
		case VerdictPartial:
			if certain && !partial {
				bad("partial", "it is not partial")
			}
		case PhoneRegistered, VerdictRecovered:
			if p.after != p.all && (certain || whole) {
				bad("registered", fmt.Sprintf("it has %d lines of %d", p.after, p.all))
			}
			if certain && p.reg == nil && p.why == "expiry" {
				bad("registered-expired", "CUCM dropped it")
			}
		case PhoneCameBack:
			if certain && !slices.ContainsFunc(p.tries, func(y *fzTry) bool { return y.kind == "ka" && y.newreg }) {
				bad("came", "it never did")
			}
		case PhoneUnregistered:
			if certain && p.after != 0 {
				bad("unregistered", "it is registered")
			}
		}
		if r.Verdict == VerdictHealthy && p.after < p.all && p.after > 0 {
			bad("healthy", "it is partial")
		}
		for _, s := range ph.Statements {
			if m := fzOnTime.FindStringSubmatch(s.Text); m != nil {
				if d, _ := strconv.ParseFloat(m[1], 64); d > 190 {
					bad("on time", s.Text)
				}
			}
			if fzNegative.MatchString(s.Text) && !strings.Contains(s.Text, "clock") {
				bad("negative", s.Text)
			}
		}
		if ph.At == nil && ph.BackAt == nil {
			continue
		}
		// the last keep-alive that was taken for a new registration
		var came *fzTry
		for _, y := range p.tries {
			if y.kind == "ka" && y.newreg && y.u > 0 {
				came = y
			}
		}
		if came == nil || ph.At == nil || z.c().left {
			continue
		}
		sent := bkZero.Add(came.cOut)
		if p.c.clock != nil && p.c.measured == nil {
			sent = sent.Add(p.c.clock(came.cOut))
		}
		if ph.At.Sub(sent).Abs() > 5*bkS {
			continue // about another one, or C sent it again
		}
		var prev, first *fzTry
		for _, y := range p.tries {
			if y == came {
				break
			}
			if y.ok != 0 && y.ok < came.cOut {
				prev = y
			}
		}
		if prev == nil {
			continue
		}
		for _, y := range p.tries {
			if y.phone > prev.phone && y != prev && first == nil && y.e > 0 {
				first = y
			}
		}
		why := came.why
		cadence := time.Duration(prev.expires-5) * bkS
		exp := cadence + 6*bkS
		if ph.CauseConfidence != CannotTell && ph.CauseConfidence != "" {
			ok := true
			switch ph.Cause {
			case CauseTCP:
				ok = why == "conn" || why == "restart" || p.dead
			case CauseLate:
				ok = why == "expiry" || came.since > 135*bkS
			case CauseFailover:
				ok = why == "restart" || z.restarted
			case CauseTraversal:
				ok = false
			case CauseRefused:
				ok = p.code != 0
			case CausePath, CauseAuth:
				ok = false
			case CauseResetOrLogin:
				ok = why == "unregister"
			}
			if !ok {
				bad("cause "+ph.Cause, "in truth "+why)
			}
		}
		if first == nil {
			continue
		}
		if ph.LateAt == atPhone && ph.CauseConfidence != CannotTell && first.e-prev.ok < cadence+2*bkS {
			bad("late at", fmt.Sprintf("before E, and E had the first %s after the success", first.e-prev.ok))
		}
		if ph.LateAt == atC && ph.Cause == CauseLate && first.cOut-first.c < 2*bkS || ph.LateAt == atE && ph.Cause == CauseLate && first.eOut-first.e < 2*bkS {
			bad("late at", ph.LateAt)
		}
		if ph.LateAt == atCtoU && ph.CauseConfidence != CannotTell && why == "expiry" && came.u-came.cOut < 2*bkS && first == came {
			bad("late at", ph.LateAt)
		}
		stepped := z.steps["expc01"] || z.steps["expe01"]
		truth := (first.cOut - prev.ok - cadence).Seconds()
		if ph.LateByS != nil && !stepped && first.cOut > 0 && first == came && (*ph.LateByS-truth > 1.5 || truth-*ph.LateByS > 1.5) {
			bad("late_by_s", fmt.Sprintf("%v, in truth %v", *ph.LateByS, truth))
		}
		for _, s := range ph.Statements {
			if s.Confidence == CannotTell {
				continue
			}
			if fzInTime.MatchString(s.Text) && came.since > exp {
				bad("in time", fmt.Sprintf("%s; at CUCM %s after the one before", s.Text, came.since))
			}
			if fzFirstIn.MatchString(s.Text) && first.e-prev.ok > exp {
				bad("first in time", s.Text)
			}
			if m := fzOnTime.FindStringSubmatch(s.Text); m != nil {
				if d, _ := strconv.ParseFloat(m[1], 64); d > 181 {
					bad("on time", s.Text)
				}
			}
			if strings.Contains(s.Text, "The phone itself sent it late") && first.phone-prev.ok < cadence+2*bkS {
				bad("phone late", s.Text)
			}
			if strings.Contains(s.Text, "the phone had sent it in time") && first.phone-prev.ok > cadence+4*bkS {
				bad("phone in time", s.Text)
			}
			if strings.Contains(s.Text, "Expressway-C received it in time") && first.c-prev.ok > exp {
				bad("C in time", s.Text)
			}
			if strings.Contains(s.Text, "Expressway-E received it in time") && first.e-prev.ok > exp {
				bad("E in time", s.Text)
			}
			if strings.Contains(s.Text, "Expressway-E sent it on in time") && first.eOut-prev.ok > exp {
				bad("E sent in time", s.Text)
			}
		}
	}
}

// both gives every log twice.
func (z *fz) analyzed(t *testing.T) *Report {
	src, o := z.sources()
	if z.twice {
		for _, s := range slices.Clone(src) {
			s.File = "copy/" + s.File
			src = append(src, s)
		}
	}
	return analyze(t, src, o)
}

// TestBreakSeeds compares what is said of random sites with the truth. BREAK_SEEDS says how
// many, BREAK_FROM from which on, and BREAK_SHOW tells the whole story of each.
func TestBreakSeeds(t *testing.T) {
	n, _ := strconv.Atoi(os.Getenv("BREAK_SEEDS"))
	from, _ := strconv.Atoi(os.Getenv("BREAK_FROM"))
	show := os.Getenv("BREAK_SHOW") != ""
	n = pick(n, 100)
	count, eg := map[string]int{}, map[string][]string{}
	for seed := from; seed < from+n; seed++ {
		z := newFz(uint64(seed))
		r := z.analyzed(t)
		seen := map[string]bool{}
		z.check(r, func(rule, what string) {
			if !seen[rule] {
				seen[rule] = true
				count[rule]++
				if len(eg[rule]) < 12 {
					eg[rule] = append(eg[rule], fmt.Sprintf("%d: %s", seed, what))
				}
			}
		})
		if show {
			t.Logf("%s\n%s", strings.Join(z.story, "\n"), bkShow(r))
		}
	}
	for _, k := range slices.Sorted(maps.Keys(count)) {
		t.Errorf("%s: of %d seeds\n\t%s", k, count[k], strings.Join(eg[k], "\n\t"))
	}
}

// TestBreakCorrupt: logs with bytes lost, doubled, swapped and changed do no more harm than
// that: nothing panics.
func TestBreakCorrupt(t *testing.T) {
	n, _ := strconv.Atoi(os.Getenv("BREAK_SEEDS"))
	from, _ := strconv.Atoi(os.Getenv("BREAK_FROM"))
	for seed := from; seed < from+pick(n, 30); seed++ {
		z := newFz(uint64(seed))
		src, o := z.sources()
		r := rand.New(rand.NewPCG(uint64(seed), 3))
		for i := range src {
			text := contents(t, src[i])
			for range 1 + r.IntN(40) {
				if len(text) < 100 {
					break
				}
				a := r.IntN(len(text) - 1)
				b := min(len(text), a+r.IntN([]int{3, 80, 3000, 40000}[r.IntN(4)]))
				switch r.IntN(5) {
				case 0:
					text = slices.Delete(text, a, b)
				case 1:
					text = slices.Insert(text, r.IntN(len(text)), slices.Clone(text[a:b])...)
				case 2:
					text[a] = byte(r.IntN(256))
				case 3:
					copy(text[a:b], text[r.IntN(len(text)):])
				case 4:
					for ; a < b && a < len(text); a++ {
						if text[a] >= '0' && text[a] <= '9' {
							text[a] = byte('0' + r.IntN(10))
						}
					}
				}
			}
			src[i] = src[i].with(text)
			if r.IntN(3) == 0 {
				src[i].Host, src[i].Role = "", ""
			}
		}
		func() {
			defer func() {
				if p := recover(); p != nil {
					t.Errorf("seed %d: %v", seed, p)
				}
			}()
			begin := time.Now()
			if _, err := Analyze(t.Context(), src, o); err != nil {
				t.Errorf("seed %d: %v", seed, err)
			}
			if d := time.Since(begin); d > 5*time.Second {
				t.Errorf("seed %d took %v", seed, d)
			}
		}()
	}
}

// TestBreakUnknownCoverage: of logs that are not known to be whole nothing that rests on an
// absence is certain, and nothing is healthy.
func TestBreakUnknownCoverage(t *testing.T) {
	n, _ := strconv.Atoi(os.Getenv("BREAK_SEEDS"))
	from, _ := strconv.Atoi(os.Getenv("BREAK_FROM"))
	count, eg := map[string]int{}, map[string][]string{}
	for seed := from; seed < from+pick(n, 50); seed++ {
		z := newFz(uint64(seed))
		for _, h := range z.hosts {
			h.unknown, h.missing = true, nil
		}
		r := z.analyzed(t)
		seen := map[string]bool{}
		bad := func(rule, what string) {
			if !seen[rule] {
				seen[rule] = true
				count[rule]++
				if len(eg[rule]) < 6 {
					eg[rule] = append(eg[rule], fmt.Sprintf("%d: %s", seed, what))
				}
			}
		}
		if r.Verdict == VerdictHealthy {
			bad("healthy", r.Summary)
		}
		for _, p := range r.Phones {
			if p.VerdictConfidence == Certain && p.Verdict != VerdictRecovered {
				bad("verdict certain", p.Summary)
			}
			if p.CauseConfidence == Likely && p.Cause == CauseTCP && p.LostAt == nil {
				bad("cause", p.Summary)
			}
			for _, s := range p.Statements {
				if s.Confidence == Certain && regexp.MustCompile(`(?i)no full REGISTER|came late|beyond the phone's own cadence|has not registered again|is not partial|throughout`).MatchString(s.Text) {
					bad("certain: "+strings.Join(strings.Fields(regexp.MustCompile(`[0-9:.]+`).ReplaceAllString(s.Text, ""))[:4], " "), s.Text)
				}
				if s.Confidence != CannotTell && strings.Contains(s.Text, "did not receive it") {
					bad("absence", s.Text)
				}
			}
		}
	}
	for _, k := range slices.Sorted(maps.Keys(count)) {
		t.Errorf("%s: of %d seeds\n\t%s", k, count[k], strings.Join(eg[k], "\n\t"))
	}
}
