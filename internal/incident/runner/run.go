package runner

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"

	"rtmtgrab/internal/atomicfile"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/human"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/incident/manifest"
	"rtmtgrab/internal/incident/material"
)

// A run is the work of one process at one incident, whose lock is held.
type run struct {
	r        *Runner
	table    *incident.Table
	terms    terms
	key      string
	id, site string // as they were at the start

	began    time.Time
	families []string
	inc      incident.Incident // of the goroutine in work alone
	hosts    []*hostRun
	room     *room
	target   *target // from the first pass on
	signals
	whose whose
	mu    sync.Mutex // the hosts' states
}

// signals are given once each.
type signals struct {
	quiet chan struct{} // closed when every host is done and the incident frozen
	once  sync.Once     // firstPass
}

// terms say how patient a run is.
type terms struct {
	settle   time.Duration
	patience time.Duration
	waitRoom bool            // watch waits for room on the disk, now takes what fits
	stop     <-chan struct{} // closed: stop asking and seal what there is; nil: never
}

func newRun(r *Runner, table *incident.Table, key string, t terms) *run {
	u := &run{r: r, table: table, key: key, terms: t, whose: whose{rest: make(chan struct{})}}
	u.room = &room{wait: t.waitRoom, say: u.sayRoom, make: keeper{r}.makeRoom}
	return u
}

// ErrStopped is that somebody stopped a grab before its end.
var ErrStopped = errors.New("stopped by hand")

// work takes the incident to its bundle. A nil error means sealed.
func (u *run) work(ctx context.Context) error {
	inc, err := u.table.Get(u.key)
	if err != nil {
		return err
	}
	u.inc, u.id, u.site, u.began = inc, inc.ID, inc.Site, u.r.now()
	u.families = inc.Families
	for _, ref := range inc.Hosts {
		if err := evidence.CheckName(ref.Name); err != nil {
			return fmt.Errorf("host: %w", err)
		}
		h := &hostRun{run: u, ref: u.r.refresh(inc.Site, ref), saved: true, errand: make(chan func())}
		if err := h.resume(ref); err != nil {
			return fmt.Errorf("resume host %s: %w", ref.Name, err)
		}
		u.hosts = append(u.hosts, h)
	}
	defer u.closePullers()
	u.r.Store.RemoveParts(u.r.Store.IncidentDir(u.key), nil)
	u.r.Store.RemoveParts(u.r.Store.ResultsDir(u.key), nil)
	switch {
	case u.inc.Frozen && u.asks():
		err = u.refreeze(ctx)
	case u.manifestWritten():
	case u.inc.ReportOnly(), u.inc.Late:
		err = u.freeze(ctx, u.inc.Asked)
	default:
		err = u.pull(ctx)
	}
	if err != nil {
		return err
	}
	return u.seal(ctx)
}

// manifestWritten reports whether only the sealing is left.
func (u *run) manifestWritten() bool {
	_, err := os.Stat(u.r.Store.ManifestFile(u.key, u.inc.Revision).Path)
	return u.inc.Frozen && err == nil
}

// pull asks all hosts in parallel until all are done and the incident is frozen.
func (u *run) pull(ctx context.Context) error {
	if err := u.room.retry(ctx, func() (err error) {
		u.inc, err = u.table.Start(u.key)
		return err
	}); err != nil {
		return err
	}
	u.target, u.quiet = newTarget(u.inc.Asked, len(u.hosts)), make(chan struct{})
	u.tell(Event{What: EventStarted, Window: u.inc.Asked})
	work, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	u.room.onGiveUp(cancel)
	u.r.register(u)
	defer u.r.unregister(u)
	u.rewind()

	var wg sync.WaitGroup
	for _, h := range u.hosts {
		wg.Go(func() { h.loop(work) })
	}
	u.r.Beside.begin(u.inc) // after the hosts, so that it costs them nothing
	err := u.freezeWhenDone(work)
	if errors.Is(err, ErrStopped) {
		cancel(ErrStopped) // the hosts are to say so
	}
	close(u.quiet)
	cancel(nil)
	wg.Wait()
	u.firstPass()

	switch {
	case err == nil:
		return nil
	case u.room.failed() != nil:
		return u.room.failed()
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, ErrStopped): // what there is
		if u.inc, err = u.table.Update(u.key, func(in *incident.Incident) { in.Stopped = u.r.now().UTC().Round(0) }); err != nil {
			return err
		}
		return u.freeze(ctx, u.inc.Asked)
	}
	return err
}

// rewind takes up a window that grew between start and register.
func (u *run) rewind() {
	if in, err := u.table.Get(u.key); err == nil {
		u.grow(in.Asked)
	}
	if len(u.hosts) == 0 {
		u.target.sayDone()
	}
}

