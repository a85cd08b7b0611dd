// Package turns spreads over time what many do of themselves: dials of a thousand hosts do not
// come within the same second. Who has an incident asks for no turn.
//
// It guarantees at most 40 turns a second, in the order in which they were asked for. It does not
// know what they are for.
package turns

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"
)

// Gap lies between two turns: a thousand hosts are dialed within 25 s at a start or after an outage.
const Gap = 25 * time.Millisecond

// Turns gives turns, one after the other. It is safe for concurrent use.
type Turns struct {
	mu   sync.Mutex
	free time.Time // the next turn
}

// Next takes a turn, and says how long it is until then.
func (s *Turns) Next() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	if s.free.Before(now) {
		s.free = now
	}
	wait := s.free.Sub(now)
	s.free = s.free.Add(Gap)
	return wait
}

// Wait takes a turn and waits for it.
func (s *Turns) Wait(ctx context.Context) error {
	t := time.NewTimer(s.Next())
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Jitter is about as long as a step, and calm and up to a quarter more at least: many hosts
// behind one line are not to come at the same time, and none before it may.
func Jitter(step, calm time.Duration) time.Duration {
	return max(step*3/4+rand.N(step/2+1), calm+rand.N(calm/4+1))
}
