package collector

import (
	"context"
	"maps"
	"slices"
	"sync"

	"rtmtgrab/internal/config"
	"rtmtgrab/internal/incident"
)

// A gate keeps grab watch from logging in, of itself, to hosts of which all sites
// are paused by hand: what is under maintenance refuses logins, and a refused login
// blocks. The zero gate is open, and so is a nil one.
type gate struct {
	mu      sync.Mutex
	shut    map[string]bool // by host
	changed chan struct{}   // closed when shut changes
}

// set says which hosts are shut.
func (g *gate) set(shut map[string]bool) {
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

// state reports whether all of the hosts are shut, and gives what is closed when
// that may have changed.
func (g *gate) state(hosts []string) (shut bool, changed <-chan struct{}) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.changed == nil {
		g.changed = make(chan struct{})
	}
	return !slices.ContainsFunc(hosts, func(h string) bool { return !g.shut[h] }), g.changed
}

// while runs run whenever one of the hosts is not shut, until ctx ends or run ends by
// itself. Its context ends when all are.
func (g *gate) while(ctx context.Context, hosts []string, run func(context.Context)) {
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
func (g *gate) wait(ctx context.Context, hosts []string, want bool) bool {
	for ctx.Err() == nil {
		shut, changed := g.state(hosts)
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

// shutHosts are the hosts of which all sites are in a pause that was begun by hand.
func shutHosts(cfg *config.Config, pauses []incident.Pause) map[string]bool {
	shut := map[string]bool{}
	if len(pauses) == 0 {
		return shut
	}
	for i := range cfg.Sites {
		for _, h := range cfg.Sites[i].Hosts {
			shut[h.Name] = !slices.ContainsFunc(cfg.SitesOf(h.Name), func(s *config.Site) bool { return !pausedBy(pauses, s.Name) })
		}
	}
	maps.DeleteFunc(shut, func(_ string, shut bool) bool { return !shut })
	return shut
}

func pausedBy(pauses []incident.Pause, site string) bool {
	return slices.ContainsFunc(pauses, func(p incident.Pause) bool { return p.Covers(site) })
}
