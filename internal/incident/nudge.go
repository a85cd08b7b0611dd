package incident

import (
	"context"
	"time"
)

// nudge wakes those of one incident that wait before they try again.
type nudge struct {
	wake    chan struct{} // closed by Nudge
	waiters int
}

// Nudge makes the runner try an incident again at once if it waits to do so, or any
// host of it. It reports whether Run works at the incident at all.
func (r *Runner) Nudge(key string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if n := r.nudges[key]; n != nil {
		close(n.wake)
		delete(r.nudges, key)
	}
	return r.tended[key]
}

// Tends reports whether Run works at the incident, or waits to try it again.
func (r *Runner) Tends(key string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.tended[key]
}

// tending notes that Run works at the incident until done is called.
func (r *Runner) tending(key string) (done func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.tended == nil {
		r.tended = map[string]bool{}
	}
	r.tended[key] = true
	return func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		delete(r.tended, key)
	}
}

// rest is sleep that a Nudge of the incident ends too, with true.
func (r *Runner) rest(ctx context.Context, key string, d time.Duration, changed <-chan struct{}) bool {
	r.mu.Lock()
	if r.nudges == nil {
		r.nudges = map[string]*nudge{}
	}
	n := r.nudges[key]
	if n == nil {
		n = &nudge{wake: make(chan struct{})}
		r.nudges[key] = n
	}
	n.waiters++
	r.mu.Unlock()
	defer func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		if n.waiters--; n.waiters == 0 && r.nudges[key] == n {
			delete(r.nudges, key)
		}
	}()
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-n.wake:
		return true
	case <-changed:
		return false
	case <-ctx.Done():
		return false
	}
}
