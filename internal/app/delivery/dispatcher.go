// Package delivery has sealed bundles handed over: it knows from the incidents' records what
// is to go where, keeps the engine of package handover going with the destinations of the
// configuration in force, and does what people ask of it.
//
// It guarantees that each revision whose record says that it is to go somewhere becomes a
// job, whatever was killed between; it looks at the store for those that other processes
// sealed. It decides about no conditions: those were judged when a bundle was sealed.
package delivery

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"slices"
	"sync"
	"time"

	"rtmtgrab/bundle/mask/mapfile"
	"rtmtgrab/internal/analysis"
	"rtmtgrab/internal/config"
	"rtmtgrab/internal/diskspace"
	"rtmtgrab/internal/handover"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/wiring"
)

// A Dispatcher has the deliveries of a store. Its fields are set before the first call and not
// changed afterwards.
type Dispatcher struct {
	Store   *incident.Store
	Cfg     func() *config.Config // in force
	Log     *slog.Logger
	Reserve *diskspace.Reserve   // of the store's disk; nil: artefacts take what room there is
	Tokens  *wiring.TokenSources // of OAuth2, for mail; nil: made anew
	Analyst *analysis.Analyst    // makes the reports of masked bundles; nil: one of its own
	Limits  handover.Limits      // for tests
	Heard   func()               // called when a delivery has come further; must not block; nil: nobody wants to know

	state deskState
}

type deskState struct {
	mu     sync.Mutex
	engine *handover.Engine // nil: there was nothing to deliver yet, or another process does
	err    error            // why there is none although there should be
	wake   chan struct{}
	heard  chan struct{} // closed when a delivery has come further, and made anew
}

// Dir is the folder of the jobs of a store.
func Dir(store *incident.Store) string { return wiring.Jobs(store).Dir }

const (
	lookEvery  = 30 * time.Second // between two looks at what other processes sealed
	pruneEvery = time.Hour
)

func (d *Dispatcher) init() {
	d.state.mu.Lock()
	defer d.state.mu.Unlock()
	if d.state.wake == nil {
		d.state.wake, d.state.heard = make(chan struct{}, 1), make(chan struct{})
	}
}

// Sealed says that there may be something new to deliver, or another configuration.
func (d *Dispatcher) Sealed() {
	d.init()
	select {
	case d.state.wake <- struct{}{}:
	default: // it is going to look
	}
}

// Run delivers until ctx ends, and returns when all that it began has ended.
func (d *Dispatcher) Run(ctx context.Context) {
	d.init()
	seen := map[string]time.Time{}
	look, prune := time.NewTicker(lookEvery), time.NewTicker(pruneEvery)
	defer look.Stop()
	defer prune.Stop()
	var wg sync.WaitGroup
	defer d.close(&wg)
	for {
		if e := d.started(ctx, &wg); e != nil {
			d.plan(e, seen)
		}
		select {
		case <-ctx.Done():
			return
		case <-d.state.wake:
		case <-look.C:
		case <-prune.C:
			d.prune()
		}
	}
}

// started is the engine, running, once there is anything to do for it.
func (d *Dispatcher) started(ctx context.Context, wg *sync.WaitGroup) *handover.Engine {
	if d.engine() != nil || !d.wanted() {
		return d.engine()
	}
	e, err := d.open()
	d.state.mu.Lock()
	defer d.state.mu.Unlock()
	if said := d.state.err; err != nil && (said == nil || said.Error() != err.Error()) {
		d.Log.Error("bundles cannot be handed over; trying again", "err", err)
	}
	if d.state.engine, d.state.err = e, err; err != nil {
		return nil
	}
	mapfile.Of(d.Store.Dir).Sweep()
	wg.Go(func() { e.Run(ctx) })
	return e
}

func (d *Dispatcher) engine() *handover.Engine {
	d.state.mu.Lock()
	defer d.state.mu.Unlock()
	return d.state.engine
}

// wanted reports whether there are destinations, or were.
func (d *Dispatcher) wanted() bool {
	if len(d.Cfg().Handover) > 0 {
		return true
	}
	_, err := os.Stat(Dir(d.Store))
	return err == nil
}

