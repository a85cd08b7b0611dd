package runner

import (
	"context"
	"errors"
	"sync"
	"time"

	"rtmtgrab/internal/incident"
)

// schedule starts incidents, all of them at once: their hosts open files before anything
// is waited for, and who copies first is decided elsewhere.
type schedule struct {
	r     *Runner
	table *incident.Table
	wg    *sync.WaitGroup

	mu     sync.Mutex
	active map[string]bool // by key
	freed  chan struct{}   // size 1
}

func (s *schedule) dispatch(ctx context.Context) {
	for ctx.Err() == nil {
		key := s.next()
		if key == "" {
			return
		}
		s.wg.Go(func() {
			defer s.free(key)
			s.r.workAt(ctx, s.table, key)
		})
	}
}

// next takes the newest incident that nobody works at.
func (s *schedule) next() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := s.table.NextUnsealed(func(key string) bool { return s.active[key] })
	if key != "" {
		s.active[key] = true
	}
	return key
}

func (s *schedule) free(key string) {
	s.mu.Lock()
	delete(s.active, key)
	s.mu.Unlock()
	select {
	case s.freed <- struct{}{}:
	default: // it is said already
	}
}

// workAt works at one incident until it is sealed, gone, somebody else's, or ctx
// ends.
func (r *Runner) workAt(ctx context.Context, table *incident.Table, key string) {
	lock, err := r.Store.LockIncident(key)
	if err != nil {
		if _, gone := table.Get(key); gone == nil { // somebody else's for now, or no file could be opened: look again later
			r.log().Warn("incident postponed", "key", key, "err", err)
			sleep(ctx, againFirst, nil)
		}
		return
	}
	defer lock.Release()
	defer r.working.naps.work(key)()
	if todo, err := table.Reload(key); err != nil || !todo {
		if err != nil {
			r.log().Error("cannot start work on incident", "key", key, "err", err)
		}
		table.Drop(key)
		return
	}
	for wait := againFirst; ; wait = min(2*wait, againMax) {
		p := r.Policy()
		u := newRun(r, table, key, terms{settle: p.Settle, patience: p.Patience, waitRoom: true})
		err := u.work(ctx)
		switch {
		case errors.Is(err, errAnew):
			if err = u.undo(); err == nil && sleep(ctx, time.Second, nil) {
				continue
			}
		case errors.Is(err, errGiven):
			lock.Release() // for the removal
			if err = r.given(table, key); err != nil {
				r.log().Warn("an incident that others have stays for now", "key", key, "err", err)
				sleep(ctx, againFirst, nil)
				return // it is taken up again
			}
		}
		if err = u.concluded(err); err == nil || errors.Is(err, incident.ErrGone) {
			table.Drop(key)
			return
		}
		if ctx.Err() != nil {
			return
		}
		u.fail(err)
		if !r.working.naps.rest(ctx, key, wait, nil) {
			return
		}
	}
}
