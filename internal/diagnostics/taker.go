package diagnostics

import (
	"cmp"
	"context"
	"log/slog"
	"os"
	"sync"
	"time"

	"rtmtgrab/internal/atomicfile"
	"rtmtgrab/internal/incident"
)

const (
	lookEvery  = 15 * time.Second // whether a run is still ours
	blindFor   = time.Minute      // a run without a mark that was not looked at for so long is nobody's
	sealedIn   = 15 * time.Minute // after the window's end the log is collected, sealed or not
	stopFor    = 30 * time.Minute // an appliance that does not answer is asked to stop
	readyIn    = 10 * time.Minute // it is collected
	longestRun = 2 * time.Hour
)

// LeftFor is how long it is told that something may have been left running.
const LeftFor = 24 * time.Hour

// An Appliance is one whose diagnostic log is taken.
type Appliance struct {
	Name, Role string
	API        *API
	Max        int64 // bytes
}

// A Taker works at incidents until Close. Its fields are set before the first call.
type Taker struct {
	Store *incident.Store
	Site  func(name string) []Appliance // as it is configured at this moment
	Room  func(bytes int64) error       // whether the disk has room for so much; nil: it has
	Log   *slog.Logger                  // nil: nothing

	pace time.Duration // in place of lookEvery, and of waits between two questions; zero: theirs

	mu     sync.Mutex
	jobs   map[string]bool
	locks  map[string]*sync.Mutex // by appliance: one looks and starts at a time
	wg     sync.WaitGroup
	ctx    context.Context
	cancel context.CancelFunc
	closed bool
}

func (t *Taker) log() *slog.Logger {
	if t.Log != nil {
		return t.Log
	}
	return slog.New(slog.DiscardHandler)
}

func (t *Taker) every(usual time.Duration) time.Duration { return cmp.Or(t.pace, usual) }

// Begin takes an incident up that an alert has opened, if it is not in work yet and its window
// is not over. It waits for nothing.
func (t *Taker) Begin(in incident.Incident) {
	if in.Kind != incident.KindAlert || len(t.Site(in.Site)) == 0 {
		return
	}
	if _, err := os.Stat(noteFile(t.Store, in.Key).Path); err != nil && !time.Now().Before(in.Asked.Until) {
		return // what is logged from now on is none of it
	}
	t.take(in.Key, in.ID, in.Site)
}

// Resume takes up what an earlier process left unfinished: what it had started above all.
func (t *Taker) Resume(ctx context.Context) {
	for _, n := range Notes(t.Store) {
		if ctx.Err() == nil {
			t.take(n.Key, n.Incident, n.Site)
		}
	}
}

func (t *Taker) take(key, id, site string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed || t.jobs[key] {
		return
	}
	if t.ctx == nil {
		t.ctx, t.cancel = context.WithCancel(context.Background())
		t.jobs, t.locks = map[string]bool{}, map[string]*sync.Mutex{}
	}
	j := &job{t: t, note: Note{Key: key, Incident: id, Site: site, Hosts: map[string]*Host{}}, hosts: t.Site(site)}
	if n, there, err := noteFile(t.Store, key).Load(); err == nil && there && n.Hosts != nil {
		j.note, j.resumed = n, true
	}
	t.jobs[key] = true
	t.wg.Go(func() {
		j.work(t.ctx)
		t.mu.Lock()
		delete(t.jobs, key)
		t.mu.Unlock()
	})
}

// lock is held while an appliance is looked at and started.
func (t *Taker) lock(host string) *sync.Mutex {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.locks[host] == nil {
		t.locks[host] = &sync.Mutex{}
	}
	return t.locks[host]
}

// Close ends all work and waits for it. What is running goes on, and is stopped after the
// next start.
func (t *Taker) Close() {
	t.mu.Lock()
	t.closed = true
	if t.cancel != nil {
		t.cancel()
	}
	t.mu.Unlock()
	t.wg.Wait()
}

// save writes a note down. What is left of it when all is done is what may be running still.
func (t *Taker) save(n Note) error {
	if err := atomicfile.MkdirAll(notesDir(t.Store)); err != nil {
		return err
	}
	return noteFile(t.Store, n.Key).Save(n)
}

func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}
