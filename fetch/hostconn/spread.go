package hostconn

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"
)

// spreadGap lies between two turns of a spread: at most 40 a second, so that a thousand
// hosts are dialed within 25 s at a start or after an outage.
const spreadGap = 25 * time.Millisecond

// A spread gives turns, one after the other, to those who dial of themselves and are in no
// hurry, that a thousand do not come within the same second. It is safe for concurrent use.
type spread struct {
	mu   sync.Mutex
	free time.Time // the next turn
}

// turn is how long to wait for one's own.
func (s *spread) turn() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	if s.free.Before(now) {
		s.free = now
	}
	wait := s.free.Sub(now)
	s.free = s.free.Add(spreadGap)
	return wait
}

// WaitTurn waits for the turn of one who will dial of himself, beside the keepers: one of
// many whom nobody waits for. A grab asks for none, it dials at once.
func (p *Pool) WaitTurn(ctx context.Context) error {
	t := time.NewTimer(p.spread.turn())
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// jitter is about as long as a step, and calm and up to a quarter more at least: many hosts
// behind one line are not to come at the same time, and none before it may.
func jitter(step, calm time.Duration) time.Duration {
	return max(step*3/4+rand.N(step/2+1), calm+rand.N(calm/4+1))
}
