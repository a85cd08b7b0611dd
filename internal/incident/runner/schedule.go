package runner

import (
	"context"
	"errors"
	"sync"

	"rtmtgrab/internal/incident"
)

// schedule starts incidents. At most Parallel are in their first pass; the others
// only wait for their windows to end, and must not keep a new one from its hosts.
type schedule struct {
	r     *Runner
	table *incident.Table
	wg    *sync.WaitGroup

	mu     sync.Mutex
	active map[string]bool // key -> still in its first pass
	freed  chan struct{}   // size 1
}

func (s *schedule) dispatch(ctx context.Context) {
	for ctx.Err() == nil {
		key := s.next()
		if key == "" {
			return
		}
		s.wg.Go(func() {
			defer s.set(key, false, true)
			s.r.workAt(ctx, s.table, key, func() { s.set(key, false, false) })
		})
	}
}

// next takes the newest incident that nobody works at, if there is room for it.
func (s *schedule) next() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	busy := 0
	for _, first := range s.active {
		if first {
			busy++
		}
	}
	if busy >= s.r.parallel() {
		return ""
	}
	for _, in := range s.table.Unsealed() {
		if _, ok := s.active[in.Key]; !ok {
			s.active[in.Key] = true
			return in.Key
		}
	}
	return ""
}

func (s *schedule) set(key string, first, gone bool) {
	s.mu.Lock()
	s.active[key] = first
	if gone {
		delete(s.active, key)
	}
	s.mu.Unlock()
	select {
	case s.freed <- struct{}{}:
	default: // it is said already
	}
}

// workAt works at one incident until it is sealed, gone, somebody else's, or ctx
// ends.
func (r *Runner) workAt(ctx context.Context, table *incident.Table, key string, first func()) {
	lock, err := r.Store.LockIncident(key)
	if err != nil {
		if _, gone := table.Get(key); gone == nil { // somebody else's for now, or no file could be opened: look again later
			r.log().Warn("incident is left alone for now", "key", key, "err", err)
			first()
			sleep(ctx, againFirst, nil)
		}
		return
	}
	defer lock.Release()
	defer r.naps.work(key)()
	if todo, err := table.Reload(key); err != nil || !todo {
		if err != nil {
			r.log().Error("incident cannot be taken up", "key", key, "err", err)
		}
		table.Drop(key)
		return
	}
	for wait := againFirst; ; wait = min(2*wait, againMax) {
		p := r.Policy()
		u := newRun(r, table, key, terms{settle: p.Settle, patience: p.Patience, waitRoom: true, first: first})
		err := u.work(ctx)
		if err = u.concluded(err); err == nil || errors.Is(err, incident.ErrGone) {
			table.Drop(key)
			return
		}
		if ctx.Err() != nil {
			return
		}
		u.fail(err)
		first()
		if !r.naps.rest(ctx, key, wait, nil) {
			return
		}
	}
}
