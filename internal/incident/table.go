package incident

import (
	"errors"
	"fmt"
	"slices"
	"sync"

	"rtmtgrab/internal/evidence"
)

// errGrew says that an incident cannot be frozen: its window is another one by now.
var errGrew = errors.New("the incident's window has grown")

// errGone says that an incident is no more: it was merged into another one before
// any host was asked.
var errGone = errors.New("the incident is part of another one")

// records holds unsealed incidents: on disk, and the same in memory. Every change
// is on disk before it is in memory.
type records struct {
	st       *Store
	mu       sync.Mutex
	m        map[string]*Incident
	onFreeze func(Incident) // under mu
}

func (r *records) get(key string) (Incident, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	in := r.m[key]
	if in == nil {
		return Incident{}, errGone
	}
	return in.clone(), nil
}

func (r *records) drop(key string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.m, key)
}

// update changes an incident.
func (r *records) update(key string, change func(*Incident)) (Incident, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.change(key, change)
}

func (r *records) change(key string, change func(*Incident)) (Incident, error) {
	in := r.m[key]
	if in == nil {
		return Incident{}, errGone
	}
	next := in.clone()
	change(&next)
	if err := r.st.save(next); err != nil {
		return in.clone(), err
	}
	r.m[key] = &next
	return next.clone(), nil
}

// start says that hosts are about to be asked: from now on the incident never
// shrinks and never merges with another.
func (r *records) start(key string) (Incident, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.change(key, func(in *Incident) {
		if in.State == Waiting {
			in.Opened = in.Asked
		}
		in.State, in.Error = Running, ""
		in.Starts++
	})
}

// freeze ends the joining, if the window is still w, and writes down the manifest
// that build makes of the frozen incident: from now on a restart only seals.
func (r *records) freeze(key string, w evidence.Window, build func(Incident) (evidence.Manifest, error)) (Incident, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	cur := r.m[key]
	switch {
	case cur == nil:
		return Incident{}, errGone
	case !cur.Frozen && !sameWindow(cur.Asked, w):
		return Incident{}, errGrew
	}
	next := cur.clone()
	next.Frozen, next.State = true, Sealing
	m, err := build(next)
	if err != nil {
		return Incident{}, err
	}
	if err := r.st.writeJSON(r.st.manifestPath(key, next.Revision), m); err != nil {
		return Incident{}, fmt.Errorf("save manifest: %w", err)
	}
	next, err = r.change(key, func(in *Incident) {
		in.Frozen, in.State, in.Coverage = true, Sealing, m.Coverage
	})
	if err == nil && r.onFreeze != nil {
		r.onFreeze(next)
	}
	return next, err
}

// unsealed are all incidents that want work, newest first.
func (j *Journal) unsealed() []Incident {
	j.mu.Lock()
	defer j.mu.Unlock()
	var all []Incident
	for _, in := range j.m {
		if in.State != Sealed {
			all = append(all, in.clone())
		}
	}
	slices.SortFunc(all, newestFirst)
	return all
}

// reload takes up what another process may have made of a frozen incident, and
// reports whether there is anything left to do.
func (j *Journal) reload(key string) (todo bool, err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	cur := j.m[key]
	if cur == nil || cur.open() {
		return cur != nil, nil // gone, or the journal's alone
	}
	in, err := j.st.read(key)
	if err != nil {
		return false, err
	}
	j.m[key] = &in
	return in.State != Sealed, nil
}
