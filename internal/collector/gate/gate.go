// Package gate keeps work at hosts going while they are open, and only then.
//
// It guarantees that work whose hosts are all shut is told to end, and has ended before it is
// begun again. It does not know what the work is, nor why a host is shut.
package gate

import (
	"context"
	"maps"
	"slices"
	"sync"
)

// A Gate keeps grab watch from logging in, of itself, to hosts of which all sites
// are paused by hand: what is under maintenance refuses logins, and a refused login
// blocks. The zero gate is open, and so is a nil one.
type Gate struct {
	mu      sync.Mutex
	shut    map[string]bool // by host
	changed chan struct{}   // closed when shut changes
}

// Set says which hosts are shut.
func (g *Gate) Set(shut map[string]bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if maps.Equal(g.shut, shut) {
		return
	}
	g.shut = shut
	if g.changed != nil {
		close(g.changed)
	}
	g.changed = nil
}

// State reports whether all of the hosts are shut, and gives what is closed when
// that may have changed.
func (g *Gate) State(hosts []string) (shut bool, changed <-chan struct{}) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.changed == nil {
		g.changed = make(chan struct{})
	}
	return !slices.ContainsFunc(hosts, func(h string) bool { return !g.shut[h] }), g.changed
}

// While runs run whenever one of the hosts is not shut, until ctx ends or run ends by
// itself. Its context ends when all are.
func (g *Gate) While(ctx context.Context, hosts []string, run func(context.Context)) {
	if g == nil {
		run(ctx)
		return
	}
	for g.wait(ctx, hosts, false) {
		open, cancel := context.WithCancel(ctx)
		var wg sync.WaitGroup
		wg.Go(func() {
			if g.wait(open, hosts, true) {
				cancel()
			}
		})
		func() {
			defer wg.Wait()
			defer cancel()
			run(open)
			if open.Err() == nil {
				ctx, cancel = context.WithCancel(ctx) // it has ended by itself
				cancel()
			}
		}()
	}
}

// wait waits until all of the hosts are shut, or one is not. False: ctx has ended.
func (g *Gate) wait(ctx context.Context, hosts []string, want bool) bool {
	for ctx.Err() == nil {
		shut, changed := g.State(hosts)
		if shut == want {
			return true
		}
		select {
		case <-changed:
		case <-ctx.Done():
		}
	}
	return false
}
