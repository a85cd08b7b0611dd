// Package timeline runs tasks in the order of their times, the past at once and the
// present by the clock: the laboratory's clockwork. It guarantees that of tasks for one
// moment the one that was added first runs first, so that what a run does depends on its
// tasks alone. It does not know what they do.
package timeline

import (
	"container/heap"
	"context"
	"sync"
	"time"
)

// A Timeline runs tasks in the order of their times: the past at once, the
// present as the clock goes. One goroutine at a time may run it; tasks may be
// added from anywhere.
type Timeline struct {
	flush func() // called after each batch

	mu    sync.Mutex
	tasks taskHeap
	seq   int
	now   time.Time // of the task that ran last, or where Backfill ended
	wake  chan struct{}
}

type task struct {
	at  time.Time
	seq int
	run func(at time.Time)
}

type taskHeap []task

func (h taskHeap) Len() int { return len(h) }
func (h taskHeap) Less(i, j int) bool {
	if h[i].at.Equal(h[j].at) {
		return h[i].seq < h[j].seq
	}
	return h[i].at.Before(h[j].at)
}
func (h taskHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *taskHeap) Push(x any)   { *h = append(*h, x.(task)) }
func (h *taskHeap) Pop() any {
	old := *h
	t := old[len(old)-1]
	*h = old[:len(old)-1]
	return t
}

// New makes one; flush is called after each batch of tasks.
func New(flush func()) *Timeline {
	return &Timeline{flush: flush, wake: make(chan struct{}, 1)}
}

// At adds a task. One whose time has passed runs next.
func (tl *Timeline) At(t time.Time, run func(at time.Time)) {
	tl.mu.Lock()
	heap.Push(&tl.tasks, task{t, tl.seq, run})
	tl.seq++
	tl.mu.Unlock()
	select {
	case tl.wake <- struct{}{}:
	default:
	}
}

// RunUntil runs every task up to t, those that tasks add included.
func (tl *Timeline) RunUntil(t time.Time) {
	for {
		tl.mu.Lock()
		if len(tl.tasks) == 0 || tl.tasks[0].at.After(t) {
			if tl.now.Before(t) {
				tl.now = t
			}
			tl.mu.Unlock()
			break
		}
		next := heap.Pop(&tl.tasks).(task)
		if next.at.Before(tl.now) {
			next.at = tl.now
		}
		tl.now = next.at
		tl.mu.Unlock()
		next.run(next.at)
	}
	tl.flush()
}

// Begun reports whether it has run.
func (tl *Timeline) Begun() bool {
	tl.mu.Lock()
	defer tl.mu.Unlock()
	return !tl.now.IsZero()
}

// Live runs tasks when they are due until ctx is done.
func (tl *Timeline) Live(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			tl.flush()
			return
		case <-timer.C:
		case <-tl.wake:
		}
		tl.RunUntil(time.Now())
		select { // what was added so far is in the heap, and the wait below looks there
		case <-tl.wake:
		default:
		}
		tl.mu.Lock()
		wait := time.Hour
		if len(tl.tasks) > 0 {
			wait = max(time.Until(tl.tasks[0].at), 2*time.Millisecond) // several records go in one write
		}
		tl.mu.Unlock()
		timer.Reset(wait)
	}
}
