package handover

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// What may be in the way of an order by hand.
var (
	ErrNoJob = errors.New("no such delivery waits")
	ErrBusy  = errors.New("it is being sent at this moment")
)

// A Finished is a revision that is to go somewhere.
type Finished struct {
	Key, Incident, Site, Bundle string

	Revision int
	Sealed   time.Time
}

// Add queues the delivery of a revision, unless it was added before. It replaces the
// deliveries of earlier revisions of the incident to the same destination that wait, and
// is itself replaced by a later one. On its return it is safe on disk.
func (e *Engine) Add(f Finished, destination string) error {
	s := &e.state
	s.mu.Lock()
	defer s.mu.Unlock()
	name := Name(f.Key, f.Revision, destination)
	if s.jobs[name] != nil || e.Store.HasEnded(name) {
		return nil
	}
	j := newJob(f, destination)
	older, newer := e.siblings(j)
	e.gather(j, older)
	if newer > 0 {
		j.end(Superseded, "a newer revision is there", now())
	}
	if err := e.Store.file(name).Save(*j); err != nil {
		return fmt.Errorf("queue the delivery of %s to %s: %w", f.Incident, destination, err)
	}
	s.jobs[name] = j
	e.changed(j)
	if newer > 0 {
		e.retireLocked(j)
	}
	for _, o := range older {
		e.supersede(o, j.Revision)
	}
	e.wakeUp()
	return nil
}

func newJob(f Finished, destination string) *Job {
	j := &Job{Sink: destination, Key: f.Key, Revision: f.Revision, Incident: f.Incident, Site: f.Site, Bundle: f.Bundle, Created: now(), Since: f.Sealed, State: Queued}
	if j.Since.IsZero() || j.Since.After(j.Created) { // of a clock that was set back
		j.Since = j.Created
	}
	j.ID, j.Changed = j.identity(), j.Created
	return j
}

// siblings are the deliveries of other revisions to the same destination: the older ones
// that are not at their end, and the number of a newer one, 0 if there is none.
func (e *Engine) siblings(j *Job) (older []*Job, newer int) {
	for _, o := range e.state.jobs {
		if o.Key != j.Key || !strings.EqualFold(o.Sink, j.Sink) {
			continue
		}
		if o.Revision < j.Revision {
			older = append(older, o)
		}
		newer = max(newer, o.Revision)
	}
	if newer <= j.Revision {
		newer = 0
	}
	for r := j.Revision + 1; newer == 0 && r <= j.Revision+maxNewer; r++ {
		if e.Store.HasEnded(Name(j.Key, r, j.Sink)) {
			newer = r
		}
	}
	return older, newer
}

// maxNewer is how many revisions later a newer one is looked for among those at their end.
const maxNewer = 20

// gather has a further revision wait: until no newer one came for a while, and so long
// after the one before it.
func (e *Engine) gather(j *Job, older []*Job) {
	last := time.Time{}
	for r := max(1, j.Revision-maxNewer); r < j.Revision; r++ {
		if o, there, err := e.Store.Ended(Name(j.Key, r, j.Sink)); err == nil && there && o.State == Done && o.Ended.After(last) {
			last = o.Ended
		}
	}
	for _, o := range older {
		switch {
		case e.state.busy[o.Name()] != nil || o.State == Running || o.State == Unknown:
			last = j.Created
		case o.Since.Before(j.Since) && o.State != Failed:
			j.Since = o.Since
		}
	}
	if last.IsZero() {
		return // the first that goes there
	}
	quiet := j.Created.Add(e.Limits.quiet())
	if latest := j.Since.Add(e.Limits.every()); latest.Before(quiet) {
		quiet = latest
	}
	if next := last.Add(e.Limits.every()); next.After(quiet) {
		quiet = next
	}
	j.Due = quiet
}

// supersede ends a delivery that waits, for a newer one. One that is under way goes on: see
// overtaken. So does what a person asked for.
func (e *Engine) supersede(o *Job, by int) {
	if e.state.busy[o.Name()] != nil || o.By != "" || o.State.Final() {
		return
	}
	if err := o.end(Superseded, fmt.Sprintf("by revision %d", by), now()); err != nil {
		return
	}
	if err := e.Store.file(o.Name()).Save(*o); err != nil {
		e.errorf(o, err, "cannot save that a delivery was superseded") // the older one goes too, then
		return
	}
	e.changed(o)
	e.discard(o)
	e.retireLocked(o)
}

// retireLocked moves a job at its end out of the way. The lock is held.
func (e *Engine) retireLocked(j *Job) {
	if err := e.Store.finish(j.Name()); err != nil {
		e.errorf(j, err, "a delivery that has ended cannot be moved away yet")
		j.Due = now().Add(leftEvery)
		return
	}
	delete(e.state.jobs, j.Name())
}

