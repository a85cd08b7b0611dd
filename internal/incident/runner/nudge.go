package runner

import (
	"context"
	"sync"
	"time"
)

// naps knows which incidents are worked at, and wakes those who wait before they try
// one again. The zero value is ready.
type naps struct {
	mu      sync.Mutex
	some    map[string]*nap // by key, of incidents that wait
	working map[string]bool // by key
}

// nap is the waiting of those of one incident.
type nap struct {
	wake    chan struct{} // closed by a nudge
	waiters int
}

// nudge ends the naps of an incident, and reports whether it was worked at: whom it wakes
// may be done with it at once.
func (n *naps) nudge(key string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if nap := n.some[key]; nap != nil {
		close(nap.wake)
		delete(n.some, key)
	}
	return n.working[key]
}

func (n *naps) worksOn(key string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.working[key]
}

// work notes that somebody works at the incident until done is called.
func (n *naps) work(key string) (done func()) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.working == nil {
		n.working = map[string]bool{}
	}
	n.working[key] = true
	return func() {
		n.mu.Lock()
		defer n.mu.Unlock()
		delete(n.working, key)
	}
}

// join is the nap of an incident, which leave is to be called for.
func (n *naps) join(key string) (shared *nap, leave func()) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.some == nil {
		n.some = map[string]*nap{}
	}
	shared = n.some[key]
	if shared == nil {
		shared = &nap{wake: make(chan struct{})}
		n.some[key] = shared
	}
	shared.waiters++
	return shared, func() {
		n.mu.Lock()
		defer n.mu.Unlock()
		if shared.waiters--; shared.waiters == 0 && n.some[key] == shared {
			delete(n.some, key)
		}
	}
}

// rest is sleep that a nudge of the incident ends too, with true.
func (n *naps) rest(ctx context.Context, key string, d time.Duration, changed <-chan struct{}) bool {
	shared, leave := n.join(key)
	defer leave()
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-shared.wake:
		return true
	case <-changed:
		return false
	case <-ctx.Done():
		return false
	}
}
