package lab

import (
	"fmt"
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
	e, c    *Expressway
	tunnel  int    // port of the C peer in the traversal link
	ip      string // at home
	nat     string // as E sees it
	port    int
	uuid    string // user part of the Contact
	nonce   string // of the last challenge
	main    *dialog
	second  *dialog // nil with one node

	plan     int       // number of the plan in force; older ones do nothing
	sent     time.Time // when the last REGISTER to the primary was sent; zero until registered
	next     time.Time // when the next will be
	lateAt   time.Time // a late keep-alive that is wanted, or zero
	upstream time.Time // when C sent the last one of this Call-ID to the primary
}

func newPhone(s *Site, i int) *phone {
	mac := fmt.Sprintf("00ebd5%06x", (0xd5d8c6+i*0x11)&0xffffff)
	p := &phone{site: s, mac: mac, device: "SEP" + strings.ToUpper(mac), ip: fmt.Sprintf("192.0.2.%d", 35+i%200), nat: fmt.Sprintf("198.51.100.%d", 7+i%200)}
	p.e, p.c = s.cfg.E[i%len(s.cfg.E)], s.cfg.C[i%len(s.cfg.C)]
	p.tunnel = 25013 + 2*(i%len(s.cfg.E))
	for n := range s.cfg.Lines {
		p.numbers = append(p.numbers, fmt.Sprint(7022+i*10+n))
	}
	return p
}

func (p *phone) hex(digits int) string {
	return fmt.Sprintf("%016x%016x", p.site.rng.Uint64(), p.site.rng.Uint64())[:digits]
}

func (p *phone) newDialog(u *cucm) *dialog {
	id := p.mac[:8] + "-" + p.mac[8:] + p.hex(4) + "-" + p.hex(8) + "-" + p.hex(8) + "@" + p.ip
	return &dialog{cucm: u, callID: id, tag: p.mac + p.hex(12), number: p.numbers[0], cseq: 100 + p.site.rng.IntN(1000)}
}

// boot registers all lines at the time at, on new connections and with a new Call-ID.
func (p *phone) boot(at time.Time, alarm, last string) {
	p.plan++
	plan := p.plan
	p.site.time.at(at, func(now time.Time) {
		if plan != p.plan {
			return
		}
		s := p.site
		p.port, p.uuid, p.upstream = 40000+s.rng.IntN(20000), p.hex(8)+"-"+p.hex(4)+"-"+p.hex(4)+"-"+p.hex(4)+"-"+p.hex(12), time.Time{}
		p.main, p.second = p.newDialog(s.nodes[0]), nil
		if len(s.nodes) > 1 {
			p.second = p.newDialog(s.nodes[1])
		}
		reason := fmt.Sprintf(`Reason: SIP;cause=200;text="cisco-alarm:%s Name=%s ActiveLoad=sip8865.14-1-1-0001-125.loads InactiveLoad=sip8865.12-8-1-0001-455.loads Last=%s"`, alarm, p.device, last)
		p.full(now, reason)
	})
}

// full is a REGISTER of all lines: refused without credentials, then with them.
func (p *phone) full(at time.Time, reason string) {
	r := register{full: true, expires: 3600, reason: reason}
	plan := p.plan
	p.exchange(at, p.main, r, func(now time.Time, _ *message) {
		if plan != p.plan {
			return // reset meanwhile
		}
		r.auth = authorization(p.device, "sip:"+p.main.cucm.name, p.nonce)
		now = now.Add(15 * time.Millisecond)
		p.exchange(now, p.main, r, nil)
		p.wait(now)
	})
}

// keepAlive is a REGISTER without a body, to the primary and to the secondary.
func (p *phone) keepAlive(at time.Time) {
	p.exchange(at, p.main, register{expires: 3600}, nil)
	if p.second != nil {
		p.exchange(at.Add(12*time.Millisecond), p.second, register{second: true}, nil)
	}
	p.wait(at)
}

// wait plans the next keep-alive after one that was sent at the time at.
func (p *phone) wait(at time.Time) {
	jitter := time.Duration(p.site.rng.Int64N(int64(p.site.interval()) / 500))
	p.sent, p.next = at, at.Add(p.site.interval()+jitter)
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
	p.site.time.at(at, func(now time.Time) {
		if plan == p.plan {
			p.keepAlive(now)
		}
	})
}

// reset unregisters and starts the phone anew, which takes a while.
func (p *phone) reset(at time.Time) {
	p.plan++
	p.lateAt, p.sent = time.Time{}, time.Time{}
	if p.main == nil {
		return
	}
	p.exchange(at, p.main, register{}, nil)
	p.boot(at.Add(p.site.cfg.Expires/24), "23", "Reset-Restart")
}

// request is the REGISTER as it leaves the phone at the time at.
func (p *phone) request(at time.Time, d *dialog, r register) *message {
	contact := fmt.Sprintf(`Contact: <sip:%s@%s:%d;transport=tls>;+sip.instance="<urn:uuid:00000000-0000-0000-0000-%s>";+u.sip!devicename.ccm.cisco.com="%s";+u.sip!model.ccm.cisco.com="36217";video;bfcp`,
		p.uuid, p.ip, p.port, p.mac, p.device)
	if r.second {
		contact += ";expires=0;cisco-keep-alive"
	}
	m := &message{start: "REGISTER sip:" + d.cucm.name + " SIP/2.0", method: "REGISTER", dialog: d, cseq: d.cseq,
		vias: []string{fmt.Sprintf("SIP/2.0/TLS %s:%d;branch=z9hG4bK%s;rport", p.ip, p.port, p.hex(8))},
		head: []string{contact},
		tail: []string{"Max-Forwards: 70", fmt.Sprintf("Route: <sip:%s;transport=tls;lr>,<sip:%s:5061;transport=tls;zone-id=1;directed;lr>,<sip:%s;transport=tcp;lr>", p.e.cfg.Name, p.c.cfg.IP, d.cucm.name),
			"User-Agent: Cisco-CP8865/14.1.1", fmt.Sprintf("Expires: %d", r.expires), "Date: " + at.UTC().Format("Mon, 02 Jan 2006 15:04:05 GMT")}}
	if r.auth != "" {
		m.tail = append(m.tail, r.auth)
	}
	m.tail = append(m.tail, supported)
	if r.full {
		m.tail = append(m.tail, r.reason, "Mime-Version: 1.0", "Content-Type: multipart/mixed;boundary=uniqueBoundary")
		m.body = bulkBody()
	}
	return m
}
