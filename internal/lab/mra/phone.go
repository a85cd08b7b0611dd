package mra

import (
	"fmt"
	"strings"
	"time"
)

// A phone registers with the primary node through one E and one C peer, and keeps
// alive there and at the secondary. The timeline's runner owns it.
type phone struct {
	site   *Site
	cfg    PhoneConfig
	device string // SEP and the MAC
	mac    string // lower case
	index  int
	path   int    // 2: the second registration of a phone with HA
	twin   *phone // that one, or nil
	nonce  string // of the last challenge

	profile
	route
	contact
	schedule
	session
	plight
}

// A profile is whose phone it is at present: Extension Mobility changes it.
type profile struct {
	numbers []string
	user    string // empty: not named
}

// login is the name by which Expressway knows the user of a device.
func (p *profile) login(device string) string {
	if p.user != "" {
		return p.user
	}
	return device
}

// of is the profile of a user who logs in to a phone with this one; empty: this one.
func (p profile) of(user string) profile {
	if user == "" {
		return p
	}
	other := profile{user: user}
	for _, n := range p.numbers {
		other.numbers = append(other.numbers, "8"+n[1:])
	}
	return other
}

// A route is the pair of peers in use.
type route struct {
	pair int // its number
	e, c *peer
}

// A contact is where the phone is reached.
type contact struct {
	ip      string // at home
	port    int
	nat     string // as E sees it
	natPort int    // as E sees it
	uuid    string // user part of the Contact
}

// A session is what a phone has since it last started anew.
type session struct {
	booted   time.Time
	main     *dialog
	second   *dialog   // nil with one node
	accepted bool      // the main dialog was registered once
	upstream time.Time // when C sent the last REGISTER of this Call-ID to the primary
	attempts
}

func newPhone(s *Site, i int) *phone {
	mac := fmt.Sprintf("00ebd5%06x", (0xd5d8c6+i*0x11)&0xffffff)
	p := &phone{site: s, index: i, mac: mac, device: "SEP" + strings.ToUpper(mac),
		contact: contact{ip: fmt.Sprintf("192.0.2.%d", 35+i%200), nat: fmt.Sprintf("198.51.100.%d", 7+i%200)}}
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
	return Happening{Time: at, What: what, Device: p.device, Number: p.numbers[0], Numbers: p.numbers, User: p.user, Path: max(p.path, 1), CallID: d.callID, CSeq: d.cseq, CUCM: d.cucm.name,
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

// logConnection is a record about the phone's connection at its Expressway-E.
func (p *phone) logConnection(at time.Time, detail string) {
	p.e.logConnection(at, p.nat, p.natPort, p.e.IP(), 5061, detail)
}

// cadence is the time between the phone's keep-alives.
func (p *phone) cadence() time.Duration {
	if p.every > 0 {
		return p.every
	}
	return p.site.Interval()
}

// date is the phone's own clock at the time at.
func (p *phone) date(at time.Time) time.Time {
	if p.cfg.ClockUnset && !p.accepted {
		return time.Unix(0, 0).Add(at.Sub(p.booted) + 40*time.Second)
	}
	return at.Add(p.cfg.Clock + p.clock)
}
