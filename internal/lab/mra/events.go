package mra

import "time"

// An Event makes something go wrong, or well again.
type Event struct {
	At    time.Time // real time; past ones are for Backfill
	Kind  EventKind
	Phone int // index, from 0

	// What some kinds need beside; see there.
	For   time.Duration
	Where string
	Alarm int
	User  string
	Code  int    // of the error that a peer makes itself when it gets no answer; zero: none
	Close string // reason of the close record, in the log's words; empty: there is none
	Node  string // a CUCM node
}

// EventKind says what an Event does.
type EventKind string

// The events.
const (
	// LateKeepAlive is cause A: the phone's keep-alive is sent at At, after a silence
	// that CUCM did not wait out. Scheduled too late for that, it is sent as soon as
	// CUCM has forgotten the phone.
	LateKeepAlive EventKind = "late_keepalive"
	// DropTCP is cause B: at At the connection from the phone's Expressway-C to the
	// primary CUCM closes; every phone on it goes partial with its next keep-alive.
	DropTCP EventKind = "tcp_dropped"
	// Reset cures: the phone unregisters, starts anew and registers all its lines.
	// Alarm is 20 (by the user), 22 (a reset by CUCM) or 23 (a restart by CUCM, and zero).
	Reset EventKind = "reset"
)

// More events. For is how long they last; zero: for good.
const (
	// DelayKeepAlive holds up the phone's first keep-alive after At by For on its
	// way to Where: "E", "C" or "CUCM". The phone sent it on time.
	DelayKeepAlive EventKind = "delay_keepalive"
	// Refuse lets CUCM answer the phone with 403, a Warning and Retry-After.
	Refuse EventKind = "refuse"
	// Busy lets the phone's Expressway-C answer it with a 503 of its own.
	Busy EventKind = "busy"
	// BadToken lets Expressway-E refuse the credentials of a phone with Bearer: 407 again.
	BadToken EventKind = "bad_token"
	// UserLogin is Extension Mobility: the phone unregisters and registers with the
	// lines of User; UserLogout takes it back to its own.
	UserLogin  EventKind = "login"
	UserLogout EventKind = "logout"
	// Rebind gives the phone another source port at E, and nothing else.
	Rebind EventKind = "rebind"
	// Move lets the phone register anew through the next pair of peers.
	Move EventKind = "move"
	// PeerDown stops the phone's Expressway-E; all phones on it move.
	PeerDown EventKind = "peer_down"
	// Silence cuts the phone off for For; then it registers all its lines.
	Silence EventKind = "silence"
	// Leave unregisters the phone for good.
	Leave EventKind = "leave"
	// ZoneDown is the traversal zone of the phone's Expressway-E.
	ZoneDown EventKind = "zone_down"
	// NodeDown lets the primary CUCM answer no more; phones go to the next node, and
	// back when it is there again.
	NodeDown EventKind = "node_down"
)

// happen lets an event happen to a phone.
func (s *Site) happen(now time.Time, p *phone, ev Event) {
	until := now.Add(ev.For)
	if ev.For == 0 {
		until = now.Add(1000 * time.Hour)
	}
	switch ev.Kind {
	case DelayKeepAlive:
		p.delay = delay{to: ev.Where, by: ev.For}
	case Refuse:
		p.refused = until
	case Busy:
		p.busy = until
	case BadToken:
		p.expired = until
	case UserLogin, UserLogout:
		p.changeUser(now, ev.User)
	case Rebind:
		p.rebind(now)
	case Move:
		p.move(now)
	case PeerDown:
		s.peerDown(now, p.e)
	case Silence:
		p.boot(until, "10", "TCP-timeout")
	case Leave:
		p.leave(now)
	case ZoneDown:
		e := p.e
		s.zoneDown(now, e)
		s.time.At(until, func(now time.Time) { s.zoneUp(now, e) })
	case NodeDown:
		s.nodeDown(now, s.nodes[0])
		s.time.At(until, func(now time.Time) { s.nodeUp(now, s.nodes[0]) })
	default:
		s.trouble(now, until, p, ev)
	}
}

func (s *Site) peerDown(now time.Time, e *peer) {
	e.zone.stopped = true
	e.silent = true
	s.story.tell(Happening{Time: now, What: PeerFailed, E: e.Name()})
	for _, c := range s.c {
		c.logZone(now, c, e, `"TCP Connection Closed" Reason="Got EOF on socket"`)
	}
	for _, p := range s.all() {
		if p.e == e {
			p.stop()
			s.time.At(now.Add(time.Duration((0.1+s.rng.Float64())*float64(s.cfg.Expires)/8)), p.move)
		}
	}
}

func (s *Site) nodeDown(now time.Time, u *cucm) {
	u.down = true
	for _, p := range s.all() {
		if u.regs[p.key()] != nil {
			p.cutBy = HopCUCM
		}
	}
	clear(u.regs)
	s.story.tell(Happening{Time: now, What: NodeFailed, CUCM: u.name})
	s.time.At(now.Add(s.cfg.Expires/6), func(now time.Time) { // until then the connections look well
		for _, c := range s.c {
			if l := s.link(c, u); l.up && u.down {
				l.up = false
				l.log(now, `"TCP Connection Closed" Reason="Got EOF on socket"`)
				s.story.tell(Happening{Time: now, What: TCPClosed, CUCM: u.name, C: c.Name()})
			}
		}
	})
}

func (s *Site) nodeUp(now time.Time, u *cucm) {
	u.down = false
	s.story.tell(Happening{Time: now, What: NodeBack, CUCM: u.name})
	for _, p := range s.all() {
		if p.main == nil || p.main.cucm == u {
			continue
		}
		back := now.Add(time.Duration((1 + s.rng.Float64()) * float64(s.cfg.Expires) / 8))
		s.time.At(back, func(now time.Time) {
			if p.leave(now) {
				p.boot(now.Add(time.Second), "18", "Failback")
			}
		})
	}
}

// all are the phones with the second registrations of those that hold two.
func (s *Site) all() []*phone {
	out := append([]*phone{}, s.phones...)
	for _, p := range s.phones {
		if p.twin != nil {
			out = append(out, p.twin)
		}
	}
	return out
}