// freezeWhenDone waits until every host is done with the window as it then is.
func (u *run) freezeWhenDone(work context.Context) error {
	for {
		select {
		case <-u.target.done:
		case <-u.terms.stop:
			return ErrStopped
		case <-work.Done():
			return context.Cause(work)
		}
		w, ok := u.target.reached()
		if !ok { // the window grew after done was said
			continue
		}
		if err := u.nothingFits(); err != nil {
			return err
		}
		err := u.conclude(work, w)
		switch {
		case errors.Is(err, incident.ErrGrew):
			u.rewind()
		case errors.Is(err, errJoined):
			u.target.sayDone() // nobody is asked anew for it, but whose it is
		default:
			return err
		}
	}
}

// conclude finds out whose the incident is, and freezes it if it is to be sealed.
func (u *run) conclude(work context.Context, w evidence.Window) error {
	_, _, changed := u.target.current()
	if err := u.own(work, changed); err != nil {
		return err
	}
	if u.whose.Act == ActDrop {
		return u.give()
	}
	borrow(work, u, w, true, changed)
	return u.freeze(work, w)
}

// nothingFits is why nothing at all was copied of any host, if it is for want of room.
func (u *run) nothingFits() error {
	err := u.room.short()
	if err == nil || slices.ContainsFunc(u.hosts, func(h *hostRun) bool { return h.bytes() > 0 }) {
		return nil
	}
	return err
}

// freeze has the records looked over, saves what is not saved yet, and the manifest;
// ErrGrew if the window is not w any more.
func (u *run) freeze(ctx context.Context, w evidence.Window) error {
	if !u.inc.Late { // its rows are those of the revision before
		if err := u.lookOver(ctx); err != nil {
			return err
		}
		for _, h := range u.hosts {
			if err := u.write(ctx, h); err != nil {
				return fmt.Errorf("save host %s: %w", h.ref.Name, err)
			}
		}
	}
	return u.room.retry(ctx, func() error {
		inc, err := u.table.FreezeAs(u.key, w, func(in *incident.Incident) error {
			err := u.take(in)
			incident.Renumber(u.r.Store, in)
			return err
		}, u.build)
		if err == nil {
			u.inc = inc
		}
		return err
	})
}

// grow puts a wider window in force.
func (u *run) grow(w evidence.Window) {
	if u.target.grow(w) {
		u.tell(Event{What: EventGrown, Window: w})
	}
}

// sayRoom says that there is no room on the disk, or some again.
func (u *run) sayRoom(none bool, err error) {
	if !none {
		u.r.log().Info("disk has room again", "incident", u.id)
		return
	}
	what := "disk full: waiting for room"
	if !u.terms.waitRoom {
		what = "disk full: what fits is kept"
	}
	u.r.log().Warn(what, "incident", u.id, "waiting", u.terms.waitRoom, "err", err)
	u.tell(Event{What: EventFull, Err: err})
}

func (u *run) tell(e Event) {
	if u.r.Events == nil {
		return
	}
	e.Time, e.Key, e.Site = u.r.now(), u.key, u.site
	if e.Incident == "" {
		e.Incident = u.id
	}
	u.r.Events(e)
}

// concluded puts an incident back to the revision that it has if a retry of it
// would have held less, or no report again, and if what came late could not be added: that is
// tried again.
func (u *run) concluded(err error) error {
	late := u.inc.Late && err != nil && !errors.Is(err, context.Canceled)
	if !inVain(err) && !late {
		return err
	}
	if late {
		u.r.log().Warn("what came late is not in a bundle yet; it is tried again", "incident", u.id, "err", err)
		if err := u.lateInVain(err); err != nil {
			return err
		}
	} else {
		u.r.log().Warn("retry abandoned", "incident", u.id, "err", err)
	}
	_, err = u.table.Update(u.key, func(in *incident.Incident) {
		last := in.Revisions[len(in.Revisions)-1]
		in.State, in.Revision, in.Coverage, in.Bundle, in.Error, in.Late = incident.Sealed, last.Revision, last.Coverage, last.Bundle, "", false
	})
	return err
}

// lateInVain notes why what came late could not be added, and takes back what was begun: whoever
// makes the next revision begins anew.
func (u *run) lateInVain(why error) error {
	return errors.Join(
		material.Of(u.r.Store, u.key).Tried(u.r.now(), human.OneLine(why), atomicfile.Full(why)),
		u.r.Store.Remove(u.r.Store.ManifestFile(u.key, u.inc.Revision).Path))
}

// inVain reports whether a retry ended without a revision, and an incident as it was.
func inVain(err error) bool { return errors.Is(err, manifest.ErrLess) || errors.Is(err, ErrNoReport) }

// fail writes down that nobody works at the incident, and why.
func (u *run) fail(err error) {
	u.r.log().Error("incident failed", "incident", u.id, "err", err)
	if _, err2 := u.table.Update(u.key, func(in *incident.Incident) { in.State, in.Error = incident.Failed, err.Error() }); err2 != nil {
		u.r.log().Error("cannot save the incident's failure", "incident", u.id, "err", err2)
	}
	u.tell(Event{What: EventFailed, Err: err})
}
