package incident

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"rtmtgrab/internal/evidence"
)

// ErrGrew says that an incident cannot be frozen: its window is another one by now.
var ErrGrew = errors.New("the incident's window has grown")

// ErrGone says that an incident is no more: it was merged into another one before
// any host was asked.
var ErrGone = errors.New("the incident was merged into another")

// A Table holds unsealed incidents: on disk, and the same in memory. Every change
// is on disk before it is in memory.
//
// Its lock also guards what decides about alerts: no incident is started or frozen
// between the judging of an alert and the writing down of it. Methods whose names
// end in Locked are to be called with the lock held, all others without. Who has it may
// call FindLocked, ClaimLocked and ChangeLocked from several goroutines, for different incidents.
type Table struct {
	OnFreeze func(Incident) // told, under the lock, that nothing joins an incident any more; may be nil

	st   *Store
	mu   sync.RWMutex
	in   sync.Mutex // guards m among those who share the lock
	m    map[string]*Incident
	wake chan struct{} // size 1
}

// NewTable makes a table of incidents that are on disk.
func NewTable(st *Store, some ...Incident) *Table {
	t := &Table{st: st, m: map[string]*Incident{}, wake: make(chan struct{}, 1)}
	for _, in := range some {
		t.PutLocked(in) // nobody else has it yet
	}
	return t
}

// Lock takes the table's lock.
func (t *Table) Lock() { t.mu.Lock() }

// Unlock gives it back.
func (t *Table) Unlock() { t.mu.Unlock() }

// Wake makes who waits for Woken look again.
func (t *Table) Wake() {
	select {
	case t.wake <- struct{}{}:
	default: // it is going to look
	}
}

// Woken is told when there may be something new in the table.
func (t *Table) Woken() <-chan struct{} { return t.wake }

// FindLocked is the incident of that key, nil if there is none. It is not to be
// changed.
func (t *Table) FindLocked(key string) *Incident {
	t.in.Lock()
	defer t.in.Unlock()
	return t.m[key]
}

// put takes in an incident as it is on disk.
func (t *Table) put(in *Incident) {
	t.in.Lock()
	defer t.in.Unlock()
	t.m[in.Key] = in
}

// OfSiteLocked are the incidents of a site, by key. They are not to be changed.
func (t *Table) OfSiteLocked(site string) map[string]*Incident {
	some := map[string]*Incident{}
	for key, in := range t.m {
		if in.Site == site {
			some[key] = in
		}
	}
	return some
}

// PutLocked takes in an incident that is on disk.
func (t *Table) PutLocked(in Incident) {
	next := in.Clone()
	t.m[in.Key] = &next
}

// ClaimLocked makes a new incident, under its ID or a key like it that is free.
func (t *Table) ClaimLocked(in Incident, now func() time.Time) (Incident, error) {
	in, err := t.st.claim(in, now)
	if err != nil {
		return in, err
	}
	t.put(&in)
	return in.Clone(), nil
}

// ChangeLocked changes an incident.
func (t *Table) ChangeLocked(key string, change func(*Incident)) (Incident, error) {
	in := t.FindLocked(key)
	if in == nil {
		return Incident{}, ErrGone
	}
	next := in.Clone()
	change(&next)
	if err := t.st.Save(next); err != nil {
		return in.Clone(), err
	}
	t.put(&next)
	return next.Clone(), nil
}

// DissolveLocked removes an incident, with all that is on disk of it.
func (t *Table) DissolveLocked(key string) error {
	if err := t.st.Remove(t.st.IncidentDir(key)); err != nil {
		return err
	}
	delete(t.m, key)
	return nil
}

// Get is the incident of that key, or ErrGone.
func (t *Table) Get(key string) (Incident, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	in := t.m[key]
	if in == nil {
		return Incident{}, ErrGone
	}
	return in.Clone(), nil
}

// Drop forgets an incident; what is on disk stays.
func (t *Table) Drop(key string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.m, key)
}

// Update changes an incident.
func (t *Table) Update(key string, change func(*Incident)) (Incident, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.ChangeLocked(key, change)
}

// Start says that hosts are about to be asked: from now on the incident never
// shrinks and never merges with another. Many start at the same time; one does not twice.
func (t *Table) Start(key string) (Incident, error) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.ChangeLocked(key, func(in *Incident) {
		if in.State == Waiting {
			in.Opened = in.Asked
		}
		in.State, in.Error = Running, ""
		in.Starts++
	})
}

