package handover

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"rtmtgrab/internal/handover/sink"
)

// A Destination is where bundles go, as it is configured now.
type Destination struct {
	Name      string
	Terms     func(j Job) Terms // what holds for a job now
	Where     string            // tells one place from another, as far as a delivery can hang there; may be empty
	Bandwidth int64             // bytes per second; 0: no limit
	Case      string            // where neither job nor incident has one

	// Open makes what delivers. It is called before each attempt after a failure, and after
	// each change of the configuration; what it returns may be used until the next call.
	Open func() (sink.Sink, error)
}

// An Engine works at all jobs of a store. Its fields are set before the first call and not
// changed afterwards.
type Engine struct {
	Store Store
	Log   *slog.Logger
	Maker Maker

	// Case is that of the job's incident now; nil: none has one.
	Case func(Job) string
	// Record writes an attempt that ended into the chain of custody; again says that it may
	// be there already. An error that is ErrNoCustody is not tried again. May be nil.
	Record func(j Job, a Attempt, again bool) error
	// Changed hears of each job that has come to a new state; must not block. May be nil.
	Changed func(Job)

	Parallel int // deliveries at once in all, but for those that do not move; zero: 4. Of one destination it is one
	Limits   Limits

	state engineState
}

// Limits are what an Engine waits for; zero values stand for the usual ones.
type Limits struct {
	Stall time.Duration // a delivery that comes no byte further is broken off; 5 min
	Grace time.Duration // it has to end then, or is left to itself; 5 s
	Quiet time.Duration // a further revision waits until no newer one came for so long; 10 min
	Every time.Duration // and so long after the one before it was delivered; 30 min
}

// ErrNoCustody says that an attempt cannot be written into a chain of custody, ever.
var ErrNoCustody = errors.New("no chain of custody")

// engineState is what changes, under its mutex.
type engineState struct {
	mu      sync.Mutex
	jobs    map[string]*Job
	queues  map[string]*queue // by name in lower case; also of destinations that are gone
	busy    map[string]*work  // by job
	seen    seenBook
	making  chan struct{} // one artefact is made at a time
	wake    chan struct{}
	workers sync.WaitGroup
	release func()
}

// A work is what is being done at a job.
type work struct {
	cancel context.CancelCauseFunc
	turn   int    // of its queue, when it began
	where  string // of it
	moved  int64  // bytes
	still  bool   // none for a while: it takes no place from others
	drop   string // who wants it dropped
}

func (l Limits) stall() time.Duration { return or(l.Stall, 5*time.Minute) }
func (l Limits) still() time.Duration { return l.stall() / 10 }
func (l Limits) grace() time.Duration { return or(l.Grace, 5*time.Second) }
func (l Limits) quiet() time.Duration { return or(l.Quiet, 10*time.Minute) }
func (l Limits) every() time.Duration { return or(l.Every, 30*time.Minute) }

func or(d, usual time.Duration) time.Duration {
	if d > 0 {
		return d
	}
	return usual
}

// Open takes the jobs of the store, and brings to its end what a crash left undone. Nobody
// else may have them until Close.
func (e *Engine) Open() (err error) {
	s := &e.state
	if e.Log == nil {
		e.Log = slog.New(slog.DiscardHandler)
	}
	if s.release, err = e.Store.Open(); err != nil {
		return err
	}
	s.jobs, s.queues, s.busy = map[string]*Job{}, map[string]*queue{}, map[string]*work{}
	s.making, s.wake = make(chan struct{}, 1), make(chan struct{}, 1)
	s.seen.open(e.Store.Dir, e.Log)
	jobs, err := e.Store.active(e.Log)
	if err != nil {
		e.Log.Error("some deliveries cannot be read; they wait", "err", err)
	}
	for _, j := range jobs {
		s.jobs[j.Name()] = j
		e.resume(j)
	}
	overtake(e)
	if err == nil { // or not all are known
		e.Store.sweep(func(name string) bool { return s.jobs[name] != nil && s.jobs[name].Artefact != nil })
	}
	return nil
}

// resume takes up a job as a crash left it.
func (e *Engine) resume(j *Job) {
	now := now()
	switch {
	case j.State == Running:
		j.stop(true, now)
		if err := e.Store.file(j.Name()).Save(*j); err != nil {
			e.Log.Error("cannot save that a delivery was interrupted", "job", j.Name(), "err", err)
		}
	case j.State == Failed && changeable(j.Cause):
		j.reopen(now) // whoever started the program may have changed something
	}
	if j.State.Final() {
		e.retire(j, true)
		return
	}
	e.record(j, true)
}

// Close ends what Open began, after Run.
func (e *Engine) Close() {
	if e.state.release != nil {
		e.state.release()
	}
}

// Configure puts destinations in force. Jobs of one that is not among them wait.
func (e *Engine) Configure(list []Destination) {
	s := &e.state
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range s.queues {
		l.to = nil
		l.turn++
	}
	for i := range list {
		l := s.queue(list[i].Name)
		l.configure(&list[i])
	}
	for _, j := range s.jobs {
		if l := s.queue(j.Sink); l.to != nil {
			e.reconsider(j, l.to)
		}
	}
	e.wakeUp()
}

