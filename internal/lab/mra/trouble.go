package mra

import "time"

// Trouble on the way. For is how long it lasts; zero: for good.
const (
	// SilentDrop is cause B in its silent form: a firewall drops what the phone's
	// Expressway-C sends to the primary CUCM over the connection of that moment, and
	// nobody is told. C gives up on each message with Code after 32 s. After For it
	// closes the connection, for the reason Close if that is to be logged, and the
	// next message opens another one: to Node, if there is one.
	SilentDrop EventKind = "silent_drop"
	// ZoneSilent is the same between the phone's Expressway-E and the Cs; E gives up
	// with Code. With Close, the records of a failed zone stand at its end.
	ZoneSilent EventKind = "zone_silent"
	// Deaf lets CUCM take no notice of the phone; C gives up with Code.
	Deaf EventKind = "deaf"
	// Fail lets the peer Where ("E" or "C") answer the phone's keep-alives with Code;
	// without For the next one alone.
	Fail EventKind = "fail"
	// NoConnection closes the connection from the phone's Expressway-C to Node (zero:
	// the primary), and none can be opened for For.
	NoConnection EventKind = "no_connection"
	// Slow lets CUCM take the phone's next keep-alive in time and answer it For later.
	// After 32 s C has given up with 408.
	Slow EventKind = "slow"
	// Repeat lets the phone's next keep-alive be sent to Where ("E", "C" or "CUCM") over
	// and over, the same message, until it is answered after For.
	Repeat EventKind = "repeat"
	// RepeatLost is the same, and all but the last do not arrive.
	RepeatLost EventKind = "repeat_lost"
	// Lose loses the phone's next keep-alive on its way to Where; the phone sends
	// another one For later, zero: at its next turn.
	Lose EventKind = "lose"
	// Cadence is another time between the phone's keep-alives: For.
	Cadence EventKind = "cadence"
	// ClockStep lets the clock of the host Where jump by For.
	ClockStep EventKind = "clock_step"
	// DateStep lets the phone's own clock jump by For.
	DateStep EventKind = "date_step"
	// Answers lets CUCM answer the phone's full REGISTERs in the style Where.
	Answers EventKind = "answers"
	// Stall holds up everything on the phone's way for For: Where is "C" (the C is
	// frozen), "E-C" (what E sends to C), "in C" or "CUCM" (what C sends to CUCM).
	Stall EventKind = "stall"
)

// plight is what is wrong with one phone's messages.
type plight struct {
	refused, busy, expired time.Time // until then CUCM answers 403, C 503, E 407

	delay   delay // of the next keep-alive
	deaf    spell
	fail    spell
	slow    time.Duration
	repeat  repeat
	lose    lose
	every   time.Duration // its cadence; zero: the Site's
	clock   time.Duration // beside PhoneConfig.Clock
	answers AnswerStyle   // instead of FullRegister.Answer
}

// A spell is a time in which a peer answers with Code, where it is at one of them.
type spell struct {
	where string
	until time.Time
	code  int
	once  bool
}

// A delay holds up the phone's next keep-alive on its way to a peer.
type delay struct {
	to string // "E", "C" or "CUCM"; "in C"
	by time.Duration
}

type repeat struct {
	to   string
	by   time.Duration
	lost bool
}

type lose struct {
	to    string
	after time.Duration
	code  int
}

// silence is a connection that carries nothing.
type silence struct {
	silent bool
	code   int // with which its near end gives up
}

func (s *Site) trouble(now, until time.Time, p *phone, ev Event) {
	switch ev.Kind {
	case SilentDrop:
		s.silentDrop(now, until, p, ev)
	case ZoneSilent:
		s.zoneSilent(now, until, p, ev)
	case Deaf:
		p.deaf = spell{until: until, code: ev.Code}
	case Fail:
		p.fail = spell{where: ev.Where, until: until, code: ev.Code, once: ev.For == 0}
	case NoConnection:
		l := s.link(p.c, s.node(ev.Node))
		l.closedUntil = until
		l.drop(now)
	case Slow:
		p.slow = ev.For
	case Repeat, RepeatLost:
		p.repeat = repeat{to: ev.Where, by: ev.For, lost: ev.Kind == RepeatLost}
	case Lose:
		p.lose = lose{to: ev.Where, after: ev.For, code: ev.Code}
	case Cadence:
		p.every = ev.For
	case ClockStep:
		for _, e := range s.peers() {
			if e.Name() == ev.Where {
				e.SetClockOffset(e.ClockOffset() + ev.For)
			}
		}
	case DateStep:
		p.clock += ev.For
	case Answers:
		p.answers = AnswerStyle(ev.Where)
	case Stall:
		s.stall(now, until, p, ev.Where)
	}
}

// node is the one of that name, the primary if there is none.
func (s *Site) node(name string) *cucm {
	for _, u := range s.nodes {
		if u.name == name {
			return u
		}
	}
	return s.nodes[0]
}

func (s *Site) silentDrop(now, until time.Time, p *phone, ev Event) {
	c, l := p.c, s.link(p.c, s.nodes[0])
	l.silence = silence{true, ev.Code}
	port := l.port
	s.story.tell(Happening{Time: now, What: TCPSilent, CUCM: l.cucm.name, C: c.Name()})
	s.time.At(until, func(now time.Time) {
		if !l.up || l.port != port {
			return
		}
		l.up, l.silence = false, silence{}
		if ev.Close != "" {
			l.log(now, `"TCP Connection Closed" Reason="`+ev.Close+`"`)
			s.story.tell(Happening{Time: now, What: TCPClosed, CUCM: l.cucm.name, C: c.Name()})
		}
		if ev.Node != "" {
			c.instead[l.cucm] = s.node(ev.Node)
		}
	})
}

func (s *Site) zoneSilent(now, until time.Time, p *phone, ev Event) {
	e := p.e
	z := e.zone
	z.silence = silence{true, ev.Code}
	s.story.tell(Happening{Time: now, What: ZoneWentSilent, E: e.Name()})
	s.time.At(until, func(now time.Time) {
		z.silence = silence{}
		if ev.Close == "" {
			z.port = 25000 + s.rng.IntN(5000) // another connection, of which no record tells
			return
		}
		s.zoneDown(now, e)
		s.time.At(now.Add(s.cfg.Expires/60), func(now time.Time) { s.zoneUp(now, e) })
	})
}

// Where a stall may be, at a peer.
const (
	stallZone = "E-C"
	stallC    = "C"
	stallInC  = "in C"
	stallUp   = "CUCM"
)

func (s *Site) stall(now, until time.Time, p *phone, where string) {
	c := p.c
	if where == stallZone {
		p.e.stalls[where] = until
	} else {
		c.stalls[where] = until
	}
	s.story.tell(Happening{Time: now, What: Stalled, C: c.Name(), E: p.e.Name(), By: where})
	if where == stallC {
		c.frozen = true
		s.time.At(until, func(time.Time) { c.frozen = false })
	}
}

// fails reports whether a peer answers a keep-alive for itself, and with which code.
func (t *trip) fails(where string, now time.Time) (int, bool) {
	f := &t.p.fail
	if f.where != where || !now.Before(f.until) || !t.plain() {
		return 0, false
	}
	if f.once {
		f.until = now
	}
	return f.code, true
}