// Freeze ends the joining, if the window is still w, and writes down the manifest
// that build makes of the frozen incident: from now on a restart only seals.
func (t *Table) Freeze(key string, w evidence.Window, build func(Incident) (evidence.Manifest, error)) (Incident, error) {
	return t.FreezeAs(key, w, nil, build)
}

// FreezeAs is Freeze with a change that is made to the incident at the same time, under the lock; its
// error leaves all as it is. nil: none.
func (t *Table) FreezeAs(key string, w evidence.Window, as func(*Incident) error, build func(Incident) (evidence.Manifest, error)) (Incident, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	cur := t.m[key]
	switch {
	case cur == nil:
		return Incident{}, ErrGone
	case !cur.Frozen && !SameWindow(cur.Asked, w):
		return Incident{}, ErrGrew
	}

	next, whole := cur.Clone(), cur.Members
	next.Frozen, next.State = true, Sealing
	if as != nil {
		if err := as(&next); err != nil {
			return Incident{}, err
		}
	}
	m, err := build(next)
	if err != nil {
		return Incident{}, err
	}
	if err := t.st.ManifestFile(key, next.Revision).Save(m); err != nil {
		return Incident{}, fmt.Errorf("save manifest: %w", err)
	}

	next.Coverage = m.Coverage
	next, err = t.ChangeLocked(key, func(in *Incident) { *in = next })
	t.tellFrozen(next, whole, err)
	return next, err
}

// tellFrozen says that nothing joins an incident any more, as it was with all its members: those
// that were taken out of it are decided too.
func (t *Table) tellFrozen(in Incident, whole []Member, err error) {
	if err == nil && t.OnFreeze != nil {
		in.Members = whole
		t.OnFreeze(in)
	}
}

// Give ends the joining of an incident that is not to be sealed here, for others have its alerts. as
// changes it at the same time, under the lock.
func (t *Table) Give(key string, as func(*Incident) error) (Incident, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	cur := t.m[key]
	if cur == nil {
		return Incident{}, ErrGone
	}
	next := cur.Clone()
	if err := as(&next); err != nil {
		return cur.Clone(), err
	}
	next.Frozen = true
	next, err := t.ChangeLocked(key, func(in *Incident) { *in = next })
	t.tellFrozen(next, next.Members, err)
	return next, err
}

// Unsealed are all incidents that want work, newest first.
func (t *Table) Unsealed() []Incident {
	t.mu.Lock()
	defer t.mu.Unlock()
	var all []Incident
	for _, in := range t.m {
		if in.State != Sealed {
			all = append(all, in.Clone())
		}
	}
	slices.SortFunc(all, NewestFirst)
	return all
}

// NextUnsealed is the key of the newest incident that wants work and is not passed over; empty: there is none.
func (t *Table) NextUnsealed(pass func(key string) bool) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	var next *Incident
	for key, in := range t.m {
		if in.State != Sealed && !pass(key) && (next == nil || NewestFirst(*in, *next) < 0) {
			next = in
		}
	}
	if next == nil {
		return ""
	}
	return next.Key
}

// NewestFirst compares incidents by the ends of their windows.
func NewestFirst(a, b Incident) int {
	return cmp.Or(b.Asked.Until.Compare(a.Asked.Until), strings.Compare(b.ID, a.ID))
}

// Reload takes up what another process may have made of a frozen incident, or has left of a grab by
// hand, and reports whether there is anything left to do. What is left ends in the store: the folder
// that a person named may be closed to this process.
func (t *Table) Reload(key string) (todo bool, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	cur := t.m[key]
	if cur == nil || cur.Joinable() {
		return cur != nil, nil // gone, or the table's alone
	}
	in, err := t.st.Read(key)
	if err != nil {
		return false, err
	}
	in.Out = ""
	t.m[key] = &in
	return in.State != Sealed, nil
}

// Clone is a copy of the incident that shares nothing which changes.
func (in Incident) Clone() Incident {
	in.Aliases, in.Members = slices.Clone(in.Aliases), slices.Clone(in.Members)
	in.Revisions, in.Fleet = slices.Clone(in.Revisions), in.Fleet.clone()
	return in
}
