package mra

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
	regs     map[string]*registration // by phone.key
	down     bool
	trace    *tracer // nil: the node writes no traces
}

type registration struct {
	until  time.Time // forgotten after this
	lines  int
	link   *link
	dialog *dialog
}

// A link is the TCP connection from one Expressway-C to one node. Many phones share it.
type link struct {
	site *Site
	c    *peer
	cucm *cucm
	port int // on the Expressway-C, 25000 to 29999
	up   bool
	silence
	closedUntil time.Time // until then it cannot be opened
}

// connect opens the connection if need be and returns when it can be used, or
// false and when it is known that it cannot.
func (l *link) connect(at time.Time) (time.Time, bool) {
	if l.up {
		return at, true
	}
	if l.cucm.down || at.Before(l.closedUntil) {
		l.port = 25000 + l.site.rng.IntN(5000)
		l.log(at, `"TCP Connecting"`)
		at = at.Add(l.site.cfg.Expires / 120)
		l.c.logFailed(at, l.cucm.ip, sipPort)
		return at, false
	}
	l.up, l.silence, l.port = true, silence{}, 25000+l.site.rng.IntN(5000)
	l.log(at, `"TCP Connecting"`)
	l.log(at.Add(2*time.Millisecond), `"TCP Connection Established"`)
	return at.Add(3 * time.Millisecond), true
}

// log is a record of the connection at its Expressway-C.
func (l *link) log(at time.Time, detail string) {
	l.c.logConnection(at, l.c.IP(), l.port, l.cucm.ip, sipPort, detail)
}

// drop is cause B: the connection closes and the node unregisters its phones.
func (l *link) drop(at time.Time) {
	if !l.up {
		return
	}
	l.up = false
	l.log(at, `"TCP Connection Closed" Reason="Got EOF on socket"`)
	l.site.story.tell(Happening{Time: at, What: TCPClosed, CUCM: l.cucm.name, C: l.c.Name()})
	for _, p := range l.site.all() {
		if r := l.cucm.regs[p.key()]; r != nil && r.link == l {
			p.cutBy = HopToCUCM
			l.cucm.forget(at, p, alarmDisconnected)
		}
	}
}

func (u *cucm) forget(at time.Time, p *phone, why alarm) {
	delete(u.regs, p.key())
	u.raise(at, p, why)
	h := p.happening(at, p.main, Dropped)
	h.CUCM = u.name
	u.site.story.tell(h)
}

// A register is what the phone wants with one REGISTER.
type register struct {
	full    bool   // with the bulk body: all lines
	auth    string // Authorization header, empty in the first one
	expires int    // asked for, 0 to unregister or for a secondary's keep-alive
	second  bool   // keep-alive to a secondary node
	reason  string // of a full one
	line    int    // of a REGISTER for one more line
}

// handle is the node's answer to a REGISTER at the time at, and the truth about it.
func (u *cucm) handle(at time.Time, p *phone, l *link, m *message, r register) (*message, Happening) {
	tag := fmt.Sprintf("%d", u.site.rng.Uint32())
	h := p.happening(at, m.dialog, "")
	date := "Date: " + at.UTC().Format("Mon, 02 Jan 2006 15:04:05 GMT")
	expires := int(u.site.cfg.Expires / time.Second)
	switch {
	case r.second:
		expires = 0
	case at.Before(p.refused):
		delete(u.regs, p.key())
		u.raise(at, p, alarmTransient)
		h.What, h.Code, h.By = Refused, 403, u.name
		short, _, _ := strings.Cut(u.name, ".")
		return m.answer(403, "Forbidden", tag, date, `Warning: 399 `+short+` "Unable to find a device handler for the request received on port 5060 from `+p.c.IP()+`"`,
			fmt.Sprintf("Retry-After: %d", p.retryAfter()/time.Second), server), h
	case p.challengedByCUCM(r):
		p.nonce = strings.ToUpper(fmt.Sprintf("%016x%016x", u.site.rng.Uint64(), u.site.rng.Uint64()))
		return m.answer(401, "Unauthorized", tag, date, `WWW-Authenticate: Digest realm="`+realm+`", nonce="`+p.nonce+`", algorithm=MD5`, server), h
	case r.expires == 0:
		if u.regs[p.key()] != nil {
			u.raise(at, p, alarmLeft)
		}
		delete(u.regs, p.key())
		h.What, expires = Unregistered, 0
	case r.line > 0:
		u.addLine(at, p, m, &h)
	default:
		u.register(at, p, l, m, r, &h)
	}
	return m.accept(p, r, tag, date, h.NewReg, expires), h
}

const server = "Server: Cisco-CUCM12.5"

// accept is the node's 200 to a REGISTER as it arrived.
func (m *message) accept(p *phone, r register, tag, date string, newreg bool, expires int) *message {
	contact := m.head[0]
	if newreg {
		contact += ";x-cisco-newreg"
	}
	a := m.answer(200, "OK", tag, date, "Supported: X-cisco-srtp-fallback,X-cisco-sis-9.1.0", contact, fmt.Sprintf("Expires: %d", expires), server)
	if a.newreg = newreg; r.full && !p.cfg.Full.Bare {
		a.remotecc(p)
	}
	return a
}

// addLine registers one more line of a phone, if that is registered.
func (u *cucm) addLine(at time.Time, p *phone, m *message, h *Happening) {
	if known := u.regs[p.key()]; known != nil {
		known.lines = min(known.lines+1, len(p.numbers))
		if h.Lines = known.lines; h.Lines == len(p.numbers) {
			u.raise(at, p, alarmRegistered)
		}
	}
	h.What, h.NewReg, h.Number = RegisteredLine, true, m.dialog.number
}

// register makes or prolongs a phone's registration, and tells which it was.
func (u *cucm) register(at time.Time, p *phone, l *link, m *message, r register, h *Happening) {
	known := u.regs[p.key()]
	if known != nil && known.dialog != m.dialog {
		known = nil // another Call-ID: a new registration takes the place of the old one
	}
	h.What, h.NewReg = KeptAlive, known == nil
	if known == nil {
		known = &registration{lines: 1, dialog: m.dialog}
		u.regs[p.key()] = known
		h.What = CameBack
	}
	if r.full {
		known.lines, h.What = p.fullLines(), Registered
		if p.cfg.Full.Bare {
			h.What = RegisteredPlain
		}
	}
	known.until, known.link, h.Lines = at.Add(u.site.cfg.Expires+u.site.cfg.Grace), l, known.lines
	if h.NewReg && known.lines < len(p.numbers) {
		u.raise(at.Add(3*time.Millisecond), p, alarmPartial)
	} else if h.NewReg {
		u.raise(at.Add(3*time.Millisecond), p, alarmRegistered)
	}
	u.site.time.At(known.until, func(now time.Time) {
		if u.regs[p.key()] == known && !now.Before(known.until) {
			u.forget(now, p, alarmTimedOut)
		}
	})
}
