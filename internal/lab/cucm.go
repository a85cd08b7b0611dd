package lab

import (
	"fmt"
	"strings"
	"time"
)

const sipPort = 5060 // of CUCM, TCP

// A cucm is one call processing node: it knows which phones are registered.
type cucm struct {
	site     *Site
	name, ip string
	regs     map[string]*registration // by device
}

type registration struct {
	until time.Time // forgotten after this
	lines int
	link  *link
}

// A link is the TCP connection from one Expressway-C to one node. Many phones share it.
type link struct {
	site *Site
	c    *Expressway
	cucm *cucm
	port int // on the Expressway-C, 25000 to 29999
	up   bool
}

func (s *Site) link(c *Expressway, u *cucm) *link {
	key := c.cfg.Name + " " + u.name
	if s.links[key] == nil {
		s.links[key] = &link{site: s, c: c, cucm: u}
	}
	return s.links[key]
}

// connect opens the connection if need be and returns when it can be used.
func (l *link) connect(at time.Time) time.Time {
	if l.up {
		return at
	}
	l.up, l.port = true, 25000+l.site.rng.IntN(5000)
	l.site.logTCP(at, l.c, l, `"TCP Connecting"`)
	l.site.logTCP(at.Add(2*time.Millisecond), l.c, l, `"TCP Connection Established"`)
	return at.Add(3 * time.Millisecond)
}

// drop is cause B: the connection closes and the node unregisters its phones.
func (l *link) drop(at time.Time) {
	if !l.up {
		return
	}
	l.up = false
	l.site.logTCP(at, l.c, l, `"TCP Connection Closed" Reason="Got EOF on socket"`)
	l.site.tell(Happening{Time: at, What: TCPClosed, CUCM: l.cucm.name, C: l.c.cfg.Name})
	for _, p := range l.site.phones {
		if r := l.cucm.regs[p.device]; r != nil && r.link == l {
			l.cucm.forget(at, p)
		}
	}
}

func (u *cucm) forget(at time.Time, p *phone) {
	delete(u.regs, p.device)
	u.site.tell(Happening{Time: at, What: Dropped, Device: p.device, Number: p.numbers[0], CallID: p.main.callID, CUCM: u.name, C: p.c.cfg.Name, E: p.e.cfg.Name})
}

// A register is what the phone wants with one REGISTER.
type register struct {
	full    bool   // with the bulk body: all lines
	auth    string // Authorization header, empty in the first one
	expires int    // asked for, 0 to unregister or for a secondary's keep-alive
	second  bool   // keep-alive to a secondary node
	reason  string // of a full one
}

// handle is the node's answer to a REGISTER at the time at, and the truth about it.
func (u *cucm) handle(at time.Time, p *phone, l *link, m *message, r register) (*message, Happening) {
	tag := fmt.Sprintf("%d", u.site.rng.Uint32())
	h := Happening{Time: at, Device: p.device, Number: p.numbers[0], CallID: m.dialog.callID, CSeq: m.cseq, CUCM: u.name, C: p.c.cfg.Name, E: p.e.cfg.Name}
	date := "Date: " + at.UTC().Format("Mon, 02 Jan 2006 15:04:05 GMT")
	const server = "Server: Cisco-CUCM12.5"
	ok := func(newreg bool, expires int) *message {
		contact := m.head[0]
		if newreg {
			contact += ";x-cisco-newreg"
		}
		return m.answer(200, "OK", tag, date, "Supported: X-cisco-srtp-fallback,X-cisco-sis-9.1.0", contact, fmt.Sprintf("Expires: %d", expires), server)
	}
	switch {
	case r.second:
		return ok(false, 0), h
	case r.full && r.auth == "":
		nonce := strings.ToUpper(fmt.Sprintf("%016x%016x", u.site.rng.Uint64(), u.site.rng.Uint64()))
		p.nonce = nonce
		return m.answer(401, "Unauthorized", tag, date, `WWW-Authenticate: Digest realm="`+realm+`", nonce="`+nonce+`", algorithm=MD5`, server), h
	case r.expires == 0:
		delete(u.regs, p.device)
		h.What = Unregistered
		return ok(false, 0), h
	}
	known := u.regs[p.device]
	h.What, h.NewReg = KeptAlive, known == nil
	if known == nil {
		known = &registration{lines: 1}
		u.regs[p.device] = known
		h.What = CameBack
	}
	if r.full {
		known.lines = u.site.cfg.Lines
		h.What = Registered
	}
	known.until, known.link, h.Lines = at.Add(u.site.cfg.Expires+u.site.cfg.Grace), l, known.lines
	u.site.time.at(known.until, func(now time.Time) {
		if u.regs[p.device] == known && !now.Before(known.until) {
			u.forget(now, p)
		}
	})
	return ok(h.NewReg, int(u.site.cfg.Expires/time.Second)), h
}
