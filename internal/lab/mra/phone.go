package mra

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// A phone registers with the primary node through one E and one C peer, and keeps
// alive there and at the secondary. The timeline's runner owns it.
type phone struct {
	site    *Site
	device  string // SEP and the MAC
	mac     string // lower case
	numbers []string
	cfg     PhoneConfig
	index   int
	path    int    // 2: the second registration of a phone with HA
	twin    *phone // that one, or nil
	user    string // empty: not named
	pair    int    // number of the peers in use
	e, c    *peer
	ip      string // at home
	nat     string // as E sees it
	port    int
	natPort int    // as E sees it
	uuid    string // user part of the Contact
	nonce   string // of the last challenge
	main    *dialog
	second  *dialog // nil with one node

	life     int       // number of boots: answers to what an earlier life sent do nothing
	plan     int       // number of the plan in force; older ones do nothing
	sent     time.Time // when the last REGISTER to the primary was sent; zero until registered
	next     time.Time // when the next will be
	lateAt   time.Time // a late keep-alive that is wanted, or zero
	upstream time.Time // when C sent the last one of this Call-ID to the primary
	accepted bool      // the main dialog was registered once

	refused, busy, expired time.Time // until then CUCM answers 403, C 503, E 407
	delay                  delay     // of the next keep-alive
	plight
	attempts
}

func newPhone(s *Site, i int) *phone {
	mac := fmt.Sprintf("00ebd5%06x", (0xd5d8c6+i*0x11)&0xffffff)
	p := &phone{site: s, mac: mac, device: "SEP" + strings.ToUpper(mac), ip: fmt.Sprintf("192.0.2.%d", 35+i%200), nat: fmt.Sprintf("198.51.100.%d", 7+i%200)}
	p.index = i
	if i < len(s.cfg.Sets) {
		p.cfg = s.cfg.Sets[i]
	}
	if p.cfg.Device != "" {
		p.device = p.cfg.Device
	}
	p.cfg.setDefaults(s.cfg.Lines)
	p.numbers, p.user = p.cfg.Numbers, p.cfg.User
	for n := len(p.numbers); n < p.cfg.Lines; n++ {
		p.numbers = append(p.numbers, fmt.Sprint(7022+i*10+n))
	}
	if p.cfg.Pair > 0 {
		i = p.cfg.Pair - 1
	}
	p.take(i)
	return p
}

// newTwin is the second registration of a phone, through the next pair of peers.
func newTwin(of *phone) *phone {
	p := newPhone(of.site, of.index)
	p.path = 2
	p.take(of.pair + 1)
	return p
}

// take lets the phone use the pair of peers with that number.
func (p *phone) take(pair int) {
	p.pair = pair
	p.e, p.c = p.site.e[pair%len(p.site.e)], p.site.c[pair%len(p.site.c)]
}

// key tells the phone's registration from others at CUCM.
func (p *phone) key() string { return p.device + strings.Repeat("/2", p.path/2) }

func (p *phone) happening(at time.Time, d *dialog, what string) Happening {
	return Happening{Time: at, What: what, Device: p.device, Number: p.numbers[0], CallID: d.callID, CSeq: d.cseq, CUCM: d.cucm.name,
		C: p.c.Name(), E: p.e.Name(), All: len(p.numbers)}
}

func (p *phone) hex(digits int) string {
	return fmt.Sprintf("%016x%016x", p.site.rng.Uint64(), p.site.rng.Uint64())[:digits]
}

func (p *phone) newDialog(u *cucm) *dialog {
	id := p.mac[:8] + "-" + p.mac[8:] + p.hex(4) + "-" + p.hex(8) + "-" + p.hex(8) + "@" + p.ip
	d := &dialog{cucm: u, callID: id, tag: p.mac + p.hex(12), number: p.numbers[0], cseq: 100 + p.site.rng.IntN(1000)}
	if p.cfg.CSeq > 0 {
		d.cseq = p.cfg.CSeq
	}
	return d
}

// boot registers all lines at the time at, on new connections and with a new Call-ID.
func (p *phone) boot(at time.Time, alarm, last string) {
	p.stop()
	plan := p.plan
	p.site.time.At(at, func(now time.Time) {
		if plan != p.plan {
			return
		}
		s := p.site
		p.port, p.uuid, p.upstream = 40000+s.rng.IntN(20000), p.hex(8)+"-"+p.hex(4)+"-"+p.hex(4)+"-"+p.hex(4)+"-"+p.hex(12), time.Time{}
		p.natPort, p.accepted, p.booted = p.port, false, now
		p.attempts = attempts{}
		p.main, p.second = nil, nil
		for _, u := range s.nodes {
			switch {
			case p.main == nil && (!u.down || len(s.nodes) == 1):
				p.main = p.newDialog(u)
			case p.second == nil:
				p.second = p.newDialog(u)
			}
		}
		if p.main == nil { // none answers: the first is as good as any
			p.main, p.second = p.newDialog(s.nodes[0]), nil
		}
		p.logConnection(now, `"TCP Connection Established"`)
		reason := fmt.Sprintf(`Reason: SIP;cause=200;text="cisco-alarm:%s Name=%s ActiveLoad=%s InactiveLoad=sip8865.12-8-1-0001-455.loads Last=%s"`, alarm, p.device, p.model().load, last)
		p.full(now, reason)
	})
}

