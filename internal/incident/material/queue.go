package material

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"rtmtgrab/internal/atomicfile"
	"rtmtgrab/internal/incident"
)

// A Queued is an incident for which something came that its newest bundle may not have.
type Queued struct {
	Key   string    `json:"key"`
	First time.Time `json:"first"` // when the first of it came
	Last  time.Time `json:"last"`  // and the last

	Tries int       `json:"tries,omitempty"` // how often a revision was tried in vain
	Tried time.Time `json:"tried,omitzero"`  // when last
	Error string    `json:"error,omitempty"` // why
	Full  bool      `json:"full,omitempty"`  // for want of room on the disk
}

func queueDir(st *incident.Store) string { return filepath.Join(st.Dir, "late") }

func queueFile(st *incident.Store, key string) atomicfile.JSON[Queued] {
	return incident.File[Queued](st, filepath.Join(queueDir(st), key+".json"))
}

// queue writes it down that something has come.
func (f Folder) queue(now time.Time) error {
	file := queueFile(f.st, f.key)
	if err := atomicfile.MkdirAll(queueDir(f.st)); err != nil {
		return err
	}
	q, there, err := file.Load()
	if err != nil || !there {
		q = Queued{First: now.UTC().Round(0)} // what cannot be read was no more than this
	}
	q.Key, q.Last = f.key, now.UTC().Round(0)
	return file.Save(q)
}

// Tried writes it down that a further revision could not be made; full: for want of room.
func (f Folder) Tried(now time.Time, why string, full bool) error {
	unlock, err := f.lock()
	if err != nil {
		return err
	}
	defer unlock()
	file := queueFile(f.st, f.key)
	q, there, err := file.Load()
	if err != nil || !there {
		return err
	}
	q.Tries, q.Tried, q.Error, q.Full = q.Tries+1, now.UTC().Round(0), why, full
	return file.Save(q)
}

// QueuedOf is what is queued of an incident.
func QueuedOf(st *incident.Store, key string) (q Queued, there bool) {
	q, there, err := queueFile(st, key).Load()
	if err != nil { // then it is not known since when
		return Queued{Key: key}, true
	}
	return q, there
}

// Queue lists all incidents for which something came. What cannot be read counts as having come at zero time.
func Queue(st *incident.Store) ([]Queued, error) {
	entries, err := os.ReadDir(queueDir(st))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var list []Queued
	for _, e := range entries {
		key, ok := strings.CutSuffix(e.Name(), ".json")
		if !ok || !e.Type().IsRegular() {
			continue
		}
		if q, there := QueuedOf(st, key); there {
			q.Key = key
			list = append(list, q)
		}
	}
	return list, err
}

// Sealed takes an incident from the queue if the revision has all that has come, by its
// digest, and then, where drop says so, what lies in the incident's folder and is in the bundle too.
func (f Folder) Sealed(revision int, digest string, drop bool) error {
	if !exists(f.file().Path) {
		return f.unqueue()
	}
	unlock, err := f.lock()
	if err != nil {
		return err
	}
	defer unlock()
	s, err := f.settle()
	if err != nil || s.Digest() != digest {
		return err
	}
	if drop {
		if err := f.drop(s, revision); err != nil {
			return err
		}
	}
	return f.unqueue()
}

// drop removes the files that the revision's bundle has.
func (f Folder) drop(s State, revision int) error {
	for i := range s.Files {
		s.Files[i].In = revision
	}
	s.Moves = nil
	if err := f.file().Save(s); err != nil {
		return err
	}
	return errors.Join(f.st.Remove(f.path("cucm")), f.st.Remove(f.path("prt")), f.st.Remove(f.path("diagnostics")))
}

func (f Folder) unqueue() error {
	path := queueFile(f.st, f.key).Path
	if !exists(path) {
		return nil
	}
	return f.st.Remove(path)
}

// Forget takes an incident from the queue that is no more.
func Forget(st *incident.Store, key string) error { return Of(st, key).unqueue() }

// Sweep removes what a killed process had begun to receive for incidents of a store, which may
// be large. Nobody of this process may be receiving yet; incidents at which another one works
// are left alone.
func Sweep(st *incident.Store) error {
	keys, err := st.Keys()
	for _, key := range keys {
		if f := Of(st, key); f.begun() {
			err = errors.Join(err, f.sweep())
		}
	}
	return err
}

// begun reports whether something was begun and not finished.
func (f Folder) begun() bool {
	spools, _ := filepath.Glob(filepath.Join(f.st.IncidentDir(f.key), Spool)) // of a pattern that is right
	return len(spools) > 0 || exists(f.temp())
}

func (f Folder) sweep() error {
	working, err := f.st.LockIncident(f.key)
	if errors.Is(err, incident.ErrBusy) {
		return nil
	}
	if err != nil {
		return err
	}
	defer working.Release()
	unlock, err := f.lock()
	if err != nil {
		return err
	}
	defer unlock()
	if _, err := f.settle(); err != nil { // what was added has its name then
		return err
	}
	f.st.RemoveParts(f.st.IncidentDir(f.key), nil)
	return f.st.Remove(f.temp())
}
