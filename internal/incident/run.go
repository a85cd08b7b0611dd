package incident

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"rtmtgrab/internal/atomicfile"
	"rtmtgrab/internal/evidence"
)

// A run is the work of one process at one incident, whose lock is held.
type run struct {
	r        *Runner
	table    *Table
	key      string
	id, site string // as they were at the start
	settle   time.Duration
	patience time.Duration
	waitRoom bool            // watch waits for room on the disk, now gives up
	stop     <-chan struct{} // closed: stop asking and seal what there is; nil: never
	first    func()          // called once, when every host was asked once; may be nil

	families []string
	once     sync.Once // firstPass

	began time.Time
	inc   Incident // of the goroutine in work alone
	hosts []*hostRun
	quiet chan struct{} // closed when every host is done and the incident frozen

	mu      sync.Mutex
	window  evidence.Window
	gen     int           // counts windows
	pending int           // hosts that are not done with this one
	changed chan struct{} // closed when the window changes
	done    chan struct{} // size 1: pending came to 0
	fatal   error         // no use in going on
	cancel  context.CancelCauseFunc
	noRoom  bool
}

var errStopped = errors.New("stopped by hand before the end")

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
		h := &hostRun{run: u, ref: u.r.refresh(inc.Site, ref), saved: true}
		if h.state, err = u.r.Store.readRow(u.key, ref.Name); err != nil {
			return fmt.Errorf("take up host %s: %w", ref.Name, err)
		}
		u.hosts = append(u.hosts, h)
	}
	defer u.closePullers()
	u.r.Store.removeParts(u.r.Store.incidentDir(u.key), noKeep)
	u.r.Store.removeParts(u.r.Store.resultsDir(u.key), noKeep)
	if !u.manifestWritten() {
		if err := u.pull(ctx); err != nil {
			return err
		}
	}
	return u.seal(ctx)
}

// manifestWritten reports whether only the sealing is left.
func (u *run) manifestWritten() bool {
	_, err := os.Stat(u.r.Store.manifestPath(u.key, u.inc.Revision))
	return u.inc.Frozen && err == nil
}

// pull asks all hosts in parallel until all are done and the incident is frozen.
func (u *run) pull(ctx context.Context) error {
	if err := u.retryFull(ctx, func() (err error) {
		u.inc, err = u.table.Start(u.key)
		return err
	}); err != nil {
		return err
	}
	u.window, u.pending = u.inc.Asked, len(u.hosts)
	u.changed, u.done, u.quiet = make(chan struct{}), make(chan struct{}, 1), make(chan struct{})
	u.tell(Event{What: EventStarted, Window: u.window})
	work, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	u.cancel = cancel
	u.r.register(u)
	defer u.r.unregister(u)
	u.rewind()

	var wg sync.WaitGroup
	for _, h := range u.hosts {
		wg.Go(func() { h.loop(work) })
	}
	err := u.freezeWhenDone(work)
	close(u.quiet)
	cancel(nil)
	wg.Wait()
	u.firstPass()
	switch {
	case err == nil:
		return nil
	case u.failed() != nil:
		return u.failed()
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, errStopped): // what there is
		if u.inc, err = u.table.Update(u.key, func(in *Incident) { in.Stopped = u.r.now().UTC().Round(0) }); err != nil {
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
		u.done <- struct{}{}
	}
}

// freezeWhenDone waits until every host is done with the window as it then is.
func (u *run) freezeWhenDone(work context.Context) error {
	for {
		select {
		case <-u.done:
		case <-u.stop:
			u.cancel(errStopped)
			return errStopped
		case <-work.Done():
			return context.Cause(work)
		}
		u.mu.Lock()
		w, pending := u.window, u.pending
		u.mu.Unlock()
		if pending > 0 { // the window grew after done was said
			continue
		}
		err := u.freeze(work, w)
		if !errors.Is(err, ErrGrew) {
			return err
		}
		u.rewind()
	}
}

// freeze saves what is not saved yet, and the manifest; ErrGrew if the window is
// not w any more.
func (u *run) freeze(ctx context.Context, w evidence.Window) error {
	for _, h := range u.hosts {
		if err := u.write(ctx, h); err != nil {
			return fmt.Errorf("save host %s: %w", h.ref.Name, err)
		}
	}
	return u.retryFull(ctx, func() error {
		inc, err := u.table.Freeze(u.key, w, u.build)
		if err == nil {
			u.inc = inc
		}
		return err
	})
}

// current is the window, its number, and the channel that tells of the next.
func (u *run) current() (evidence.Window, int, <-chan struct{}) {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.window, u.gen, u.changed
}

// grow puts a wider window in force and wakes the hosts.
func (u *run) grow(w evidence.Window) {
	u.mu.Lock()
	same := SameWindow(u.window, w)
	if !same {
		u.window = w
		u.gen++
		u.pending = len(u.hosts)
		close(u.changed)
		u.changed = make(chan struct{})
	}
	u.mu.Unlock()
	if !same {
		u.tell(Event{What: EventGrown, Window: w})
	}
}

// finished notes that a host is done with the gen'th window.
func (u *run) finished(gen int) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if gen != u.gen {
		return
	}
	u.pending--
	if u.pending == 0 {
		select {
		case u.done <- struct{}{}:
		default: // it is said already, of an earlier window: freeze will notice
		}
	}
}

// retryFull does something again as long as the disk is full, if the run waits for
// room.
func (u *run) retryFull(ctx context.Context, try func() error) error {
	for {
		err := try()
		if !atomicfile.Full(err) {
			u.room()
			return err
		}
		if !u.full(err) {
			return err
		}
		if !sleep(ctx, roomEvery, nil) {
			return errors.Join(context.Cause(ctx), err)
		}
	}
}

// full says once that there is no room, and whether to wait for it.
func (u *run) full(err error) bool {
	u.mu.Lock()
	said := u.noRoom
	u.noRoom = true
	if !u.waitRoom && u.fatal == nil {
		u.fatal = err
		if u.cancel != nil {
			u.cancel(err)
		}
	}
	u.mu.Unlock()
	if !said {
		u.r.log().Warn("no room on the disk", "incident", u.id, "waiting", u.waitRoom, "err", err)
		u.tell(Event{What: EventFull, Err: err})
	}
	return u.waitRoom
}

// room says once that there is room again.
func (u *run) room() {
	u.mu.Lock()
	said := u.noRoom
	u.noRoom = false
	u.mu.Unlock()
	if said {
		u.r.log().Info("there is room on the disk again", "incident", u.id)
	}
}

func (u *run) failed() error {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.fatal
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
