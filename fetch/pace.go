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

// careful is the pace of a pass. What the first pass over a connection takes may be
// gone soon: it has none. Later ones take what has come to files that are held,
// four times as fast as it came if that is more than the careful rate.
func (g *Grab) careful(plans []*plan, listed time.Time) *pacer {
	if g.took.IsZero() {
		return nil
	}
	var n int64
	for _, p := range plans {
		for _, h := range p.parts {
			n += g.state.family(p.family).missingOf(h)
		}
	}
	since := max(listed.Sub(g.took).Seconds(), 1)
	return &pacer{rate: max(carefulRate, int64(4*float64(n)/since))}
}

// missingOf is how many bytes of what is wanted of a file are not on disk.
func (f *family) missingOf(h *held) (n int64) {
	if h.found == nil {
		return h.size
	}
	for _, l := range f.lacking(h, h.found.from, h.found.to) {
		n += l.to - l.from
	}
	return n
}

// wait returns when a pass may read n bytes more.
func (m *meter) wait(ctx context.Context, n int64) error { return m.pace.wait(ctx, n) }
