package cucm

import (
	"context"
	"net/netip"
	"sync"
	"time"
)

// What the cluster is asked at most. Its own limits, 15 and 80 by default, are shared by
// all applications.
const (
	risPerMinute  = 5
	perfPerMinute = 40
)

// Budgets are those of a process, by cluster: whoever is made anew of one, by a reload or a
// check, shares its budget. The zero value has none yet. It is safe for concurrent use.
type Budgets struct {
	mu  sync.Mutex
	all map[string][2]*budget
}

// of are a cluster's budgets for RIS and PerfMon.
func (b *Budgets) of(cluster string) (ris, perf *budget) {
	if b == nil {
		return newBudget(risPerMinute), newBudget(perfPerMinute)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	two, there := b.all[cluster]
	if !there {
		if b.all == nil {
			b.all = map[string][2]*budget{}
		}
		two = [2]*budget{newBudget(risPerMinute), newBudget(perfPerMinute)}
		b.all[cluster] = two
	}
	return two[0], two[1]
}

// A budget lets so many calls begin in any minute. Whoever came first goes first.
type budget struct {
	turn chan struct{}
	mu   sync.Mutex
	last []time.Time // when the latest calls began, as a ring
	next int
}

// aMinute has room for what a network adds between two calls.
const aMinute = 61 * time.Second

func newBudget(n int) *budget {
	return &budget{turn: make(chan struct{}, 1), last: make([]time.Time, n)}
}

// wait returns when a call may begin.
func (b *budget) wait(ctx context.Context) error {
	select {
	case b.turn <- struct{}{}:
		defer func() { <-b.turn }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	b.mu.Lock()
	oldest := b.last[b.next]
	b.mu.Unlock()
	if err := sleep(ctx, time.Until(oldest.Add(aMinute))); err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.last[b.next] = time.Now()
	b.next = (b.next + 1) % len(b.last)
	return nil
}

func sleep(ctx context.Context, d time.Duration) error {
	if err := ctx.Err(); err != nil {
		return context.Cause(ctx)
	}
	if d <= 0 {
		return nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func isIP(s string) bool {
	_, err := netip.ParseAddr(s)
	return err == nil
}
