package collector

import (
	"sync"

	"rtmtgrab/internal/incident/runner"
)

// A follower is told the events of one of the watcher's own incidents.
type follower struct {
	key  string
	tell func(runner.Event)
}

// followers are those of the watcher's own incidents.
type followers struct {
	mu  sync.Mutex
	all map[*follower]bool
}

// add tells one the events of its incident until end is called.
func (f *followers) add(one *follower) (end func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.all == nil {
		f.all = map[*follower]bool{}
	}
	f.all[one] = true
	return func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		delete(f.all, one)
	}
}

// event passes on what happens to an incident of the watcher's own.
func (f *followers) event(e runner.Event) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for one := range f.all {
		if one.key == e.Key {
			one.tell(e)
		}
	}
}
