package hostconn

import (
	"context"
	"errors"
	"time"

	"rtmtgrab/internal/sshdial"
)

// warmPatience is how long a session that stood before it was wanted may say nothing
// until another is dialed beside it.
const warmPatience = 5 * time.Second

var ErrSilent = errors.New("the warm session stopped answering and was replaced")

// replaceSilent sees to it that the user of a session that stood already does not wait until
// it is given up, if its host has fallen silent since it was last heard: a firewall
// may have forgotten it. Another one is dialed, once, and whichever answers first is
// used. A login that has begun is not broken off for that: it would count against the
// host's budget. Files that others hold on the old session stay held as long as it
// stands.
func (p *Pool) replaceSilent(ctx context.Context, s *slot, conn *shared, allowed Commands, dial func(context.Context) (*sshdial.Client, error)) {
	old := conn.Session
	began := time.Now()
	answered := make(chan struct{})
	old.calls.Go(func() {
		defer close(answered)
		old.ssh.SendRequest("keepalive@openssh.com", true, nil)
	})
	patience := warmPatience
	if p.patience > 0 {
		patience = p.patience
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-answered:
		return // or lost, which shows
	case <-conn.gone:
		return
	case <-ctx.Done():
		return
	case <-timer.C:
	}
	alive := func() bool { return old.Lost() != nil || old.ssh.Heard().After(began) }
	if alive() || s.take(ctx) != nil {
		return
	}
	defer func() { <-s.turn }()
	if alive() || s.session == old && !p.replace(ctx, s, allowed, dial, alive) || s.session == nil || s.session.Lost() != nil {
		return
	}
	close(conn.silent) // its user Gets the other one
}

// replace puts another session in the place of that of s, unless that is alive by
// then. It is tried once for each session. Its caller has the turn.
func (p *Pool) replace(ctx context.Context, s *slot, allowed Commands, dial func(context.Context) (*sshdial.Client, error), alive func() bool) bool {
	old := s.session
	if old.replaceTried {
		return false
	}
	old.replaceTried = true
	session, err := s.dial(ctx, allowed, dial)
	if err != nil {
		return false // it is told when the old one is given up and that is tried again
	}
	p.mu.Lock()
	if alive() {
		p.mu.Unlock()
		session.Close()
		return false
	}
	s.session = session
	close(old.replaced)
	unused := old.users == 0
	p.mu.Unlock()
	if unused {
		old.Close()
	}
	return true
}

// isReplaced is for those who have the Pool's mu.
func (s *Session) isReplaced() bool {
	select {
	case <-s.replaced:
		return true
	default:
		return false
	}
}
