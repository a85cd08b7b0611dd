package runner

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"os"
	"time"

	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/incident/material"
)

const (
	// lateQuiet and lateApart are incident.Late's where it does not say.
	lateQuiet = 10 * time.Minute
	lateApart = 30 * time.Minute

	lateMost  = 2 * time.Hour // after the first of it a revision is made, quiet or not
	lateTries = 3             // in vain for want of a report, before it is sealed without one
)

func quietOf(l incident.Late) time.Duration { return cmp.Or(l.Quiet, lateQuiet) }

// LateDue is when a further revision of a sealed incident is due.
func LateDue(l incident.Late, q material.Queued, in incident.Incident) time.Time {
	apart := cmp.Or(l.Apart, lateApart)
	due := evidence.Earlier(q.Last.Add(quietOf(l)), q.First.Add(lateMost))
	for _, r := range in.Revisions {
		if r.Late {
			due = evidence.Later(due, r.Sealed.Add(apart))
		}
	}
	switch {
	case q.Full: // there may be room by now, which costs little to find out
		due = evidence.Later(due, q.Tried.Add(min(apart, lookEvery)))
	case q.Tries > 0:
		due = evidence.Later(due, q.Tried.Add(apart))
	}
	return due
}

// lacksRoom reports whether a further revision, for which there was no room, would have none now
// either: it takes the logs out of the bundle, packs them, and adds to them.
func (l latecomer) lacksRoom(q material.Queued, in incident.Incident) bool {
	info, err := os.Stat(in.Bundle)
	return q.Full && err == nil && l.Reserve.Refusal(3*info.Size()) != nil
}

// A latecomer makes further revisions of sealed incidents for a Runner.
type latecomer struct{ *Runner }

// work makes each revision when it is due, one at a time, until ctx ends. What is queued is on
// disk: it is looked at once a minute, or as often as nothing has to come, for other processes queue too.
func (l latecomer) work(ctx context.Context) {
	for ctx.Err() == nil {
		wait := min(l.look(ctx), lookEvery, quietOf(l.Policy().Late))
		if !sleep(ctx, max(wait, time.Second), nil) {
			return
		}
	}
}

// look makes what is due, and is how long to wait for what is due next.
func (l latecomer) look(ctx context.Context) (wait time.Duration) {
	list, err := material.Queue(l.Store)
	if err != nil {
		l.log().Error("cannot list what came late", "err", err)
	}
	wait = lookEvery
	for _, q := range list {
		if ctx.Err() != nil {
			return wait
		}
		next, err := l.one(ctx, q)
		if err != nil && ctx.Err() == nil {
			l.log().Error("cannot look after what came late; retrying", "incident", q.Key, "err", err)
		}
		if err == nil && next > 0 {
			wait = min(wait, next)
		}
	}
	return wait
}

// one makes the further revision of one incident if it is due; else it is due in wait. 0: nobody
// knows, or it is done.
func (l latecomer) one(ctx context.Context, q material.Queued) (wait time.Duration, err error) {
	in, err := l.Store.Read(q.Key)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, material.Forget(l.Store, q.Key)
	}
	if err != nil || !isSealed(in) {
		return 0, err // whoever works at it seals it too
	}
	now, pace := l.now(), l.Policy().Late
	wait = LateDue(pace, q, in).Sub(now)
	if most := max(lateMost, cmp.Or(pace.Apart, lateApart)); wait > 0 && wait <= most && !q.Last.After(now.Add(quietOf(pace))) { // else a clock was set back
		return wait, nil
	}
	if l.lacksRoom(q, in) {
		return lookEvery, nil
	}
	if err := l.further(ctx, q.Key); !errors.Is(err, incident.ErrBusy) {
		return 0, err
	}
	return 0, nil
}

// further makes a further revision of a sealed incident, if something came since.
func (l latecomer) further(ctx context.Context, key string) error {
	lock, err := l.Store.LockIncident(key)
	if err != nil {
		return err
	}
	defer lock.Release()
	in, err := l.Store.Read(key)
	if err != nil || !isSealed(in) {
		return err
	}
	if has, err := l.sealed(in); has || err != nil {
		return err
	}
	in.State, in.Late = incident.Sealing, true
	if err := next(l.Store, &in); err != nil {
		return err
	}
	if err := l.Store.Save(in); err != nil {
		return err
	}
	return l.make(ctx, in)
}

// next has a sealed incident begin its next revision. A manifest of that number is left of one
// that was not sealed, or of a store that was restored since.
func next(st *incident.Store, in *incident.Incident) error {
	in.Revision++
	return st.Remove(st.ManifestFile(in.Key, in.Revision).Path)
}

// Further makes a further revision of a sealed incident at once, if something came since, and
// returns the incident. What cannot be made is tried again by a running watch, or by Retry.
func (r *Runner) Further(ctx context.Context, key string) (incident.Incident, error) {
	err := latecomer{r}.further(ctx, key)
	in, err2 := r.Store.Read(key)
	return in, errors.Join(err, err2)
}

// sealed reports whether the newest bundle has all that came; then it takes the incident from the queue.
func (l latecomer) sealed(in incident.Incident) (bool, error) {
	state, err := material.Of(l.Store, in.Key).Read()
	if err != nil {
		return false, err
	}
	if state.Digest() != in.Revisions[len(in.Revisions)-1].Material {
		return false, nil
	}
	return true, dropSlices(l.Store, in)
}

// make makes the revision. Its failure is written down and is no error.
func (l latecomer) make(ctx context.Context, in incident.Incident) error {
	l.log().Info("making a further revision of what came late", "incident", in.ID, "revision", in.Revision)
	defer l.working.naps.work(in.Key)()
	u := newRun(l.Runner, incident.NewTable(l.Store, in), in.Key, terms{settle: l.Policy().Settle, patience: DefaultNowPatience})
	return u.concluded(u.work(ctx))
}
