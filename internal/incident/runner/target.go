package runner

import (
	"sync"

	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/incident"
)

// A target is the window that all hosts of a run work towards. It may grow until the
// incident is frozen.
type target struct {
	hosts int
	done  chan struct{} // size 1: pending came to 0; the window may have grown since

	mu      sync.Mutex
	window  evidence.Window
	gen     int           // counts windows
	pending int           // hosts that are not done with this one
	changed chan struct{} // closed when the window changes
}

func newTarget(w evidence.Window, hosts int) *target {
	return &target{hosts: hosts, window: w, pending: hosts, changed: make(chan struct{}), done: make(chan struct{}, 1)}
}

// current is the window, its number, and the channel that announces the next.
func (t *target) current() (evidence.Window, int, <-chan struct{}) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.window, t.gen, t.changed
}

// grow puts a wider window in force and wakes the hosts; false if it is no other one.
func (t *target) grow(w evidence.Window) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if incident.SameWindow(t.window, w) {
		return false
	}
	t.window = w
	t.gen++
	t.pending = t.hosts
	close(t.changed)
	t.changed = make(chan struct{})
	return true
}

// finish notes that a host is done with the gen'th window.
func (t *target) finish(gen int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if gen != t.gen {
		return
	}
	t.pending--
	if t.pending == 0 {
		t.sayDone()
	}
}

func (t *target) sayDone() {
	select {
	case t.done <- struct{}{}:
	default: // it is said already, of an earlier window: freeze will notice
	}
}

// reached is the window, and whether all hosts are done with it.
func (t *target) reached() (evidence.Window, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.window, t.pending <= 0
}
