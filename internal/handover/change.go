package handover

import (
	"context"
	"errors"
	"os"
	"time"
)

// saveAgain is how long is waited before a state that could not be saved is saved again.
const saveAgain = 5 * time.Second

// change changes a job and saves it; until that is on disk, nothing else is done with the
// job. false: the change was not made, or ctx ended.
func (e *Engine) change(ctx context.Context, j *Job, to func(now time.Time) error) bool {
	s := &e.state
	s.mu.Lock()
	was := j.clone()
	err := to(now())
	next := j.clone()
	if err != nil {
		*j = was
	}
	s.mu.Unlock()
	if err != nil {
		e.errorf(j, err, "a delivery cannot go on")
		return false
	}
	for said := false; ; {
		if err = e.Store.file(next.Name()).Save(next); err == nil {
			e.changed(&next)
			return true
		}
		if !said {
			e.errorf(j, err, "the state of a delivery cannot be saved; trying again")
			said = true
		}
		if next.State == Running { // an attempt that is not written down is not made
			break
		}
		wait := time.NewTimer(saveAgain)
		select {
		case <-wait.C:
			continue
		case <-ctx.Done():
			wait.Stop()
		}
		break
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if next.State == Running {
		*j = was
		j.Due = now().Add(saveAgain)
	}
	return false
}

// conclude brings a job to its end: saved, in the chain of custody, its artefact gone, out
// of the way. Whatever is killed in between, Open goes on with it.
func (e *Engine) conclude(ctx context.Context, j *Job, to func(now time.Time) error) {
	if !e.change(ctx, j, to) {
		return
	}
	e.retire(j, false)
}

// retire has a job at its end in the chain of custody, removes its artefact, and the job
// from those that are looked at. What of that fails is done later: see leftOver.
func (e *Engine) retire(j *Job, again bool) {
	recorded := e.record(j, again)
	e.discard(j)
	e.state.mu.Lock()
	defer e.state.mu.Unlock()
	if recorded {
		e.retireLocked(j)
		return
	}
	j.Due = now().Add(leftEvery)
}

// leftEvery is how often what is left to do for jobs at their end is tried.
const leftEvery = time.Minute

// leftOver starts what is left to do for jobs at their end. The lock is held.
func (e *Engine) leftOver(now time.Time) {
	s := &e.state
	for name, j := range s.jobs {
		if !j.State.Final() || s.busy[name] != nil || e.Limits.untilDue(j.Due, now) > 0 {
			continue
		}
		s.busy[name] = &work{cancel: func(error) {}}
		s.workers.Go(func() {
			e.retire(j, true)
			s.mu.Lock()
			defer s.mu.Unlock()
			delete(s.busy, name)
			e.wakeUp()
		})
	}
}

// discard removes the artefact of a job.
func (e *Engine) discard(j *Job) {
	if err := os.RemoveAll(e.Store.Outbox(j.Name())); err != nil {
		e.errorf(j, err, "an artefact in the outbox cannot be removed yet") // the next start removes it
	}
}

// record writes attempts that ended into the chain of custody, as far as they are not; again:
// some may be. It reports whether all are, or never will be.
func (e *Engine) record(j *Job, again bool) (all bool) {
	if e.Record == nil {
		return true
	}
	e.state.mu.Lock()
	c := j.clone()
	e.state.mu.Unlock()
	upTo := c.Recorded
	all = true
	for _, a := range c.Attempts {
		if a.N <= c.Recorded || a.Outcome == "" {
			continue
		}
		err := e.Record(c, a, again)
		if err != nil {
			e.Log.Warn("a delivery is not in the chain of custody", "job", j.Name(), "attempt", a.N, "err", err)
			if !errors.Is(err, ErrNoCustody) {
				all = false // the next attempt, or the next start, tries again
				break
			}
		}
		upTo = a.N
	}
	if upTo == c.Recorded {
		return all
	}
	e.state.mu.Lock()
	j.Recorded = upTo
	c = j.clone()
	e.state.mu.Unlock()
	if err := e.Store.file(c.Name()).Save(c); err != nil {
		e.Log.Warn("a delivery's state cannot be saved", "job", j.Name(), "err", err)
	}
	return all
}
