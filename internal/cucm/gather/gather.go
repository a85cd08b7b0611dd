// Package gather gets of the CUCM clusters of an incident what they know: which phones are
// partially registered, and the traces of the window. It puts that beside the incident's
// logs (package material).
//
// It guarantees that nothing of it delays an incident: it works in goroutines of its own,
// and a bundle waits for names at most for [Patience], never for traces. A cluster that
// cannot be asked is a row that says why. A phone is certain only if its newest record of
// all nodes says so, whatever other records there are. What was got is on disk and not
// asked for again after a restart.
//
// It does not know when an incident begins or is sealed, nor what the traces say.
package gather

import (
	"context"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"rtmtgrab/internal/atomicfile"
	"rtmtgrab/internal/cucm"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/incident"
)

// Patience is how long a first revision waits for names at most.
const Patience = 10 * time.Second

// An Entry is a cluster that is asked about a site's incidents.
type Entry struct {
	Cluster   *cucm.Cluster
	Names     bool          // which phones are partial
	Traces    bool          // and the traces of the window
	Whole     bool          // their files whole, beside what is cut
	Settle    time.Duration // after the window's end, before traces are fetched
	Bandwidth int64         // bytes a second from a node; 0: no limit
	Max       int64         // bytes of traces an incident
}

// A Site is what of the configuration is of use for a site's incidents.
type Site struct {
	Entries []Entry
	C       map[netip.Addr]string // the Expressway-Cs by address
}

// NamesAlone is the site without traces.
func (s Site) NamesAlone() Site {
	list := slices.Clone(s.Entries)
	for i := range list {
		list[i].Traces = false
	}
	s.Entries = slices.DeleteFunc(list, func(e Entry) bool { return !e.Names })
	return s
}

// A Gatherer works at incidents until Close. Its fields are set before the first call.
type Gatherer struct {
	Store *incident.Store
	Site  func(name string) Site  // as it is configured at this moment
	Room  func(bytes int64) error // whether the disk has room for so much; nil: it has
	Log   *slog.Logger            // nil: nothing
	Now   func() time.Time        // nil: time.Now
	Named func(key string)        // hears that the names of an incident are there or better; nil: nobody

	// Looked hears what a look at a node's traces brought, and after how long there is another; 0:
	// none. nil: nobody.
	Looked func(key string, row evidence.CUCMNode, again time.Duration)

	mu     sync.Mutex
	jobs   map[string]*job
	wg     sync.WaitGroup
	ctx    context.Context
	cancel context.CancelFunc
	closed bool
}

// A job is the work at one incident.
type job struct {
	g    *Gatherer
	key  string
	site Site
	in   incident.Incident // as it began

	ready chan struct{} // closed when its logs are complete
	once  sync.Once
	named chan struct{}  // closed when there will be no better names
	over  chan struct{}  // closed when all is done
	first sync.WaitGroup // the clusters that have not answered the first time

	mu     sync.Mutex // guards what follows, and the files
	state  state
	untold bool              // there was no room for what is known of phones
	rows   map[string]string // rowName's: in small letters, and whose they are
}

// Logs are an incident's, when they are complete.
type Logs struct {
	Manifest evidence.Manifest
	Open     Opener
}

// state is what was got, as it is on disk.
type state struct {
	Clusters map[string]*answers `json:"clusters"`
	Logs     *complete           `json:"logs,omitempty"` // nil: they are not complete yet
	Seen     *seen               `json:"seen,omitempty"` // in the logs

	Names evidence.PartialPhones `json:"names"` // what follows of both
}

// complete is what is kept of the logs once they are.
type complete struct {
	Asked evidence.Window `json:"asked"`
	Nodes []string        `json:"nodes"` // of the alerts
}

// answers are a cluster's. Why is why the next is missing.
type answers struct {
	First     *cucm.Phones `json:"first,omitempty"`
	FirstWhy  string       `json:"first_why,omitempty"`
	Second    *cucm.Phones `json:"second,omitempty"`
	SecondWhy string       `json:"second_why,omitempty"`
	Done      bool         `json:"done,omitempty"`   // with names
	Traced    bool         `json:"traced,omitempty"` // and with traces
}

func (g *Gatherer) now() time.Time {
	if g.Now != nil {
		return g.Now()
	}
	return time.Now()
}

func (g *Gatherer) log() *slog.Logger {
	if g.Log != nil {
		return g.Log
	}
	return slog.New(slog.DiscardHandler)
}

// Read is what is known of an incident's phones, without clusters if CUCM was not asked.
func Read(st *incident.Store, key string) evidence.PartialPhones {
	s, _, err := stateFile(st, key).Load()
	if err != nil {
		return evidence.PartialPhones{}
	}
	return s.Names
}

// stateName is the file of what was got, in an incident's folder.
const stateName = "cucm.json"

func stateFile(st *incident.Store, key string) atomicfile.JSON[state] {
	return incident.File[state](st, filepath.Join(st.IncidentDir(key), stateName))
}

// Begin takes an incident up, if it is not in work yet. It waits for nothing.
func (g *Gatherer) Begin(in incident.Incident) { g.take(in) }

