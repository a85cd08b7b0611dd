package incident

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"rtmtgrab/internal/atomicfile"
	"rtmtgrab/internal/evidence"
)

// ErrList is of a store whose folders could not be read.
var ErrList = errors.New("list")

// ErrNotFound is of an incident that the store does not have.
var ErrNotFound = errors.New("no such incident")

// List lists every incident of the store but drills, newest first. It needs no lock and
// opens no bundle. An incident that cannot be read is left out and makes an error beside the list.
func (s *Store) List() ([]Listed, error) {
	keys, err := s.Keys()
	if err != nil {
		return nil, err
	}
	list := []Listed{}
	var errs []error
	for _, k := range keys {
		in, err := s.Read(k)
		if errors.Is(err, fs.ErrNotExist) {
			continue // just claimed, or just removed
		}
		if err != nil {
			errs = append(errs, err)
			continue
		}
		if in.Kind == KindDrill { // gone in a moment, and nobody's incident
			continue
		}
		l, err := s.listed(in)
		errs = append(errs, err)
		list = append(list, l)
	}
	slices.SortFunc(list, newestListed)
	return list, errors.Join(errs...)
}

func (s *Store) listed(in Incident) (Listed, error) {
	l := Listed{Incident: in.ID, Key: in.Key, Site: in.Site, State: in.State, Coverage: in.Coverage, Bundle: in.Bundle, Time: in.Created, Until: in.Asked.Until,
		Kind: in.Kind, By: in.By, TimeZone: in.TimeZone, Unclaimed: in.Fleet.Unclaimed, SupplementOf: in.Fleet.SupplementOf, Supplements: in.Fleet.Supplements, InPlace: in.Fleet.InPlace}
	if in.Fleet.Standing {
		l.StandingBy = &in.Fleet.StandingBy
		if in.Fleet.Delivery {
			l.StandingFor = StandingForDelivery
		}
	}
	if t := in.Alerted(); !t.IsZero() {
		l.Time = t
	}
	if p, pinned := PinOf(s, in.Key); pinned {
		l.Pinned, l.PinReason = true, p.Reason
	}
	switch n := len(in.Revisions); {
	case n > 0 && in.Revisions[n-1].Brief != nil:
		l.Brief, l.Known = *in.Revisions[n-1].Brief, true
	case n == 0 && len(in.Members) > 0:
		if rec, err := s.Alert(in.Members[0].Alert); err == nil { // it cannot be read: the journal says so
			l.Node, l.Source = rec.Alert.Node, rec.Alert.Source
		}
	}
	if in.State == Sealed || in.State == Sealing {
		return l, nil
	}
	var err error
	l.Coverage, err = s.soFar(in)
	return l, err
}

// soFar is the coverage of an open incident by what was saved.
func (s *Store) soFar(in Incident) (evidence.Coverage, error) {
	var parts []evidence.Coverage
	asked := false
	for _, ref := range in.Hosts {
		h, err := s.ReadHost(in.Key, ref.Name)
		if err != nil {
			return "", err
		}
		if h.Asked() {
			asked = true
			parts = append(parts, h.Result.Coverage)
		} else {
			parts = append(parts, evidence.Lost)
		}
	}
	if !asked {
		return "", nil
	}
	return evidence.Sum(parts...), nil
}

// Load finds an incident by its ID, its key or an earlier ID. Store.Manifest then
// has what was got of it, of an open one too. One that was removed is a *RemovedError.
func (s *Store) Load(id string) (Incident, error) {
	if filepath.IsLocal(id) && filepath.Base(id) == id { // mostly its key: then no other record is read
		if in, err := s.Read(id); err == nil && in.ID == id {
			return in, nil
		}
	}
	keys, err := s.Keys()
	if err != nil {
		return Incident{}, err
	}
	if slices.Contains(keys, id) { // most are called like their key: no other is read
		if in, err := s.Read(id); err == nil && in.ID == id {
			return in, nil
		}
	}
	var found *Incident
	for _, k := range keys {
		in, err := s.Read(k)
		switch {
		case err != nil && k == id && !errors.Is(err, fs.ErrNotExist):
			return Incident{}, fmt.Errorf("incident %s: %w", evidence.Printable(id, 100), err)
		case err != nil:
			continue // another one's fault; List reports it
		}
		if in.ID == id {
			return in, nil
		}
		if in.is(id) {
			found = &in
		}
	}
	if found == nil {
		if r, err := LoadRemoved(s, id); err == nil {
			return Incident{}, &RemovedError{r}
		}
		return Incident{}, fmt.Errorf("incident %q: %w", evidence.Printable(id, 100), ErrNotFound)
	}
	return *found, nil
}

// HostStates are the states of an incident's hosts as saved, by host.
func (s *Store) HostStates(in Incident) (map[string]HostState, error) {
	states := map[string]HostState{}
	for _, ref := range in.Hosts {
		h, err := s.ReadHost(in.Key, ref.Name)
		if err != nil {
			return states, err
		}
		if h.Asked() {
			states[ref.Name] = h
		}
	}
	return states, nil
}

// settled is how old a record is to be until it is not read again: a file system's
// clock may tick so seldom.
const settled = 3 * time.Second