// Send has a revision delivered now, as somebody asks: also once more, and after it failed.
// It returns the job's name.
func (e *Engine) Send(f Finished, destination, by, number string) (name string, err error) {
	s := &e.state
	s.mu.Lock()
	defer s.mu.Unlock()
	j, there := s.jobs[Name(f.Key, f.Revision, destination)]
	was := Job{}
	if there {
		was = j.clone()
	}
	switch {
	case j != nil && s.busy[j.Name()] != nil:
		if number != "" && number != j.Case {
			return j.Name(), fmt.Errorf("%s to %s: %w, and the case cannot be changed now", f.Incident, destination, ErrBusy)
		}
		return j.Name(), nil
	case j != nil && j.State.Final():
		err = j.again(now())
	case j != nil && j.State == Failed:
		err = j.requeue(now())
	case j == nil:
		j, err = e.renew(f, destination)
	}
	if err != nil {
		return "", err
	}
	j.By, j.Case, j.Due = cmp.Or(by, "somebody"), cmp.Or(number, j.Case), time.Time{}
	if err := e.Store.revive(j); err != nil {
		if there {
			*j = was
		}
		return "", fmt.Errorf("queue the delivery of %s to %s: %w", f.Incident, destination, err)
	}
	s.jobs[j.Name()] = j
	if l := s.queue(destination); l.to != nil {
		l.closed, l.notBefore = false, time.Time{}
	}
	e.changed(j)
	e.wakeUp()
	return j.Name(), nil
}

// renew is a new job, or one that is at its end, for one delivery more.
func (e *Engine) renew(f Finished, destination string) (*Job, error) {
	name := Name(f.Key, f.Revision, destination)
	old, there, err := e.Store.Ended(name)
	if err != nil || !there {
		return newJob(f, destination), nil // what is damaged among those at their end is replaced
	}
	old.Bundle = f.Bundle
	return &old, old.again(now())
}

// Retry takes up what failed at a destination, and lets it be tried at once.
func (e *Engine) Retry(destination string) {
	s := &e.state
	s.mu.Lock()
	defer s.mu.Unlock()
	if l := s.queue(destination); l.to != nil {
		l.configure(l.to)
	}
	for _, j := range s.jobs {
		if strings.EqualFold(j.Sink, destination) && s.busy[j.Name()] == nil && j.State == Failed {
			j.reopen(now())
			e.saveLater(j)
		}
	}
	e.wakeUp()
}

// Reopen takes up what failed of an incident: something about it is different now.
func (e *Engine) Reopen(key string) {
	s := &e.state
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, j := range s.jobs {
		if j.Key == key && s.busy[name] == nil && j.State == Failed {
			j.reopen(now())
			e.saveLater(j)
			s.queue(j.Sink).closed = false
		}
	}
	e.wakeUp()
}

// Drop gives a delivery up, as somebody asks.
func (e *Engine) Drop(name, by string) error {
	s := &e.state
	s.mu.Lock()
	defer s.mu.Unlock()
	j := s.jobs[name]
	if j == nil || j.State.Final() {
		return ErrNoJob
	}
	by = cmp.Or(by, "somebody")
	if w := s.busy[name]; w != nil {
		w.drop = by
		w.cancel(errDropped)
		return nil
	}
	return e.dropLocked(j, by)
}

// dropLocked gives up a delivery that nobody works at. The lock is held.
func (e *Engine) dropLocked(j *Job, by string) error { return e.giveUp(j, "by "+by) }

// giveUp ends a delivery for good. The lock is held.
func (e *Engine) giveUp(j *Job, why string) error {
	was := j.clone()
	if err := j.end(Dropped, why, now()); err != nil {
		return err
	}
	if err := e.Store.file(j.Name()).Save(*j); err != nil {
		*j = was
		return fmt.Errorf("drop the delivery %s: %w", j.Name(), err)
	}
	e.changed(j)
	e.discard(j)
	e.retireLocked(j)
	return nil
}

// Has reports whether the delivery was added ever.
func (e *Engine) Has(key string, revision int, destination string) bool {
	name := Name(key, revision, destination)
	e.state.mu.Lock()
	there := e.state.jobs[name] != nil
	e.state.mu.Unlock()
	return there || e.Store.HasEnded(name)
}

// Jobs are those that are not at their end, the oldest first.
func (e *Engine) Jobs() (list []View) {
	s := &e.state
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, j := range s.jobs {
		if !j.State.Final() {
			list = append(list, s.view(j))
		}
	}
	slices.SortFunc(list, func(a, b View) int {
		return cmp.Or(a.Created.Compare(b.Created), strings.Compare(a.Job.Name(), b.Job.Name()))
	})
	return list
}

// Look is a job by its name, at its end too.
func (e *Engine) Look(name string) (View, bool) {
	s := &e.state
	s.mu.Lock()
	if j := s.jobs[name]; j != nil {
		defer s.mu.Unlock()
		return s.view(j), true
	}
	s.mu.Unlock()
	j, there, err := e.Store.Ended(name)
	return View{Job: j}, there && err == nil
}

// A View is a job as others see it.
type View struct {
	Job
	Moved int64 // bytes of the attempt under way, sent or compared
	Busy  bool
	Why   string // why it does not move, if its destination is in the way
}

func (s *engineState) view(j *Job) View {
	v := View{Job: j.clone()}
	if w := s.busy[j.Name()]; w != nil {
		v.Busy, v.Moved = true, w.moved
		return v
	}
	switch l := s.queue(j.Sink); {
	case j.State == Failed:
	case l.to == nil:
		v.Why = "no destination of that name is configured"
	case l.hung != nil:
		v.Why = "an earlier delivery there hangs"
	case l.closed:
		v.Why = "the destination refuses; waiting for somebody to change something"
	case l.notBefore.After(now()):
		v.Why, v.Due = "the destination fails", l.notBefore
	}
	return v
}
