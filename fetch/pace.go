package fetch

import (
	"context"
	"sync"
	"time"
)

// carefulRate is how many bytes a second are read off a host where nothing is
// about to be lost: by the ring, and by passes after the first, whose files are
// held. A first pass takes what the line and ssh.bandwidth give.
const carefulRate = 8 << 20

// A pacer spreads reads over time. Nil is no limit. It is safe for concurrent use.
type pacer struct {
	rate int64 // bytes a second
	mu   sync.Mutex
	free time.Time // when what was let through so far has been paid for
}

// wait returns when n bytes may be read, or with ctx's cause when that ends first.
// A quarter of a second's worth may go at once.
func (p *pacer) wait(ctx context.Context, n int64) error {
	if p == nil || p.rate <= 0 {
		return ctx.Err()
	}
	p.mu.Lock()
	now := time.Now()
	if least := now.Add(-time.Second / 4); p.free.Before(least) {
		p.free = least
	}
	p.free = p.free.Add(time.Duration(float64(n) / float64(p.rate) * float64(time.Second)))
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

// meter counts what was read, and bounds how fast. It is safe for concurrent use.
type meter struct {
	tell func(done int64) // how many bytes were read so far, one call at a time; may be nil
	pace *pacer
	mu   sync.Mutex
	done int64
}

func (m *meter) add(n int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.done += n
	if m.tell != nil {
		m.tell(m.done)
	}
}

// wait returns when a pass may read n bytes more.
func (m *meter) wait(ctx context.Context, n int64) error { return m.pace.wait(ctx, n) }