// Changed reads the incidents whose records were written since they were looked at
// last, by this process or another; it needs no lock. seen is when each record was
// written (zero: it is read again), by key, and is brought up to date: empty it stands for a first look, at all
// of them, and afterwards it holds exactly the incidents that are there. One that
// cannot be read makes an error beside the list, and is read again next time.
func (s *Store) Changed(seen map[string]time.Time) ([]Incident, error) {
	keys, err := s.Keys()
	if err != nil {
		return nil, err
	}
	var list []Incident
	var errs []error
	there := map[string]bool{}
	for _, k := range keys {
		info, err := os.Stat(s.incidentFile(k).Path)
		if errors.Is(err, fs.ErrNotExist) {
			continue // just claimed, or just removed
		}
		there[k] = true
		if err == nil && seen[k].Equal(info.ModTime()) {
			continue
		}
		in, err := s.Read(k)
		if err != nil {
			seen[k] = time.Time{}
			errs = append(errs, err)
			continue
		}
		if seen[k] = info.ModTime(); time.Since(seen[k]).Abs() < settled { // it was looked at before it was read
			seen[k] = time.Time{}
		}
		list = append(list, in)
	}
	for k := range seen {
		if !there[k] {
			delete(seen, k)
		}
	}
	return list, errors.Join(errs...)
}

// Slices is the folder in which a host's puller keeps what it got of an incident.
func (s *Store) Slices(key, host string) string { return filepath.Join(s.SlicesDir(key), host) }

// An OpenIncident is one that is not sealed.
type OpenIncident struct {
	Incident
	SoFar   evidence.Coverage // of what was got; "" before any host was asked
	Waiting []string          // hosts whose files were not held so far, and that were not given up once
}

// Open lists the store's incidents that are not sealed, the newest first. It needs
// no lock.
func (s *Store) Open() ([]OpenIncident, error) {
	keys, err := s.Keys()
	if err != nil {
		return nil, err
	}
	var list []Incident
	for _, k := range keys {
		if in, err := s.Read(k); err == nil { // List reports one that cannot be read
			list = append(list, in)
		}
	}
	return s.StillOpen(list), nil
}

// StillOpen are those of the incidents that are not sealed, the newest first, but drills.
func (s *Store) StillOpen(list []Incident) (open []OpenIncident) {
	for _, in := range list {
		if in.State == Sealed || in.Kind == KindDrill {
			continue
		}
		o := OpenIncident{Incident: in, SoFar: in.Coverage}
		if in.State != Sealing {
			o.SoFar, _ = s.soFar(in)
			o.Waiting = s.waiting(in)
		}
		open = append(open, o)
	}
	slices.SortFunc(open, func(a, b OpenIncident) int { return strings.Compare(b.ID, a.ID) })
	return open
}

// waiting are the hosts of which nobody knows yet whether their files can be held.
func (s *Store) waiting(in Incident) (hosts []string) {
	for _, ref := range in.Hosts {
		if h, err := s.ReadHost(in.Key, ref.Name); err == nil && h.Held.IsZero() && !h.Asked() {
			hosts = append(hosts, ref.Name)
		}
	}
	return hosts
}

// ReadHost reads what is known of a host, which is nothing before it was asked, or if the
// record is damaged: whoever works at the incident says so.
func (s *Store) ReadHost(key, host string) (HostState, error) {
	h, err := s.LoadHost(key, host)
	if _, damaged := errors.AsType[*atomicfile.DamagedError](err); damaged {
		return HostState{}, nil
	}
	return h, err
}

// LoadHost is ReadHost for who does something about a damaged record.
func (s *Store) LoadHost(key, host string) (HostState, error) {
	h, _, err := s.resultFile(key, host).Load()
	return h, err
}

// SetHostAside moves a host's record out of the way.
func (s *Store) SetHostAside(key, host string) (aside string, err error) {
	return atomicfile.SetAside(s.resultFile(key, host).Path)
}

func (s *Store) SaveHost(key, host string, h HostState) error {
	return s.resultFile(key, host).Save(h)
}

// IncidentsOnDisk reads every incident. What cannot be read is said and left out;
// an empty folder that a crash left is removed. One that holds anything is an incident whose
// record is lost, of a partial copy of the store, say: what it has is there to be looked at.
func (s *Store) IncidentsOnDisk(say func(string, ...any)) ([]Incident, error) {
	keys, err := s.Keys()
	if err != nil {
		return nil, err
	}
	var all []Incident
	for _, k := range keys {
		in, err := s.Read(k)
		switch {
		case err == nil:
			all = append(all, in)
		case errors.Is(err, fs.ErrNotExist):
			fi, err := os.Stat(s.IncidentDir(k))
			switch {
			case err != nil || time.Since(fi.ModTime()) <= time.Minute || s.busy(k):
			case holdsNothing(s.IncidentDir(k)):
				os.RemoveAll(s.IncidentDir(k)) // a claim that never was one; the next start tries again
			default:
				say("an incident has no record; its folder stays", "folder", s.IncidentDir(k))
			}
		default:
			say("cannot read incident", "key", k, "err", err)
		}
	}
	return all, nil
}

// holdsNothing reports whether there is no file in a folder of an incident, or in those below, but its
// lock and what a crash left half written.
func holdsNothing(dir string) bool {
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || e.Name() == "lock" || strings.HasSuffix(e.Name(), atomicfile.PartSuffix) {
			return err
		}
		return fs.ErrExist
	})
	return err == nil
}
