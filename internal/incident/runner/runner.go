package runner

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"rtmtgrab/internal/diskspace"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/growth"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/leap"
)

// A Runner works at incidents: asks their hosts, in parallel and again as long as
// there is hope, and has them sealed. Its fields are set before the first call and
// not changed afterwards.
type Runner struct {
	Store  *incident.Store
	Policy func() incident.Policy // in force at this moment; Settle, Patience, Keep and KeepSize are used
	Sites  func() []incident.Site // configured at this moment; nil: none

	Logs

	// Seal writes, fsyncs, verifies and renames a bundle, whose path is SealJob.Base and
	// an ending.
	Seal func(ctx context.Context, job SealJob) (SealedBundle, error)
	// VerifyBundle returns the manifest of an intact bundle of that incident and revision.
	VerifyBundle func(ctx context.Context, path, incident string, revision int) (evidence.Manifest, error)
	Parallel     int              // bundles made at once; zero: 4. Hosts are asked at once for all incidents
	Log          *slog.Logger     // nil: nothing
	Now          func() time.Time // nil: time.Now
	Events       func(Event)      // nil: nobody listens; must not block for long
	Version      string           // of the program, for the manifest

	Growth *growth.Book // by which logs without records are judged; nil: nothing is known of them

	Keeping

	Beside Beside

	working working
}

// Beside is who else has to do with an incident: what is got from elsewhere than its hosts, and comes as
// material, and whose it is. None of it may cost the hosts anything.
type Beside struct {
	// Own says whose an incident is. nil: no other collector watches its site.
	Own Owner
	// Borrow has a puller take what other collectors have of its host and is missing in row, the puller's
	// last one, which is of the window asked. It returns the row as it is then, whatever the error, or none
	// at all where it cannot, and not long after ctx ends. nil: nobody lends.
	Borrow func(ctx context.Context, in incident.Incident, p Puller, row evidence.Host, asked evidence.Window) (evidence.Host, error)
	// Begin hears that the hosts of an incident are being asked, also once more after a
	// restart. It returns at once. nil: nobody wants to know.
	Begin func(in incident.Incident)
	// Await hears that the logs of an incident are complete, and returns when the bundle
	// need not wait any longer. It is not asked about what came late. nil: it need not.
	Await func(ctx context.Context, job SealJob)
}

func (b Beside) begin(in incident.Incident) {
	if b.Begin != nil {
		b.Begin(in)
	}
}

func (b Beside) await(ctx context.Context, job SealJob) {
	if b.Await != nil && !job.Incident.Late {
		b.Await(ctx, job)
	}
}

// Keeping is what a runner asks before it removes an incident, and whom it tells; and where what
// it has kept is to go.
type Keeping struct {
	Reserve *diskspace.Reserve // of the store's disk: for it old incidents are removed; nil: none are

	// Removing hears of a bundle that is about to be removed, and why; its error is only
	// logged. It may hear of one again after a crash. May be nil.
	Removing func(bundle, why string, at time.Time) error

	// Undelivered reports whether a bundle of the incident of that key still has to go
	// somewhere: then nothing of the incident is removed, whatever its age and the room. It is
	// asked of sealed incidents alone, of many in a row, and once more of each that is to go, within
	// incident.Withdraw: so it answers from memory or by one small file, and locks no incident. What it
	// cannot tell it calls undelivered. A delivery has to be written down before its incident is
	// saved as sealed, a later one within incident.WhileKept, or it is not known here in time. nil: what is
	// sealed is delivered.
	Undelivered func(key string) bool

	// HandTo says where a bundle that was finished before is to go, of which nothing is written
	// down, as in a store that was restored; m is its own manifest. nil: nowhere.
	HandTo func(ctx context.Context, in incident.Incident, m evidence.Manifest, bundle string) []string
}

// undelivered reports whether a bundle of the incident still has to go somewhere.
func (k Keeping) undelivered(key string) bool { return k.Undelivered != nil && k.Undelivered(key) }

// Logs are how hosts' logs are had, and what is in them.
type Logs struct {
	// NewPuller returns what asks a host and keeps its slices in dir. It must
	// work for a host that is configured no longer as far as Puller.Open goes.
	NewPuller func(site, host, dir string) (Puller, error)
	// Contents tells what the copied records of the job's one host say; its error is noted
	// in the host's row, and costs nothing else. nil: nobody looks.
	Contents func(ctx context.Context, job ContentsJob) (evidence.Contents, error)
	// Unpack verifies the bundle, which must be that of the incident and revision, and writes those of its files
	// that want says yes to into the folder dir, below their names in it. nil: what came
	// late is sealed only where the logs still lie in the store.
	Unpack func(ctx context.Context, bundle, incident string, revision int, dir string, want func(name string) bool) error
}

// working is what is being worked at.
type working struct {
	room  sync.Mutex // one makes room at a time
	mu    sync.Mutex
	runs  map[string]*run // that ask hosts, by key
	seals chan struct{}   // a place for each bundle that is made
	naps  naps

	sealed chan struct{} // size 1: a bundle was, see sealings
	kept   Kept          // at the last look
	ages   leap.Watch    // by which incidents and alerts are old
}

