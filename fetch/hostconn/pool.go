package hostconn

import (
	"context"
	"errors"
	"sync"
	"time"

	"rtmtgrab/fetch/hostconn/turns"
	"rtmtgrab/internal/sshdial"
)

// A Pool shares one Session per host between all that want it at the same time:
// a host may stand in several sites, and it is logged in to once.
type Pool struct {
	mu       sync.Mutex
	slots    map[string]*slot
	patience time.Duration // tests; zero: warmPatience

	Turns turns.Turns // of those who dial of themselves; Get asks for none
}

type slot struct {
	turn    chan struct{} // held while dialing
	session *Session
	users   int
	dialed  chan struct{} // holds one after a dial went well, for the keeper
	memory  memory        // outlives the session
}

// Get returns the session for key, dialing if there is none that stands. The
// Conn's Close gives it back; the last one ends it. A session that stood already may
// turn out to be silent: see replace.
func (p *Pool) Get(ctx context.Context, key string, allowed Commands, dial func(context.Context) (*sshdial.Client, error)) (Conn, error) {
	s := p.enter(key)
	session, stood, err := p.session(ctx, s, allowed, dial)
	if err != nil {
		p.leave(key, s, nil, false)
		return nil, err
	}
	conn := newShared(session, &s.memory, func(broken bool) { p.leave(key, s, session, broken) })
	if stood {
		p.enter(key) // what may come in its place is in the slot
		go func() {
			defer p.leave(key, s, nil, false)
			p.replaceSilent(ctx, s, conn, allowed, dial)
		}()
	}
	return conn, nil
}

// enter makes its caller a user of key's slot, until it leaves.
func (p *Pool) enter(key string) *slot {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.slots == nil {
		p.slots = map[string]*slot{}
	}
	s := p.slots[key]
	if s == nil {
		s = &slot{turn: make(chan struct{}, 1), dialed: make(chan struct{}, 1)}
		p.slots[key] = s
	}
	s.users++
	return s
}

// session returns the session of s for one more user, and whether it stood already.
func (p *Pool) session(ctx context.Context, s *slot, allowed Commands, dial func(context.Context) (*sshdial.Client, error)) (session *Session, stood bool, err error) {
	if err := s.take(ctx); err != nil {
		return nil, false, err
	}
	defer func() { <-s.turn }()
	stood = s.session != nil && s.session.Lost() == nil
	if !stood {
		if err := p.next(ctx, s, allowed, dial); err != nil {
			return nil, false, err
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	s.session.users++
	return s.session, stood, nil
}

// next puts a session in the place of one that is lost: over its connection if that
// stands, else over another. Its caller has the turn.
func (p *Pool) next(ctx context.Context, s *slot, allowed Commands, dial func(context.Context) (*sshdial.Client, error)) (err error) {
	if old := s.session; old != nil {
		if renewed := old.renew(ctx); renewed != nil {
			p.succeed(s, old, renewed)
			return nil
		}
		old.Close()
		s.session = nil
	}
	s.session, err = s.dial(ctx, allowed, dial)
	return err
}

// succeed puts a session in the place of an old one, which ends with its last user.
func (p *Pool) succeed(s *slot, old, session *Session) {
	p.mu.Lock()
	s.session = session
	close(old.replaced)
	unused := old.users == 0
	p.mu.Unlock()
	if unused {
		old.Close()
	}
}

// take waits for the turn to dial.
func (s *slot) take(ctx context.Context) error {
	select {
	case s.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// dial makes a session and lets the keeper know.
func (s *slot) dial(ctx context.Context, allowed Commands, dial func(context.Context) (*sshdial.Client, error)) (*Session, error) {
	client, err := dial(ctx)
	if err != nil {
		return nil, err
	}
	session, err := NewSession(ctx, client, allowed)
	if err != nil {
		return nil, err
	}
	select {
	case s.dialed <- struct{}{}:
	default:
	}
	return session, nil
}

// leave ends a slot's session with its last user, and one that was replaced with its
// own last one. A broken one is ended at once if nobody else has files open on it.
// session is the user's, nil if it has none.
func (p *Pool) leave(key string, s *slot, session *Session, broken bool) {
	p.mu.Lock()
	if session != nil {
		session.users--
	}
	old := session != nil && session.users == 0 && session.isReplaced()
	s.users--
	last := s.users == 0
	if broken && last && s.session != nil {
		s.session.abort(errBroken)
	}
	if last {
		delete(p.slots, key)
	}
	p.mu.Unlock()
	if old {
		session.Close()
	}
	if last && s.session != nil {
		s.session.Close()
	}
}

var errBroken = errors.New("the connection was closed")
