package cucm

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/netip"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"rtmtgrab/internal/atomicfile"
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
	dir string
	all map[string][2]*budget
}

// Keep has the latest calls for phones kept in a folder, which it makes: a restart brings no new
// budget. It is called before the first cluster is made, by one process of a store. What cannot be
// kept counts in this process alone.
func (b *Budgets) Keep(dir string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.dir = dir
	return atomicfile.MkdirAll(dir)
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
		if b.dir != "" {
			sum := sha256.Sum256([]byte(cluster))
			two[0].keep(filepath.Join(b.dir, hex.EncodeToString(sum[:12])+".json"))
		}
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
	kept atomicfile.JSON[[]time.Time] // the same, oldest first; without a path: nowhere
}

// aMinute has room for what a network adds between two calls.
const aMinute = 61 * time.Second

func newBudget(n int) *budget {
	return &budget{turn: make(chan struct{}, 1), last: make([]time.Time, n)}
}

// keep takes up the calls that an earlier process made, and keeps those to come.
func (b *budget) keep(file string) {
	b.kept.Path = file
	made, _, _ := b.kept.Recover(nil) // what cannot be read is made anew
	now := time.Now()
	made = slices.DeleteFunc(made, func(t time.Time) bool { return t.After(now) || now.Sub(t) > aMinute })
	made = made[max(0, len(made)-len(b.last)):]
	b.next = copy(b.last, made) % len(b.last)
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
	if err := sleep(ctx, min(time.Until(oldest.Add(aMinute)), aMinute)); err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.last[b.next] = time.Now()
	b.next = (b.next + 1) % len(b.last)
	if b.kept.Path != "" {
		made := slices.Concat(b.last[b.next:], b.last[:b.next])
		b.kept.Save(slices.DeleteFunc(made, time.Time.IsZero)) // without it a restart in this minute may ask too often
	}
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
