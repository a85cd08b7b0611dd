package fetch

import (
	"context"
	"errors"
	"sync"

	"rtmtgrab/internal/sshdial"
)

// A Pool shares one Session per host between all that want it at the same time:
// a host may stand in several sites, and it is logged in to once.
type Pool struct {
	mu    sync.Mutex
	slots map[string]*slot
}

type slot struct {
	turn    chan struct{} // held while dialing
	session *Session
	users   int
	dialed  chan struct{} // holds one after a dial went well, for the keeper
	memory  memory        // outlives the session
}

// Get returns the session for key, dialing if there is none that stands. The
// Conn's Close gives it back; the last one ends it.
func (p *Pool) Get(ctx context.Context, key string, allowed Commands, dial func(context.Context) (*sshdial.Client, error)) (Conn, error) {
	s := p.enter(key)
	session, err := s.get(ctx, allowed, dial)
	if err != nil {
		p.leave(key, s, false)
		return nil, err
	}
	return newShared(session, &s.memory, func(broken bool) { p.leave(key, s, broken) }), nil
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

func (s *slot) get(ctx context.Context, allowed Commands, dial func(context.Context) (*sshdial.Client, error)) (*Session, error) {
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	if s.session != nil && s.session.Lost() == nil {
		return s.session, nil
	}
	if s.session != nil {
		s.session.Close()
		s.session = nil
	}
	client, err := dial(ctx)
	if err != nil {
		return nil, err
	}
	if s.session, err = NewSession(ctx, client, allowed); err != nil {
		return nil, err
	}
	select {
	case s.dialed <- struct{}{}:
	default:
	}
	return s.session, nil
}

// leave ends a slot's session with its last user. A broken one is ended at once
// if nobody else has files open on it.
func (p *Pool) leave(key string, s *slot, broken bool) {
	p.mu.Lock()
	s.users--
	last := s.users == 0
	if broken && last && s.session != nil {
		s.session.abort(errBroken)
	}
	if last {
		delete(p.slots, key)
	}
	p.mu.Unlock()
	if last && s.session != nil {
		s.session.Close()
	}
}

var errBroken = errors.New("the connection was given up")
