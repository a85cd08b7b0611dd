// Package member is one collector in its fleet: its connection to the hub, and what works by it.
//
// It guarantees that what works by a hub is begun once the hub is connected, begun again with
// growing pauses whenever it fails or panics, and has ended when Close returns; that a reload
// which leaves the hub as it was leaves the connection as it is; and that nobody waits for the
// hub but these workers. It does not know what they do.
package member

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"reflect"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"rtmtgrab/internal/config"
	"rtmtgrab/internal/config/fleetconf"
	"rtmtgrab/internal/fleet/hub"
)

// A Worker is something that a collector does by its hub.
type Worker struct {
	Name string // as it is logged

	// Run works until ctx ends. The hub was connected when it was called and may be away at
	// any time since. After an error, or nil, it is called again.
	Run func(ctx context.Context, h *hub.Hub) error

	// Stays says that Run looks at the configuration by itself. All others are ended and
	// begun again by a reload.
	Stays bool
	// Ails is what it cannot do although it works, and since when; nil: nothing. It may be nil itself.
	Ails func() (since time.Time, err error)
}

// A Member has no place in a fleet until it is configured. It is safe for concurrent use.
type Member struct {
	Options func(cfg *config.Config) (hub.Options, error) // of the hub of cfg.Fleet
	Log     *slog.Logger
	Workers []Worker

	mu    sync.Mutex
	place *place
}

// A place is what it has in one fleet.
type place struct {
	fleet  fleetconf.Fleet // by which it was begun
	hub    *hub.Hub        // nil: err
	err    error           // why there is no hub
	since  time.Time       // it was begun; of err
	stays  *gang
	others *gang // those that a reload begins again
}

// A gang is workers that end together.
type gang struct {
	cancel context.CancelFunc
	wg     sync.WaitGroup
	log    *slog.Logger

	mu      sync.Mutex
	begun   map[string]time.Time // workers that run
	failing map[string]Failing
}

// Failing is a worker that does not get its work done.
type Failing struct {
	Worker string
	Err    error
	Since  time.Time
}

// How a worker is begun again.
const (
	again     = time.Second
	againMost = 30 * time.Second
	steady    = time.Minute // after which a failure counts as the first one

	lastWords = 3 * time.Second // for workers to say to the hub that they end
)

// Configure begins, changes or ends its place by a configuration that is in force now. What is
// begun ends with ctx, or by another Configure, or by Close.
func (m *Member) Configure(ctx context.Context, cfg *config.Config) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if ctx.Err() != nil {
		m.leave()
		return
	}
	if p := m.place; p != nil && cfg.Fleet != nil && p.hub != nil && same(p.fleet, *cfg.Fleet) {
		p.others.cancel()
		p.others = m.gang(ctx, p.hub, false, p.others)
		return
	}
	m.leave()
	if cfg.Fleet == nil {
		return
	}
	p := &place{fleet: *cfg.Fleet, since: time.Now()}
	m.place = p
	o, err := m.Options(cfg)
	if err == nil {
		p.hub, err = hub.Open(o)
	}
	if err != nil {
		p.err = err
		m.Log.Error("the hub of the fleet cannot be used; all else goes on", "err", err)
		return
	}
	p.stays, p.others = m.gang(ctx, p.hub, true, nil), m.gang(ctx, p.hub, false, nil)
}

// same reports whether two configurations have the same hub and the same name there.
func same(a, b fleetconf.Fleet) bool {
	a.Names, a.Requests, a.Share = b.Names, b.Requests, b.Share
	return reflect.DeepEqual(a, b)
}

// Close ends what works by the hub, and the connection.
func (m *Member) Close() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.leave()
}

func (m *Member) leave() {
	p := m.place
	m.place = nil
	if p == nil || p.hub == nil {
		return
	}
	p.stays.cancel()
	p.others.cancel()
	late := time.AfterFunc(lastWords, p.hub.Close) // what waits for an answer without looking at its context gives up too
	p.stays.end()
	p.others.end()
	late.Stop()
	p.hub.Close()
}

// Hub is that of its place, connected or not; nil: it has none.
func (m *Member) Hub() *hub.Hub {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.place == nil {
		return nil
	}
	return m.place.hub
}