// full is a REGISTER of all lines: refused without credentials, then with them.
func (p *phone) full(at time.Time, reason string) {
	p.register(at, p.main, register{full: true, expires: 3600, reason: reason}, func(now time.Time, m *message) {
		if m.code != 200 {
			p.failed(now, m)
			return
		}
		p.accepted = true
		p.wait(now)
		p.welcomed(now, m, true)
	})
}

// failed does what a phone does whose REGISTER was refused: it waits and registers
// all its lines, or, if it is stubborn, repeats its keep-alive.
func (p *phone) failed(now time.Time, m *message) {
	switch again := now.Add(p.retryAfter()); {
	case p.accepted && p.cfg.Stubborn && m.code != 403:
		if m.cseq != p.main.cseq || p.next.Before(again) {
			return // another was sent meanwhile, or will be before
		}
		p.next = again
		p.planNext(now)
	case m.code == 403:
		p.boot(again, "24", "Phone-Reg-Rej")
	default:
		p.boot(again, "10", "TCP-timeout")
	}
}

// retryAfter is how long a phone waits after a refusal.
func (p *phone) retryAfter() time.Duration {
	if p.cfg.Retry > 0 {
		return p.cfg.Retry
	}
	return max(p.site.cfg.Expires/4, time.Second)
}

// stop ends all that the phone had in mind.
func (p *phone) stop() {
	p.plan++
	p.life++
	p.lateAt, p.sent = time.Time{}, time.Time{}
}

// keepAlive is a REGISTER without a body, to the primary and to the secondary.
func (p *phone) keepAlive(at time.Time) {
	p.wait(at)
	p.register(at, p.main, register{expires: 3600}, func(now time.Time, m *message) {
		if m.code != 200 {
			p.failed(now, m)
			return
		}
		p.welcomed(now, m, false)
	})
	if p.second != nil {
		p.register(at.Add(12*time.Millisecond), p.second, register{second: true}, nil)
	}
}

// wait plans the next keep-alive after one that was sent at the time at.
func (p *phone) wait(at time.Time) {
	jitter := time.Duration(p.site.rng.Int64N(int64(p.site.Interval()) / 500))
	if j := p.cfg.Jitter; j > 0 {
		jitter = time.Duration(p.site.rng.Int64N(int64(2*j))) - j
	}
	p.sent, p.next = at, at.Add(p.cadence()+jitter)
	p.planNext(at)
}

// beLate notes that a keep-alive is to be sent at the time at, after a silence.
func (p *phone) beLate(now, at time.Time) {
	p.lateAt = at
	if !p.sent.IsZero() {
		p.planNext(now)
	}
}

// planNext decides between the cadence and a late keep-alive: the silence before
// that begins as late as it can.
func (p *phone) planNext(now time.Time) {
	p.plan++
	plan, at := p.plan, p.next
	if need := p.site.silence(); !p.lateAt.IsZero() && p.lateAt.Sub(p.next) < need {
		at = p.lateAt
		if earliest := p.sent.Add(need); at.Before(earliest) {
			at = earliest
		}
		p.lateAt = time.Time{}
	}
	p.site.time.At(at, func(now time.Time) {
		if plan == p.plan {
			p.keepAlive(now)
		}
	})
}

// reset unregisters and starts the phone anew, which takes a while.
func (p *phone) reset(at time.Time, alarm int) {
	last := map[int]string{20: "Phone-Keypad", 22: "Reset-Reset"}[alarm]
	if last == "" {
		alarm, last = 23, "Reset-Restart"
	}
	if p.leave(at) {
		p.boot(at.Add(p.site.cfg.Expires/24), strconv.Itoa(alarm), last)
	}
}

// leave unregisters the phone. It is false before the phone has begun.
func (p *phone) leave(at time.Time) bool {
	p.stop()
	if p.main == nil {
		return false
	}
	p.register(at, p.main, register{}, nil)
	p.logConnection(at.Add(time.Second), `"TCP Connection Closed" Reason="Got EOF on socket"`)
	return true
}

// logConnection is a record about the phone's connection at its Expressway-E.
func (p *phone) logConnection(at time.Time, detail string) {
	p.e.logConnection(at, p.nat, p.natPort, p.e.IP(), 5061, detail)
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
	if r.full && !p.cfg.Bare {
		m.tail = append(m.tail, r.reason, "Mime-Version: 1.0", "Content-Type: multipart/mixed;boundary=uniqueBoundary")
		m.body = registerBody((len(p.numbers) > 1 || p.cfg.Bulk) && !p.cfg.OneByOne)
	}
	return m
}
