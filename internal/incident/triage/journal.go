package triage

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"path/filepath"
	"slices"
	"time"

	"rtmtgrab/internal/atomicfile"
	"rtmtgrab/internal/incident"
)

// A Journal is the one owner of the alerts of a store and of the incidents that
// they start. It holds watch.lock, and an index of all alerts that are remembered,
// read once. It is safe for concurrent use.
type Journal struct {
	st     *incident.Store
	table  *incident.Table
	log    *slog.Logger
	now    func() time.Time
	lock   *incident.Lock
	intake intake

	// under the table's lock
	conf   config
	cutoff time.Time // repeats seen before it were judged under another policy, and stay
	index  *index
	due    undecided
	limits limits
}

// config is what is in force.
type config struct {
	sites  []incident.Site
	policy incident.Policy
}

// undecided says whether Decide is to be called.
type undecided struct {
	some   bool
	failed bool      // the last Decide
	came   time.Time // the newest alert
}

// OpenJournal takes watch.lock (ErrWatching) and reads the store. What a crash
// left half written is removed.
func OpenJournal(st *incident.Store, sites []incident.Site, policy incident.Policy, log *slog.Logger, now func() time.Time) (*Journal, error) {
	lock, err := st.LockWatch()
	if err != nil {
		return nil, err
	}
	j := newJournal(st, config{sites, policy}, log, now)
	j.lock = lock
	if err := j.load(); err != nil {
		lock.Release()
		return nil, fmt.Errorf("open journal: %w", err)
	}
	return j, nil
}

func newJournal(st *incident.Store, conf config, log *slog.Logger, now func() time.Time) *Journal {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	if now == nil {
		now = time.Now
	}
	j := &Journal{st: st, table: incident.NewTable(st), log: log, now: now, conf: conf, index: newIndex(st, log), limits: limits{}}
	j.intake = newIntake(st, log)
	j.index.name(conf.policy.Nodes)
	j.table.OnFreeze = j.freezeEntries
	return j
}

// Close releases watch.lock.
func (j *Journal) Close() error {
	j.intake.mu.Lock()
	defer j.intake.mu.Unlock()
	j.intake.files.Drop()
	return j.lock.Release()
}

// Table has the incidents that the journal's alerts started.
func (j *Journal) Table() *incident.Table { return j.table }

// Configure puts another configuration in force. Alerts that are there keep their
// sites; repeats stay repeats.
func (j *Journal) Configure(sites []incident.Site, policy incident.Policy) error {
	j.table.Lock()
	defer j.table.Unlock()
	j.conf.sites = sites
	return j.setPolicy(policy)
}

// planState is plan.json.
type planState struct {
	Policy incident.Policy `json:"policy"` // as far as it decides about alerts
	Cutoff time.Time       `json:"cutoff,omitzero"`
}

func planFile(st *incident.Store) atomicfile.JSON[planState] {
	return incident.File[planState](st, filepath.Join(st.Dir, "plan.json"))
}

// same reports whether two policies are the same in a file.
func same(a, b incident.Policy) bool {
	x, xerr := json.Marshal(a)
	y, yerr := json.Marshal(b)
	return xerr == nil && yerr == nil && bytes.Equal(x, y)
}

// setPolicy changes the policy in force, and what is decided stays decided: a
// shorter cooldown must not make incidents of yesterday's repeats.
func (j *Journal) setPolicy(p incident.Policy) error {
	plan := p
	plan.Rules, plan.Late = nil, incident.Late{}
	plan.Settle, plan.Patience, plan.MaxAge, plan.Keep, plan.KeepSize = 0, 0, 0, 0, 0
	was, there, damage, err := planFile(j.st).Renew(j.log)
	if err != nil {
		return fmt.Errorf("set the policy of earlier decisions aside: %w", err)
	}
	if there && same(was.Policy, plan) {
		j.cutoff, j.conf.policy = was.Cutoff, p
		j.index.name(p.Nodes)
		return nil
	}

	if there || damage != nil { // by which policy it was decided so far is not known then
		was.Cutoff = j.now().UTC()
	}
	was.Policy = plan
	if err := planFile(j.st).Save(was); err != nil {
		return fmt.Errorf("save policy: %w", err)
	}
	j.cutoff, j.conf.policy = was.Cutoff, p
	j.index.name(p.Nodes)
	j.index.replan()
	return nil
}

// freezeEntries is told that nothing joins the incident any more.
func (j *Journal) freezeEntries(in incident.Incident) { j.index.freeze(in, j.conf.policy) }

// Wake makes the Runner look again.
func (j *Journal) Wake() { j.table.Wake() }

// Prune forgets alerts that were read more than SeenFor ago, with their mails, and
// removes the mails of repeats after RepeatsFor. What belongs to an incident that
// is still there stays.
func (j *Journal) Prune(now time.Time) error {
	j.intake.mu.Lock()
	defer j.intake.mu.Unlock()
	j.table.Lock()
	defer j.table.Unlock()
	return errors.Join(j.index.prune(now), j.index.boundRecords(j.conf.policy, now))
}

// Open lists the journal's incidents that are not sealed, the newest first.
func (j *Journal) Open() []incident.OpenIncident { return j.st.StillOpen(j.table.Unsealed()) }

// Clusters says when the last mail came from each cluster, by INTERNALDATE, as far
// as alerts are remembered (SeenFor).
func (j *Journal) Clusters() map[string]time.Time {
	j.table.Lock()
	defer j.table.Unlock()
	return maps.Clone(j.index.clusters)
}

// Unrouted lists the alerts of the last day that no site claims, by name, and at the end
// those of further names. What the configuration in force would route is not among them.
func (j *Journal) Unrouted() []Unrouted {
	j.table.Lock()
	defer j.table.Unlock()
	return slices.DeleteFunc(j.index.unrouted.list(j.now()), func(u Unrouted) bool {
		names, _ := incident.RouteAlert(j.conf.sites, j.conf.policy.Rules, u.Last)
		return !u.Further && len(names) > 0
	})
}

// Expired lists in the same way those that were older than Policy.MaxAge when they were read.
func (j *Journal) Expired() []Unrouted {
	j.table.Lock()
	defer j.table.Unlock()
	return j.index.expired.list(j.now())
}

// Limits tells at which sites alerts were limited in the last hour, by site.
func (j *Journal) Limits() []Limiting {
	j.table.Lock()
	defer j.table.Unlock()
	return j.limits.lately(j.now())
}

// Skimped tells what the budget for mails has cost in the last day.
func (j *Journal) Skimped() Skimping {
	j.table.Lock()
	defer j.table.Unlock()
	return j.index.mails.lately(j.now())
}