// State is how it stands.
type State struct {
	Member  bool      // the configuration has a fleet
	Name    string    // the collector's
	Tenant  string    // the fleet's
	Down    error     // why the hub cannot be asked; nil: it can
	Since   time.Time // it is connected, or down
	Failing []Failing // workers that fail although the hub is connected
	Expires time.Time // the certificate of the server that is connected; zero: not known
}

// State says how it stands now.
func (m *Member) State() State {
	m.mu.Lock()
	defer m.mu.Unlock()
	p := m.place
	if p == nil {
		return State{}
	}
	s := State{Member: true, Name: p.fleet.Name, Tenant: p.fleet.Tenant, Down: p.err, Since: p.since}
	if p.hub == nil {
		return s
	}
	s.Since = p.hub.Since()
	if s.Down = p.hub.Down(); s.Down == nil {
		s.Failing = slices.Concat(p.stays.list(), p.others.list(), m.ailing())
		s.Expires = p.hub.Expires()
	}
	return s
}

// ailing are the workers that have worked for a while, and do not get all of their work done.
func (m *Member) ailing() (list []Failing) {
	for _, w := range m.Workers {
		if w.Ails == nil {
			continue
		}
		if since, err := w.Ails(); err != nil && time.Since(since) >= steady {
			list = append(list, Failing{Worker: w.Name, Err: err, Since: since})
		}
	}
	return list
}

// gang begins the workers that stay, or the others, when those before them have ended: that may
// take a while where a hub does not answer, and nobody waits for it.
func (m *Member) gang(ctx context.Context, h *hub.Hub, stays bool, before *gang) *gang {
	ctx, cancel := context.WithCancel(ctx)
	g := &gang{cancel: cancel, log: m.Log, begun: map[string]time.Time{}, failing: map[string]Failing{}}
	g.wg.Go(func() {
		if before != nil {
			before.wg.Wait()
		}
		for _, w := range m.Workers {
			if w.Stays == stays {
				g.wg.Go(func() { g.keep(ctx, h, w) })
			}
		}
	})
	return g
}

func (g *gang) end() {
	g.cancel()
	g.wg.Wait()
}

// keep has one worker work until ctx ends.
func (g *gang) keep(ctx context.Context, h *hub.Hub, w Worker) {
	pause := again
	for h.Wait(ctx) == nil && ctx.Err() == nil {
		began := g.begin(w.Name)
		err := guarded(ctx, h, w)
		if ctx.Err() != nil {
			return
		}
		if time.Since(began) >= steady {
			pause = again
		}
		if err == nil {
			err = fmt.Errorf("it ended by itself")
		}
		g.failed(w.Name, err, h.Down() == nil)
		if !sleep(ctx, pause/2+rand.N(pause)) {
			return
		}
		pause = min(2*pause, againMost)
	}
}

func guarded(ctx context.Context, h *hub.Hub, w Worker) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v\n%s", r, debug.Stack())
		}
	}()
	return w.Run(ctx, h)
}

func (g *gang) begin(worker string) time.Time {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.begun[worker] = time.Now()
	return g.begun[worker]
}

// failed notes that a worker has ended, and says the first time of a row. What fails because
// the hub is away fails for nothing else.
func (g *gang) failed(worker string, err error, connected bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if time.Since(g.begun[worker]) >= steady || !connected {
		delete(g.failing, worker)
	}
	delete(g.begun, worker)
	if !connected {
		return
	}
	f, known := g.failing[worker]
	if !known {
		f = Failing{Worker: worker, Since: time.Now()}
		g.log.Warn("work by the hub failed; it is tried again", "what", worker, "err", err)
	}
	f.Err = err
	g.failing[worker] = f
}

// list are the workers that have failed again and again for a while, and do still.
func (g *gang) list() (list []Failing) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, f := range g.failing {
		begun, runs := g.begun[f.Worker]
		if time.Since(f.Since) >= steady && !(runs && time.Since(begun) >= steady) {
			list = append(list, f)
		}
	}
	slices.SortFunc(list, func(a, b Failing) int { return a.Since.Compare(b.Since) })
	return list
}

func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