// Triage decides about alerts, and so which incidents there are.
type Triage interface {
	// Table has the incidents.
	Table() *incident.Table
	// Decide decides about what is undecided.
	Decide(now time.Time) ([]incident.Incident, error)
	// Undecided reports whether Decide is to be called again some time, Overdue whether
	// it is to be called by now.
	Undecided() bool
	Overdue() bool
	// Prune forgets what is old.
	Prune(now time.Time) error
}

const (
	againFirst = 15 * time.Second // before a failed incident is tried again
	againMax   = 10 * time.Minute
	lookEvery  = time.Minute     // whether there is an alert of which nobody told, or an incident that a killed command left
	decideWait = 5 * time.Second // before Decide is called again after an error
)

// Run works at every unsealed incident of the triage, newest first, until ctx
// ends; then it returns nil, with all that is unfinished kept on disk for the next
// start. Nothing that goes wrong with an incident ends it.
func (r *Runner) Run(ctx context.Context, t Triage) error {
	r.decide(t)
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() { keeper{r}.keep(ctx, t) })
	wg.Go(func() { latecomer{r}.work(ctx) })
	s := &schedule{r: r, table: t.Table(), active: map[string]bool{}, freed: make(chan struct{}, 1), wg: &wg}
	left, look := incident.NewLeft(t.Table()), time.NewTicker(lookEvery)
	defer look.Stop()
	retry := time.NewTimer(decideWait)
	defer retry.Stop()
	for {
		s.dispatch(ctx)
		r.growAll(s.table)
		select {
		case <-ctx.Done():
			return nil
		case <-s.table.Woken():
		case <-s.freed:
		case <-look.C:
			for _, in := range left.TakeUp() {
				r.log().Warn("who worked at an incident is gone: going on with it", "incident", in.ID, "state", in.State)
			}
		case <-retry.C:
			if t.Overdue() {
				r.decide(t)
			}
		}
		if t.Undecided() {
			retry.Reset(decideWait)
		}
	}
}

// Kept tells what the last look at the sealed incidents has shown; Run looks at least once an hour.
func (r *Runner) Kept() Kept {
	r.working.mu.Lock()
	defer r.working.mu.Unlock()
	return r.working.kept
}

// Nudge makes the runner try an incident again at once if it waits to do so, or any
// host of it. It reports whether Run works at the incident at all.
func (r *Runner) Nudge(key string) bool { return r.working.naps.nudge(key) }

// WorksOn reports whether Run works at the incident, or waits to try it again.
func (r *Runner) WorksOn(key string) bool { return r.working.naps.worksOn(key) }

func (r *Runner) decide(t Triage) {
	if _, err := t.Decide(r.now()); err != nil {
		r.log().Error("cannot decide on alerts yet; retrying", "err", err)
	}
}

// growAll tells the runs how far their windows reach by now.
func (r *Runner) growAll(table *incident.Table) {
	r.working.mu.Lock()
	var runs []*run
	for _, u := range r.working.runs {
		if u.table == table {
			runs = append(runs, u)
		}
	}
	r.working.mu.Unlock()
	for _, u := range runs {
		if in, err := table.Get(u.key); err == nil {
			u.grow(in.Asked)
		}
	}
}

func (r *Runner) register(u *run) {
	r.working.mu.Lock()
	defer r.working.mu.Unlock()
	if r.working.runs == nil {
		r.working.runs = map[string]*run{}
	}
	r.working.runs[u.key] = u
}

func (r *Runner) unregister(u *run) {
	r.working.mu.Lock()
	defer r.working.mu.Unlock()
	delete(r.working.runs, u.key)
}

func (r *Runner) parallel() int {
	if r.Parallel > 0 {
		return r.Parallel
	}
	return 4
}

func (r *Runner) sealing() chan struct{} {
	r.working.mu.Lock()
	defer r.working.mu.Unlock()
	if r.working.seals == nil {
		r.working.seals = make(chan struct{}, r.parallel())
	}
	return r.working.seals
}

func (r *Runner) now() time.Time {
	if r.Now != nil {
		return r.Now()
	}
	return time.Now()
}

func (r *Runner) log() *slog.Logger {
	if r.Log != nil {
		return r.Log
	}
	return slog.New(slog.DiscardHandler)
}

func (r *Runner) sites() []incident.Site {
	if r.Sites == nil {
		return nil
	}
	return r.Sites()
}

// refresh is a host as it is configured now, or else as it was.
func (r *Runner) refresh(site string, ref incident.HostRef) incident.HostRef {
	for _, s := range r.sites() {
		if i := slices.IndexFunc(s.Hosts, func(h incident.HostRef) bool { return h.Name == ref.Name }); s.Name == site && i >= 0 {
			return s.Hosts[i]
		}
	}
	return ref
}

// addresses are those of all configured hosts.
func (r *Runner) addresses() []string {
	var all []string
	for _, s := range r.sites() {
		for _, h := range s.Hosts {
			all = append(all, h.Address)
		}
	}
	return all
}
