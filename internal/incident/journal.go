package incident

import (
	"fmt"
	"log/slog"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"rtmtgrab/internal/atomicfile"
	"rtmtgrab/internal/evidence"
)

// A Journal is the one owner of the alerts of a store and of the incidents that
// they start. It holds watch.lock, and an index of all alerts that are remembered,
// read once. It is safe for concurrent use.
type Journal struct {
	records
	log  *slog.Logger
	now  func() time.Time
	lock *Lock

	adding sync.Mutex // serialises Take, Commit and Prune, is taken before records.mu
	taken  intake     // under adding
	pauses pauseFile  // under adding

	// under records.mu
	sites  []Site
	policy Policy
	cutoff time.Time // repeats seen before it were judged under another policy, and stay
	index  map[string]*siteIndex
	seen   map[string]time.Time // alert ID -> when it was read
	dirty  bool                 // something is undecided
	failed bool                 // the last Decide
	came   time.Time            // the newest alert that is undecided
	held   quarantine
	noRoom bool                 // for what is asked of the quarantine; of Answer alone
	limits map[string]*Limiting // by site
	wake   chan struct{}        // size 1: the Runner looks again
	heard  heard                // what came from which cluster
}

// siteIndex is what one site makes of its alerts.
type siteIndex struct {
	entries []*entry // in alert order
	byID    map[string]*entry
	plan    *planner
	planned int  // entries[:planned] went through plan
	stale   bool // an alert came out of order: plan from the beginning
}

func (x *siteIndex) insert(e *entry) {
	i, _ := slices.BinarySearchFunc(x.entries, e, (*entry).before)
	x.entries = slices.Insert(x.entries, i, e)
	x.byID[e.id] = e
	x.stale = x.stale || i < x.planned
}

// OpenJournal takes watch.lock (ErrWatching) and reads the store. What a crash
// left half written is removed.
func OpenJournal(st *Store, sites []Site, policy Policy, log *slog.Logger, now func() time.Time) (*Journal, error) {
	lock, err := st.LockWatch()
	if err != nil {
		return nil, err
	}
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	if now == nil {
		now = time.Now
	}
	j := &Journal{
		records: records{st: st, m: map[string]*Incident{}}, log: log, now: now, lock: lock, sites: sites,
		index: map[string]*siteIndex{}, seen: map[string]time.Time{}, wake: make(chan struct{}, 1),
	}
	j.onFreeze = j.freezeEntries
	if err := j.load(policy); err != nil {
		lock.Release()
		return nil, fmt.Errorf("open journal: %w", err)
	}
	return j, nil
}

// Close releases watch.lock.
func (j *Journal) Close() error {
	j.adding.Lock()
	defer j.adding.Unlock()
	j.taken.files.b.Drop()
	return j.lock.Release()
}

// Configure puts another configuration in force. Alerts that are there keep their
// sites; repeats stay repeats.
func (j *Journal) Configure(sites []Site, policy Policy) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.sites = sites
	return j.setPolicy(policy)
}

// planState is plan.json.
type planState struct {
	Policy Policy    `json:"policy"` // as far as it decides about alerts
	Cutoff time.Time `json:"cutoff,omitzero"`
}

// setPolicy changes the policy in force, and what is decided stays decided: a
// shorter cooldown must not make incidents of yesterday's repeats.
func (j *Journal) setPolicy(p Policy) error {
	plan := p
	plan.Rules = nil
	plan.Settle, plan.Patience, plan.MaxAge, plan.Keep = 0, 0, 0, 0
	var was planState
	err := atomicfile.ReadJSON(j.st.planPath(), &was)
	if err == nil && reflect.DeepEqual(was.Policy, plan) {
		j.cutoff, j.policy = was.Cutoff, p
		return nil
	}
	if err == nil {
		was.Cutoff = j.now().UTC()
	}
	was.Policy = plan
	if err := j.st.writeJSON(j.st.planPath(), was); err != nil {
		return fmt.Errorf("save policy: %w", err)
	}
	j.cutoff, j.policy = was.Cutoff, p
	for _, x := range j.index {
		x.stale = true
	}
	return nil
}

// newRecord routes an alert. A time that cannot be (none, or far in the future)
// becomes the time of reading, for a window in 2099 would never end.
func newRecord(a evidence.Alert, truncated bool, seen time.Time, sites []Site, policy Policy) AlertRecord {
	seen = seen.UTC().Round(0)
	if a.Time.IsZero() || a.Time.After(seen.Add(time.Hour)) {
		a.Notes = append(slices.Clone(a.Notes), "the alert's time was not usable; the time of reading was taken")
		a.Time = seen
	}
	a.Time = a.Time.UTC().Round(0)
	a.Truncated = a.Truncated || truncated
	rec := AlertRecord{Alert: a, Seen: seen, Sites: []Decision{}}
	names, routed := RouteAlert(sites, policy.Rules, a)
	rec.Routed = routed
	switch {
	case a.Auth != nil && !a.Auth.OK:
		rec.What = Quarantined
	case policy.MaxAge > 0 && seen.Sub(a.Time) > policy.MaxAge:
		rec.What = Expired
	case len(names) == 0:
		rec.What = Unrouted
	default:
		for _, n := range names {
			rec.Sites = append(rec.Sites, Decision{Site: n})
		}
	}
	return rec
}

// enter puts a record into the index, or what is new in it.
func (j *Journal) enter(rec AlertRecord) {
	a := rec.Alert
	j.seen[a.ID] = rec.Seen
	j.hold(rec)
	j.heard.note(rec)
	for _, d := range rec.Sites {
		if d.What == Paused || d.What == Expired { // it is no news, and no older news, of anything
			continue
		}
		x := j.index[d.Site]
		if x == nil {
			x = &siteIndex{byID: map[string]*entry{}, stale: true}
			j.index[d.Site] = x
		}
		if x.byID[a.ID] != nil { // a further copy added other sites
			continue
		}
		e := &entry{id: a.ID, t: a.Time, seen: rec.Seen, node: foldNode(a.Node), name: strings.ToLower(strings.TrimSpace(a.Name)), kind: kindOf(a.Kind), n: a.Count, d: d}
		x.insert(e)
		j.dirty, j.came = true, j.now()
	}
}

// freezeEntries is told that nothing joins the incident any more.
func (j *Journal) freezeEntries(in Incident) {
	x := j.index[in.Site]
	if x == nil {
		return
	}
	for _, m := range in.Members {
		if e := x.byID[m.Alert]; e != nil {
			e.frozen, e.opened = true, j.openedAt(in)
		}
	}
	if x.plan != nil {
		x.plan.drop(in.Key)
	}
}

// Wake makes the Runner look again.
func (j *Journal) Wake() {
	select {
	case j.wake <- struct{}{}:
	default: // it is going to look
	}
}
