package hostconn

import (
	"context"
	"sync"
	"time"

	"rtmtgrab/internal/copyqueue"
)

// CarefulRate is how many bytes a second a ring reads off a host: nothing is about to
// be lost there. A grab takes what the line and ssh.bandwidth give.
const CarefulRate = 8 << 20

// A Pacer spreads reads over time. Nil is no limit. It is safe for concurrent use.
type Pacer struct {
	Rate int64 // bytes a second
	mu   sync.Mutex
	free time.Time // when what was let through so far has been paid for
}

// Wait returns when n bytes may be read, or with ctx's cause when that ends first.
// A quarter of a second's worth may go at once.
func (p *Pacer) Wait(ctx context.Context, n int64) error {
	if p == nil || p.Rate <= 0 {
		return ctx.Err()
	}
	p.mu.Lock()
	now := time.Now()
	if least := now.Add(-time.Second / 4); p.free.Before(least) {
		p.free = least
	}
	p.free = p.free.Add(time.Duration(float64(n) / float64(p.Rate) * float64(time.Second)))
	delay := p.free.Sub(now)
	p.mu.Unlock()
	if delay <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(delay)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Meter counts what was read, and bounds how fast. It is safe for concurrent use.
type Meter struct {
	Tell func(done int64) // how many bytes were read so far, one call at a time; may be nil
	Pace *Pacer
	Turn *copyqueue.Turn // nil: nobody else copies
	mu   sync.Mutex
	done int64
}

func (m *Meter) Add(n int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.done += n
	if m.Tell != nil {
		m.Tell(m.done)
	}
}

// Wait returns when a pass may read n bytes more.
func (m *Meter) Wait(ctx context.Context, n int64) error {
	if err := m.Turn.Wait(ctx, n); err != nil {
		return err
	}
	return m.Pace.Wait(ctx, n)
}
