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
	e.record(j, false)
	e.retire(j)
}

// retire removes the artefact of a job at its end, and the job from those that are looked
// at.
func (e *Engine) retire(j *Job) {
	e.discard(j)
	err := e.Store.finish(j.Name())
	if err != nil {
		e.errorf(j, err, "a delivery that has ended stays listed until the next start")
	}
	e.state.mu.Lock()
	delete(e.state.jobs, j.Name())
	e.state.mu.Unlock()
}

// discard removes the artefact of a job.
func (e *Engine) discard(j *Job) {
	if err := os.RemoveAll(e.Store.Outbox(j.Name())); err != nil {
		e.errorf(j, err, "an artefact in the outbox cannot be removed yet") // the next start removes it
	}
}

// record writes attempts that ended into the chain of custody; again: after a crash.
func (e *Engine) record(j *Job, again bool) {
	if e.Record == nil {
		return
	}
	e.state.mu.Lock()
	c := j.clone()
	e.state.mu.Unlock()
	upTo := c.Recorded
	for _, a := range c.Attempts {
		if a.N <= c.Recorded || a.Outcome == "" {
			continue
		}
		err := e.Record(c, a, again)
		if err != nil {
			e.Log.Warn("a delivery is not in the chain of custody", "job", j.Name(), "attempt", a.N, "err", err)
			if !errors.Is(err, ErrNoCustody) {
				break // the next attempt, or the next start, tries again
			}
		}
		upTo = a.N
	}
	if upTo == c.Recorded {
		return
	}
	e.state.mu.Lock()
	j.Recorded = upTo
	c = j.clone()
	e.state.mu.Unlock()
	if err := e.Store.file(c.Name()).Save(c); err != nil {
		e.Log.Warn("a delivery's state cannot be saved", "job", j.Name(), "err", err)
	}
}