// open is an engine that has the store's jobs and the destinations in force.
func (d *Dispatcher) open() (*handover.Engine, error) {
	e := &handover.Engine{Store: wiring.Jobs(d.Store), Log: d.Log, Limits: d.Limits, Maker: d.maker(), Case: d.caseOf, Record: d.record, Changed: func(handover.Job) { d.hear() }}
	if err := e.Open(); err != nil {
		return nil, err
	}
	e.Configure(d.destinations(d.Cfg()))
	d.queueDamaged(e)
	return e, nil
}

// queueDamaged queues anew what was lost with a job's file, whoever had asked for it.
func (d *Dispatcher) queueDamaged(e *handover.Engine) {
	list, err := e.Store.Damaged()
	for _, w := range list {
		in, rerr := d.Store.Read(w.Key)
		i := slices.IndexFunc(in.Revisions, func(r incident.Revision) bool { return r.Revision == w.Revision })
		if rerr == nil && i >= 0 && !e.Has(w.Key, w.Revision, w.Sink) {
			rerr = e.Add(finished(in, in.Revisions[i]), w.Sink)
		}
		if !errors.Is(rerr, fs.ErrNotExist) { // it was removed since
			err = errors.Join(err, rerr)
		}
	}
	if err != nil {
		d.Log.Error("a delivery whose file was damaged cannot be queued anew; `grab send` asks for it again", "err", err)
	}
}

func (d *Dispatcher) close(wg *sync.WaitGroup) {
	wg.Wait()
	d.state.mu.Lock()
	defer d.state.mu.Unlock()
	if d.state.engine != nil {
		d.state.engine.Close()
		d.state.engine = nil
	}
}

// hear wakes who waits for a delivery.
func (d *Dispatcher) hear() {
	if d.Heard != nil {
		d.Heard()
	}
	d.state.mu.Lock()
	defer d.state.mu.Unlock()
	close(d.state.heard)
	d.state.heard = make(chan struct{})
}

// heard is closed when a delivery has come further.
func (d *Dispatcher) heard() <-chan struct{} {
	d.init()
	d.state.mu.Lock()
	defer d.state.mu.Unlock()
	return d.state.heard
}

// Configure puts the destinations in force that the configuration has now.
func (d *Dispatcher) Configure() {
	if e := d.engine(); e != nil {
		e.Configure(d.destinations(d.Cfg()))
	}
	d.Sealed()
}

// Retry takes up what failed at a destination: it is known to work again.
func (d *Dispatcher) Retry(name string) {
	if e := d.engine(); e != nil {
		e.Retry(name)
	}
}

// plan queues what the records of incidents want delivered and what is no job yet.
func (d *Dispatcher) plan(e *handover.Engine, seen map[string]time.Time) {
	list, err := d.Store.Changed(seen)
	if err != nil {
		d.Log.Warn("cannot tell whether every bundle is queued for handover", "err", err)
	}
	for _, in := range list {
		if err := queue(e, in); err != nil {
			d.Log.Error("a bundle cannot be queued for handover; trying again", "incident", in.ID, "err", err)
			seen[in.Key] = time.Time{} // it is looked at again
		}
	}
}

// queue makes jobs of what an incident's record wants delivered. Of a revision that an
// earlier one was queued for, too, the newest is added last: it replaces the others.
func queue(e *handover.Engine, in incident.Incident) (err error) {
	for _, rev := range in.Revisions {
		for _, to := range rev.HandTo {
			if e.Has(in.Key, rev.Revision, to) {
				continue
			}
			err = errors.Join(err, e.Add(finished(in, rev), to))
		}
	}
	return err
}

func finished(in incident.Incident, rev incident.Revision) handover.Finished {
	return handover.Finished{Key: in.Key, Incident: in.ID, Site: in.Site, Bundle: rev.Bundle, Revision: rev.Revision, Sealed: rev.Sealed}
}

// prune forgets the deliveries of incidents that are gone.
func (d *Dispatcher) prune() {
	if e := d.engine(); e != nil {
		e.Store.Prune(time.Now(), func(key string) bool {
			_, err := os.Stat(d.Store.IncidentDir(key))
			return errors.Is(err, os.ErrNotExist)
		})
	}
}
