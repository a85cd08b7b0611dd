package lab

import (
	"container/heap"
	"context"
	"sync"
	"time"
)

// A timeline runs tasks in the order of their times: the past at once, the
// present as the clock goes. One goroutine at a time may run it; tasks may be
// added from anywhere.
type timeline struct {
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

func newTimeline(flush func()) *timeline {
	return &timeline{flush: flush, wake: make(chan struct{}, 1)}
}

// at adds a task. One whose time has passed runs next.
func (tl *timeline) at(t time.Time, run func(at time.Time)) {
	tl.mu.Lock()
	heap.Push(&tl.tasks, task{t, tl.seq, run})
	tl.seq++
	tl.mu.Unlock()
	select {
	case tl.wake <- struct{}{}:
	default:
	}
}

// runUntil runs every task up to t, those that tasks add included.
func (tl *timeline) runUntil(t time.Time) {
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

// begun reports whether it has run.
func (tl *timeline) begun() bool {
	tl.mu.Lock()
	defer tl.mu.Unlock()
	return !tl.now.IsZero()
}

// live runs tasks when they are due until ctx is done.
func (tl *timeline) live(ctx context.Context) {
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
		tl.runUntil(time.Now())
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