// reconsider takes up what failed for want of what a person may have changed, and has
// artefacts made anew whose terms are others now. What somebody works at is looked at when
// that has ended.
func (e *Engine) reconsider(j *Job, to *Destination) {
	if e.state.busy[j.Name()] != nil {
		return
	}
	terms := to.Terms(*j).String()
	switch {
	case j.Terms != "" && j.Terms != terms && j.State != Running && !j.State.Final():
		j.requeue(now())
		defer e.discard(j) // it may be what must not lie about any more
	case j.State == Failed && changeable(j.Cause):
		j.reopen(now())
	default:
		return
	}
	e.saveLater(j)
}

// queue is that of a destination.
func (s *engineState) queue(name string) *queue {
	key := strings.ToLower(name)
	if s.queues[key] == nil {
		s.queues[key] = &queue{name: name}
	}
	return s.queues[key]
}

func (e *Engine) wakeUp() {
	select {
	case e.state.wake <- struct{}{}:
	default: // it is going to look
	}
}

// Run delivers until ctx ends, and returns when all that it began has ended, or was given
// up because it hangs.
func (e *Engine) Run(ctx context.Context) {
	defer e.state.workers.Wait()
	for {
		next := e.dispatch(ctx)
		timer := time.NewTimer(next)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-e.state.wake:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// lookAgain is the longest time between two looks at what is due.
const lookAgain = time.Minute

// dispatch starts what may begin, and returns when to look again.
func (e *Engine) dispatch(ctx context.Context) time.Duration {
	s := &e.state
	s.mu.Lock()
	defer s.mu.Unlock()
	now, next := now(), lookAgain
	e.leftOver(now)
	for _, l := range s.queues {
		if l.to == nil || l.job != "" || l.hung != nil || l.closed {
			continue
		}
		if d := e.Limits.untilDue(l.notBefore, now); d > 0 {
			next = min(next, d)
			continue
		}
		j, wait := s.choose(l, now, e.Limits)
		if j == nil {
			next = min(next, wait)
			continue
		}
		if s.moving() >= e.parallel() {
			break // whoever ends, or stands still, wakes
		}
		e.start(ctx, l, j)
	}
	return max(next, time.Millisecond)
}

// moving is how many jobs are worked at, those that stand still left out: a destination that
// hangs costs the others nothing.
func (s *engineState) moving() (n int) {
	for _, w := range s.busy {
		if !w.still {
			n++
		}
	}
	return n
}

func (e *Engine) parallel() int {
	if e.Parallel > 0 {
		return e.Parallel
	}
	return 4
}

// choose is the job of a queue whose turn it is: that which was tried least, so that one
// which never comes through keeps no other waiting; of those the oldest. Without one it
// says how long until one is due.
func (s *engineState) choose(l *queue, now time.Time, limits Limits) (best *Job, wait time.Duration) {
	wait = lookAgain
	for name, j := range s.jobs {
		if !strings.EqualFold(j.Sink, l.name) || s.busy[name] != nil || j.State != Queued && j.State != Prepared && j.State != Unknown {
			continue
		}
		if d := limits.untilDue(j.Due, now); d > 0 {
			wait = min(wait, d)
			continue
		}
		if best == nil || earlier(j, best) {
			best = j
		}
	}
	return best, wait
}

func earlier(a, b *Job) bool {
	if a.By != "" != (b.By != "") {
		return a.By != "" // somebody waits for it
	}
	if x, y := a.failures(), b.failures(); x != y {
		return x < y
	}
	if !a.Created.Equal(b.Created) {
		return a.Created.Before(b.Created)
	}
	return a.Name() < b.Name()
}

// start has a worker do what is next with a job.
func (e *Engine) start(ctx context.Context, l *queue, j *Job) {
	s := &e.state
	ctx, cancel := context.WithCancelCause(ctx)
	w := &work{cancel: cancel, turn: l.turn, where: l.where}
	s.busy[j.Name()], l.job = w, j.Name()
	to := *l.to
	s.workers.Go(func() {
		defer func() {
			cancel(nil)
			s.mu.Lock()
			delete(s.busy, j.Name())
			l.job = ""
			e.afterwards(l, j, w)
			s.mu.Unlock()
			e.wakeUp()
		}()
		e.work(ctx, l, to, j, w)
	})
}

// afterwards does with a job what had to wait until nobody worked at it. The lock is held.
func (e *Engine) afterwards(l *queue, j *Job, w *work) {
	switch {
	case j.State.Final():
	case w.drop != "":
		if err := e.dropLocked(j, w.drop); err != nil {
			e.errorf(j, err, "a delivery that was dropped goes on")
		}
	case overtaken(e, j):
	case l.to != nil && l.turn != w.turn:
		e.reconsider(j, l.to)
	}
}

// saveLater saves a job that was changed for the better: if that fails, the disk has an
// older state, from which the same follows.
func (e *Engine) saveLater(j *Job) {
	if err := e.Store.file(j.Name()).Save(*j); err != nil {
		e.Log.Warn("a delivery's state cannot be saved", "job", j.Name(), "err", err)
	}
	e.changed(j)
}

func (e *Engine) changed(j *Job) {
	if e.Changed != nil {
		e.Changed(j.clone())
	}
}

func (j *Job) clone() Job {
	c := *j
	c.Attempts, c.Reached = slices.Clone(j.Attempts), slices.Clone(j.Reached)
	if j.Artefact != nil {
		a := *j.Artefact
		c.Artefact = &a
	}
	return c
}

func now() time.Time { return time.Now().UTC().Round(0) }

func (e *Engine) errorf(j *Job, err error, format string, args ...any) {
	e.Log.Error(fmt.Sprintf(format, args...), "job", j.Name(), "err", err)
}
