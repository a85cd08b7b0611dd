package registration

import (
	"container/heap"
	"fmt"
	"math/rand/v2"
	"os"
	"regexp"
	"time"
)

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
	if os.Getenv("OWN_INFO") != "" {
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
