package registration

import (
	"fmt"
	"time"
)

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
