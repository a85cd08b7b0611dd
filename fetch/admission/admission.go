// Package admission takes hold of few hosts at a time while the processors are full, so that the first
// of a thousand is held early and not all of them late, and of few there are packets and goroutines in memory.
//
// It guarantees the order in which they came; that a host that answers slowly keeps nobody waiting
// for longer than a quarter of a second; and that while the processors have time nobody waits for longer
// than some milliseconds. It does not know what is done with a host.
package admission

import (
	"context"
	"runtime"
	"runtime/metrics"
	"slices"
	"sync"
	"time"
)

const (
	few    = 16                     // that are always admitted
	counts = 250 * time.Millisecond // for so long one that is admitted counts among them
	gap    = 2 * time.Millisecond   // between two looks whether there is time for few more
	behind = 4                      // goroutines for each processor that wait for it: then it is full
)

// runnable is where the runtime says how many goroutines wait for a processor.
const runnable = "/sched/goroutines/runnable:goroutines"

// A Door admits hosts. It is safe for concurrent use; the zero value is ready.
type Door struct {
	Full func() bool // the processors are; nil: as the runtime says

	mu      sync.Mutex
	inside  int           // that count
	waiting []*entry      // in their order
	look    *time.Timer   // nil: nobody waits
	nobody  chan struct{} // closed when nobody waits any more; nil: nobody does
}

type entry struct {
	admitted chan struct{} // closed when it is
	late     *time.Timer   // ends its counting
	counted  bool
}

// Enter waits until the host is admitted, or until the end of ctx. leave says that it is held, or cannot be;
// to call it twice is harmless.
func (d *Door) Enter(ctx context.Context) (leave func(), err error) {
	e := &entry{admitted: make(chan struct{})}
	d.mu.Lock()
	d.waiting = append(d.waiting, e)
	d.admit(few - d.inside)
	d.mu.Unlock()

	select {
	case <-e.admitted:
		return func() { d.leave(e) }, nil
	case <-ctx.Done():
		d.leave(e)
		return nil, context.Cause(ctx)
	}
}

// Clear waits until all that have come are admitted: what is done with those that are held has
// time until then. It waits for most at most, and not beyond the end of ctx.
func (d *Door) Clear(ctx context.Context, most time.Duration) {
	d.mu.Lock()
	nobody := d.nobody
	d.mu.Unlock()
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
func (d *Door) admit(n int) {
	for ; n > 0 && len(d.waiting) > 0; n-- {
		e := d.waiting[0]
		d.waiting = d.waiting[1:]
		e.counted = true
		d.inside++
		e.late = time.AfterFunc(counts, func() { d.leave(e) })
		close(e.admitted)
	}
	d.wait()
}

// wait sees to it that somebody looks after those who wait.
func (d *Door) wait() {
	switch {
	case len(d.waiting) == 0 && d.look != nil:
		d.look.Stop()
		close(d.nobody)
		d.look, d.nobody = nil, nil
	case len(d.waiting) > 0 && d.look == nil:
		d.nobody = make(chan struct{})
		d.look = time.AfterFunc(gap, d.more)
	}
}

// more admits few more if there is time for them.
func (d *Door) more() {
	full := d.full()
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.look == nil {
		return
	}
	d.look.Reset(gap)
	if !full {
		d.admit(few)
	}
}

func (d *Door) leave(e *entry) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.waiting = slices.DeleteFunc(d.waiting, func(o *entry) bool { return o == e })
	if e.counted {
		e.counted = false
		e.late.Stop()
		d.inside--
	}
	d.admit(few - d.inside)
}

func (d *Door) full() bool {
	if d.Full != nil {
		return d.Full()
	}
	m := []metrics.Sample{{Name: runnable}}
	metrics.Read(m)
	return m[0].Value.Kind() == metrics.KindUint64 && m[0].Value.Uint64() > behind*uint64(runtime.GOMAXPROCS(0))
}
