package diagnostics

import (
	"context"
	"errors"
	"sync"
	"time"
)

// begin looks at all appliances, and starts where nothing runs.
func (j *job) begin(ctx context.Context) {
	before := make([]Shown, len(j.hosts)) // nil: it is done with
	var wg sync.WaitGroup
	for i, a := range j.hosts {
		wg.Go(func() { before[i] = j.idle(ctx, a) })
	}
	wg.Wait()
	var refused []Appliance
	for i, a := range j.hosts {
		if before[i] != nil && ctx.Err() == nil && j.start(ctx, a) {
			refused = append(refused, a)
		}
	}
	for _, a := range refused { // a peer that is not the primary one of its cluster
		why := j.host(a.Name).Why
		if s, err := a.API.Status(ctx); err == nil && s.Run() == Running && j.startedBeside(a) {
			j.change(a.Name, func(h *Host) { h.Phase, h.Why = phaseJoined, "" })
			continue
		}
		j.done(a, why, false)
	}
	j.marks(ctx)
}

// idle is what an appliance shows on which nothing runs, nil if that is not so.
func (j *job) idle(ctx context.Context, a Appliance) Shown {
	s, err := a.API.Status(ctx)
	switch {
	case ctx.Err() != nil:
	case err != nil:
		j.done(a, err.Error(), false)
	case s.Run() == Running:
		j.done(a, "a run is under way already, which was left alone: it shows "+s.String(), false)
	case s.Run() == Unknown:
		j.done(a, "it cannot be told whether a run is under way, so none was started: it shows "+s.String(), false)
	default:
		return s
	}
	return nil
}

// startedBeside reports whether an appliance of the same role was started for this incident.
func (j *job) startedBeside(a Appliance) bool {
	for _, o := range j.hosts {
		if o.Name != a.Name && o.Role == a.Role && j.host(o.Name).Phase == phaseStarted {
			return true
		}
	}
	return false
}

// start starts one, and reports whether it refused.
func (j *job) start(ctx context.Context, a Appliance) (refused bool) {
	lock := j.t.lock(a.Name)
	lock.Lock()
	defer lock.Unlock()
	before, err := a.API.Status(ctx)
	switch {
	case ctx.Err() != nil:
		return false
	case err != nil:
		j.done(a, err.Error(), false)
		return false
	case before.Run() == Running && j.startedBeside(a):
		j.change(a.Name, func(h *Host) { h.Phase = phaseJoined })
		return false
	case before.Run() != Idle:
		j.done(a, "a run was started meanwhile, which was left alone: it shows "+before.String(), false)
		return false
	}
	now := time.Now().UTC()
	if err := j.change(a.Name, func(h *Host) { h.Phase, h.By, h.Started, h.Seen = phaseStarting, a.API.User(), now, now }); err != nil {
		j.done(a, "it could not be written down that it is started, so it was not", false)
		return false
	}
	err = a.API.Start(ctx)
	if e, ok := errors.AsType[*Error](err); ok && e.Kind != KindUnreachable && e.Kind != KindCanceled && e.Kind != KindAnswer {
		j.change(a.Name, func(h *Host) { h.Started, h.Why = time.Time{}, e.Error() })
		return true
	}
	return j.startedNow(ctx, a, before)
}

// startedNow looks at a run that was started a moment ago, or may have been.
func (j *job) startedNow(ctx context.Context, a Appliance, before Shown) (refused bool) {
	first, err := a.API.Status(ctx)
	if err != nil || ctx.Err() != nil {
		return false // judged when the window is over, or by the next process
	}
	if first.Run() != Running {
		j.change(a.Name, func(h *Host) { h.Started, h.Why = time.Time{}, "it does not show that it runs: "+first.String() })
		return true
	}
	j.change(a.Name, func(h *Host) { h.Phase, h.Seen = phaseStarted, time.Now().UTC() })
	j.fresh = append(j.fresh, fresh{a, before, first})
	j.t.log().Info("the diagnostic log was started, which sets log levels", "incident", j.note.Incident, "host", a.Name)
	return false
}

// A fresh run was started a moment ago.
type fresh struct {
	Appliance
	before, first Shown
}

// marks finds out by what the runs that were started are known again: one more look at each.
func (j *job) marks(ctx context.Context) {
	if len(j.fresh) == 0 || !sleep(ctx, j.t.every(2*time.Second)) {
		return
	}
	for _, f := range j.fresh {
		if s, err := f.API.Status(ctx); err == nil && s.Run() == Running {
			j.change(f.Name, func(h *Host) { h.Mark, h.Seen = Mark(f.before, f.first, s), time.Now().UTC() })
		}
	}
}