// take is the job of an incident, nil if no cluster is asked.
func (g *Gatherer) take(in incident.Incident) *job {
	if in.Kind == incident.KindDrill {
		return nil
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if j := g.jobs[in.Key]; j != nil || g.closed {
		return j
	}
	site := g.Site(in.Site)
	if len(site.Entries) == 0 {
		return nil
	}
	if g.ctx == nil {
		g.ctx, g.cancel = context.WithCancel(context.Background())
		g.jobs = map[string]*job{}
	}
	j := &job{g: g, key: in.Key, site: site, in: in, ready: make(chan struct{}), named: make(chan struct{}), over: make(chan struct{})}
	g.jobs[in.Key] = j
	j.load()
	j.first.Add(len(site.Entries))
	g.wg.Go(func() {
		defer close(j.over)
		j.work(g.ctx)
		g.mu.Lock()
		delete(g.jobs, in.Key)
		g.mu.Unlock()
	})
	return j
}

// Await tells that an incident's logs are complete, and waits for its names, at most for
// Patience. The logs are read until it returns, at most for half of that.
func (g *Gatherer) Await(ctx context.Context, in incident.Incident, logs Logs) {
	j := g.take(in)
	if j == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, Patience)
	defer cancel()
	j.once.Do(func() {
		j.look(ctx, logs)
		close(j.ready)
	})
	select {
	case <-j.named:
	case <-ctx.Done():
		j.publish() // that nothing is known yet is a row too
	}
}

// First waits for what the clusters of an incident say of phones at once, at most for
// Patience.
func (g *Gatherer) First(ctx context.Context, key string) {
	done := make(chan struct{})
	g.mu.Lock()
	j := g.jobs[key]
	if j != nil {
		g.wg.Go(func() { // ends with the job at the latest, which is not over yet
			j.first.Wait()
			close(done)
		})
	}
	g.mu.Unlock()
	if j == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, Patience)
	defer cancel()
	select {
	case <-done:
	case <-ctx.Done():
	}
}

// Over is closed when nothing more is to come of an incident; nil: nothing is.
func (g *Gatherer) Over(key string) <-chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	if j := g.jobs[key]; j != nil {
		return j.over
	}
	return nil
}

// Close ends all work and waits for it. What is unfinished is begun anew by Begin or Await.
func (g *Gatherer) Close() {
	g.mu.Lock()
	g.closed = true
	if g.cancel != nil {
		g.cancel()
	}
	g.mu.Unlock()
	g.wg.Wait()
}

// work does all that is to be done for an incident.
func (j *job) work(ctx context.Context) {
	var names, all sync.WaitGroup
	for _, e := range j.site.Entries {
		names.Add(1)
		all.Go(func() {
			j.names(ctx, e)
			names.Done()
			if e.Traces {
				j.traces(ctx, e)
			} else if ctx.Err() == nil {
				j.change(e.Cluster.Name(), func(a *answers) { a.Traced = true })
			}
		})
	}
	names.Wait()
	close(j.named)
	all.Go(func() { j.publishAgain(ctx) })
	all.Wait()
}

// load takes up what was got before.
func (j *job) load() {
	s, _, err := stateFile(j.g.Store, j.key).Load()
	if err != nil {
		j.g.log().Warn("what CUCM was asked for this incident cannot be read; it is asked again", "incident", j.in.ID, "err", err)
		s = state{}
	}
	if s.Clusters == nil {
		s.Clusters = map[string]*answers{}
	}
	for _, e := range j.site.Entries {
		if s.Clusters[e.Cluster.Name()] == nil {
			s.Clusters[e.Cluster.Name()] = &answers{}
		}
	}
	j.state = s
	if s.Logs != nil {
		j.once.Do(func() { close(j.ready) })
	}
}

// resumeWithin is how old what is unfinished may be to be finished: CUCM keeps traces for
// hours to days, and a machine may be down for a long weekend.
const resumeWithin = 4 * 24 * time.Hour

// Resume takes up what an earlier process left unfinished of incidents that are sealed
// already. The others are begun again anyway.
func (g *Gatherer) Resume(ctx context.Context) {
	found, _ := filepath.Glob(filepath.Join(filepath.Dir(g.Store.IncidentDir("k")), "*", stateName)) // of a pattern that is right
	for _, name := range found {
		info, err := os.Stat(name)
		if ctx.Err() != nil || err != nil || g.now().Sub(info.ModTime()) > resumeWithin {
			continue
		}
		key := filepath.Base(filepath.Dir(name))
		s, _, err := stateFile(g.Store, key).Load()
		if err != nil || s.Logs == nil || !s.unfinished() {
			continue
		}
		if in, err := g.Store.Read(key); err == nil && in.State == incident.Sealed {
			g.take(in)
		}
	}
}

func (s state) unfinished() bool {
	for _, a := range s.Clusters {
		if !a.Done && a.First != nil || !a.Traced {
			return true
		}
	}
	return false
}

// change changes the answers of a cluster and saves them.
func (j *job) change(cluster string, do func(*answers)) {
	j.mu.Lock()
	defer j.mu.Unlock()
	do(j.state.Clusters[cluster])
	j.save()
}

func (j *job) save() {
	err := incident.WhileKept(j.g.Store, j.key, func() error { return stateFile(j.g.Store, j.key).Save(j.state) })
	if err != nil {
		j.g.log().Warn("what CUCM answered cannot be written down", "incident", j.in.ID, "err", err)
	}
}

// answered is a copy of the answers of a cluster.
func (j *job) answered(cluster string) answers {
	j.mu.Lock()
	defer j.mu.Unlock()
	return *j.state.Clusters[cluster]
}
