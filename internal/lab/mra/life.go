package mra

import (
	"fmt"
	"strconv"
	"time"
)

// boot registers all lines at the time at, on new connections and with a new Call-ID.
func (p *phone) boot(at time.Time, alarm, last string) {
	p.stop()
	plan := p.plan
	p.site.time.At(at, func(now time.Time) {
		if plan != p.plan {
			return
		}
		s := p.site
		p.port, p.uuid = 40000+s.rng.IntN(20000), p.hex(8)+"-"+p.hex(4)+"-"+p.hex(4)+"-"+p.hex(4)+"-"+p.hex(12)
		p.natPort = p.port
		p.session = session{booted: now}
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
		p.planNext()
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
	p.planNext()
}

// beLate notes that a keep-alive is to be sent at the time at, after a silence.
func (p *phone) beLate(at time.Time) {
	p.lateAt = at
	if !p.sent.IsZero() {
		p.planNext()
	}
}

// planNext has the next keep-alive sent when it is due.
func (p *phone) planNext() {
	plan, at := p.due(p.site.silence())
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

// changeUser gives the phone the lines of a user, or its own again if there is none.
func (p *phone) changeUser(now time.Time, user string) {
	was := p.leave(now)
	p.profile = newPhone(p.site, p.index).profile.of(user)
	if was {
		p.boot(now.Add(p.site.cfg.Expires/24), "23", "Reset-Restart")
	}
}

func (p *phone) rebind(now time.Time) {
	if p.main == nil {
		return
	}
	p.logConnection(now, `"TCP Connection Closed" Reason="Idle countdown expired"`)
	p.natPort = 40000 + (p.natPort-40000+1+p.site.rng.IntN(19000))%20000
	p.logConnection(now.Add(time.Second), `"TCP Connection Established"`)
}

// move lets the phone start anew over the next pair of peers.
func (p *phone) move(now time.Time) {
	if p.main != nil {
		p.logConnection(now, `"TCP Connection Closed" Reason="Got EOF on socket"`)
	}
	p.take(p.pair + 1)
	p.boot(now, "10", "TCP-timeout")
}
