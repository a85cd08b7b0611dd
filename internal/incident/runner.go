package incident

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"
)

// A Runner works at incidents: asks their hosts, in parallel and again as long as
// there is hope, and has them sealed. Its fields are set before the first call and
// not changed afterwards.
type Runner struct {
	Store  *Store
	Policy func() Policy // in force at this moment; Settle, Patience and Keep are used
	Sites  func() []Site // configured at this moment; nil: none

	// NewPuller returns what asks a host and keeps its slices in dir. It must
	// work for a host that is configured no longer as far as Puller.Open goes.
	NewPuller func(site, host, dir string) (Puller, error)
	// Seal writes, fsyncs, verifies and renames a bundle and returns its path:
	// SealJob.Base and an ending.
	Seal func(ctx context.Context, job SealJob) (path string, err error)
	// VerifyBundle returns nil for an intact bundle of that incident and revision.
	VerifyBundle func(ctx context.Context, path, incident string, revision int) error

	Parallel int              // incidents whose hosts are asked for the first time at once, and bundles made at once; zero: 4
	Log      *slog.Logger     // nil: nothing
	Now      func() time.Time // nil: time.Now
	Events   func(Event)      // nil: nobody listens; must not block for long
	Version  string           // of the program, for the manifest

	mu    sync.Mutex
	runs  map[string]*run // that ask hosts, by key
	seals chan struct{}

	nudges map[string]*nudge // by key, of incidents that wait
	tended map[string]bool   // by key, that Run works at
}

const (
	keepEvery  = time.Hour
	againFirst = 15 * time.Second // before a failed incident is tried again
	againMax   = 10 * time.Minute
	decideWait = 5 * time.Second // before Decide is called again after an error
)

// Run works at every unsealed incident of the journal, newest first, until ctx
// ends; then it returns nil, with all that is unfinished kept on disk for the next
// start. Nothing that goes wrong with an incident ends it.
func (r *Runner) Run(ctx context.Context, j *Journal) error {
	r.tidy()
	r.decide(j)
	var wg sync.WaitGroup
	defer wg.Wait()
	s := &schedule{r: r, j: j, active: map[string]bool{}, freed: make(chan struct{}, 1), wg: &wg}
	keep := time.NewTicker(keepEvery)
	defer keep.Stop()
	r.keep(j)
	retry := time.NewTimer(decideWait)
	defer retry.Stop()
	for {
		s.dispatch(ctx)
		r.growAll(j)
		select {
		case <-ctx.Done():
			return nil
		case <-j.table.Woken():
		case <-s.freed:
		case <-keep.C:
			r.keep(j)
		case <-retry.C:
			if j.Overdue() {
				r.decide(j)
			}
		}
		if j.Undecided() {
			retry.Reset(decideWait)
		}
	}
}

// concluded puts an incident back to the revision that it has if a retry of it
// would have held less.
func (r *Runner) concluded(u *run, err error) error {
	if !errors.Is(err, ErrLess) {
		return err
	}
	r.log().Warn("the retry is given up", "incident", u.id, "err", err)
	_, err = u.table.Update(u.key, func(in *Incident) {
		last := in.Revisions[len(in.Revisions)-1]
		in.State, in.Revision, in.Coverage, in.Bundle, in.Error = Sealed, last.Revision, last.Coverage, last.Bundle, ""
	})
	return err
}

// fail writes down that nobody works at the incident, and why.
func (u *run) fail(err error) {
	u.r.log().Error("incident failed", "incident", u.id, "err", err)
	if _, err2 := u.table.Update(u.key, func(in *Incident) { in.State, in.Error = Failed, err.Error() }); err2 != nil {
		u.r.log().Error("incident's failure cannot be saved", "incident", u.id, "err", err2)
	}
	u.tell(Event{What: EventFailed, Err: err})
}

func (r *Runner) decide(j *Journal) {
	if _, err := j.Decide(r.now()); err != nil {
		r.log().Error("alerts cannot be decided yet", "err", err)
	}
}

// growAll tells the runs how far their windows reach by now.
func (r *Runner) growAll(j *Journal) {
	r.mu.Lock()
	var runs []*run
	for _, u := range r.runs {
		if u.table == j.table {
			runs = append(runs, u)
		}
	}
	r.mu.Unlock()
	for _, u := range runs {
		if in, err := j.table.Get(u.key); err == nil {
			u.grow(in.Asked)
		}
	}
}

func (r *Runner) register(u *run) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.runs == nil {
		r.runs = map[string]*run{}
	}
	r.runs[u.key] = u
}

func (r *Runner) unregister(u *run) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.runs, u.key)
}

func (r *Runner) parallel() int {
	if r.Parallel > 0 {
		return r.Parallel
	}
	return 4
}

func (r *Runner) sealing() chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.seals == nil {
		r.seals = make(chan struct{}, r.parallel())
	}
	return r.seals
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

func (r *Runner) sites() []Site {
	if r.Sites == nil {
		return nil
	}
	return r.Sites()
}

// refresh is a host as it is configured now, or else as it was.
func (r *Runner) refresh(site string, ref HostRef) HostRef {
	for _, s := range r.sites() {
		if i := slices.IndexFunc(s.Hosts, func(h HostRef) bool { return h.Name == ref.Name }); s.Name == site && i >= 0 {
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
