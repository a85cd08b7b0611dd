// Package admission takes hold of few hosts at a time while the processors are full, so that the first
// of a thousand is held early and not all of them late, and of few there are packets and goroutines in memory.
//
// It guarantees the order in which they came; that a host that answers slowly keeps nobody waiting
// for longer than it counts; and that while the processors have time nobody waits for longer
// than some milliseconds. It does not know what is done with a host.
package admission

import (
	"cmp"
	"context"
	"runtime"
	"runtime/metrics"
	"slices"
	"sync"
	"time"
)

const (
	few    = 16                     // that are always admitted
	counts = 250 * time.Millisecond // for so long one that is admitted counts among them, unless Counts says otherwise
	gap    = 2 * time.Millisecond   // between two looks whether there is time for few more
	behind = 4                      // goroutines for each processor that wait for it: then it is full
)

// runnable is where the runtime says how many goroutines wait for a processor.
const runnable = "/sched/goroutines/runnable:goroutines"

// A Controller admits hosts. It is safe for concurrent use; the zero value is ready.
type Controller struct {
	Counts    time.Duration // for so long one that is admitted counts, unless it is released; zero: a quarter of a second
	Saturated func() bool   // the processors are; nil: as the runtime says

	mu      sync.Mutex
	inside  int           // that count
	waiting []*waiter     // in their order
	look    *time.Timer   // nil: nobody waits
	nobody  chan struct{} // closed when nobody waits any more; nil: nobody does
}

type waiter struct {
	admitted chan struct{} // closed when it is
	late     *time.Timer   // ends its counting
	counted  bool
}

// Acquire waits until the host is admitted, or until the end of ctx. release says that it is held, or cannot be;
// to call it twice is harmless.
func (c *Controller) Acquire(ctx context.Context) (release func(), err error) {
	w := &waiter{admitted: make(chan struct{})}
	c.mu.Lock()
	c.waiting = append(c.waiting, w)
	c.admit(few - c.inside)
	c.mu.Unlock()

	select {
	case <-w.admitted:
		return func() { c.release(w) }, nil
	case <-ctx.Done():
		c.release(w)
		return nil, context.Cause(ctx)
	}
}

// WaitEmpty waits until all that have come are admitted: what is done with those that are held has
// time until then. It waits for most at most, and not beyond the end of ctx.
func (c *Controller) WaitEmpty(ctx context.Context, most time.Duration) {
	c.mu.Lock()
	nobody := c.nobody
	c.mu.Unlock()
	if nobody == nil {
		return
	}
	t := time.NewTimer(most)
	defer t.Stop()
	select {
	case <-nobody:
	case <-t.C:
	case <-ctx.Done():
	}
}

// admit lets so many in, and looks again a little later if others are left.
func (c *Controller) admit(n int) {
	for ; n > 0 && len(c.waiting) > 0; n-- {
		w := c.waiting[0]
		c.waiting = c.waiting[1:]
		w.counted = true
		c.inside++
		w.late = time.AfterFunc(cmp.Or(c.Counts, counts), func() { c.release(w) })
		close(w.admitted)
	}
	c.wait()
}

// wait sees to it that somebody looks after those who wait.
func (c *Controller) wait() {
	switch {
	case len(c.waiting) == 0 && c.look != nil:
		c.look.Stop()
		close(c.nobody)
		c.look, c.nobody = nil, nil
	case len(c.waiting) > 0 && c.look == nil:
		c.nobody = make(chan struct{})
		c.look = time.AfterFunc(gap, c.more)
	}
}

// more admits few more if there is time for them.
func (c *Controller) more() {
	busy := c.saturated()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.look == nil {
		return
	}
	c.look.Reset(gap)
	if !busy {
		c.admit(few)
	}
}

func (c *Controller) release(w *waiter) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.waiting = slices.DeleteFunc(c.waiting, func(o *waiter) bool { return o == w })
	if w.counted {
		w.counted = false
		w.late.Stop()
		c.inside--
	}
	c.admit(few - c.inside)
}

func (c *Controller) saturated() bool {
	if c.Saturated != nil {
		return c.Saturated()
	}
	m := []metrics.Sample{{Name: runnable}}
	metrics.Read(m)
	return m[0].Value.Kind() == metrics.KindUint64 && m[0].Value.Uint64() > behind*uint64(runtime.GOMAXPROCS(0))
}
