package incident

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"rtmtgrab/internal/atomicfile"
	"rtmtgrab/internal/evidence"
)

// An incident is removed in steps, each of which is found after a crash:
//
//  1. removing.json, what is to be written down, lies in its folder
//  2. the folder is moved to removing/: now it is decided, and nobody finds the incident any more
//  3. the line is in removed.jsonl
//  4. the bundles are gone
//  5. the folder is gone
//
// Whoever finds a folder in removing/ goes on with step 3; that a line is there already is seen
// by its key.

// ErrRemoved is of an incident that was removed, or is about to be.
var ErrRemoved = errors.New("it was removed")

// A RemovedError is that an incident was removed: ErrRemoved, and ErrNotFound too.
type RemovedError struct{ Removal }

func (e *RemovedError) Error() string {
	return fmt.Sprintf("incident %s was removed at %s: %s", evidence.Printable(e.Incident, 100), e.Time.UTC().Format(time.RFC3339), evidence.Printable(e.Why, 200))
}

// Is makes it both.
func (e *RemovedError) Is(target error) bool { return target == ErrRemoved || target == ErrNotFound }

func removingDir(s *Store) string             { return filepath.Join(s.Dir, "removing") }
func leavingDir(s *Store, key string) string  { return filepath.Join(removingDir(s), key) }
func removalFile(s *Store, dir string) string { return filepath.Join(dir, "removing.json") }

// WhileKept runs do while the incident is not removed: it is there before do, and will be
// afterwards until somebody decides anew. Otherwise the error is ErrRemoved. do is to be short,
// for all removals of the store wait for it; it may be called by several processes in turn.
func WhileKept(s *Store, key string, do func() error) error {
	unlock, err := lockRemovals(s)
	if err != nil {
		return err
	}
	defer unlock()
	if _, err := os.Stat(s.incidentFile(key).Path); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("incident %s: %w", key, ErrRemoved)
	}
	return do()
}

// lockRemovals is held while it is decided that an incident is removed, and while that is written down.
func lockRemovals(s *Store) (unlock func(), err error) {
	return atomicfile.WaitLock(filepath.Join(s.Dir, "removing.lock"))
}

// A Leaving is an incident that is being removed.
type Leaving struct {
	Removal
	s    *Store
	lock *Lock
	once bool // nobody can have written its line yet
}

// Withdraw decides that an incident is removed, if may still says so of it and it is not pinned;
// nil: it stays, for somebody works at it, or it may not be removed. Finish has to follow,
// Leavings finds what a crash kept from it.
func Withdraw(s *Store, key string, may func(Incident) (r Removal, ok bool)) (_ *Leaving, err error) {
	lock, err := s.LockIncident(key)
	if errors.Is(err, ErrBusy) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer func() { lock.Release() }()
	unlock, err := lockRemovals(s)
	if err != nil {
		return nil, err
	}
	defer unlock()
	in, err := s.Read(key)
	if err != nil {
		return nil, err
	}
	r, ok := may(in)
	if !ok || IsPinned(s, key) {
		return nil, nil
	}

	if err := File[Removal](s, removalFile(s, s.IncidentDir(key))).Save(r); err != nil && !atomicfile.Full(err) {
		return nil, fmt.Errorf("record that %s is to be removed: %w", in.ID, err)
	} // on a full disk the incident itself says it after a crash, but for the cause
	if err := atomicfile.MkdirAll(removingDir(s)); err != nil {
		return nil, err
	}
	windows := runtime.GOOS == "windows" // which moves no folder in which a file is open
	if windows {
		lock.Release()
	}
	if err := moveAway(s, key); err != nil {
		return nil, fmt.Errorf("remove %s: %w", in.ID, err)
	}
	if windows {
		lock, err = tryLock(filepath.Join(leavingDir(s, key), "lock"), ErrBusy)
		if errors.Is(err, ErrBusy) {
			return nil, nil // another process goes on with it
		}
		if err != nil {
			return nil, err
		}
	}
	l := &Leaving{Removal: r, s: s, lock: lock, once: !windows}
	lock = nil
	return l, nil
}

func moveAway(s *Store, key string) error {
	return s.do("rename", leavingDir(s, key), func() error {
		if err := atomicfile.Rename(s.IncidentDir(key), leavingDir(s, key)); err != nil {
			return err
		}
		if s.WriteFile != nil {
			return nil
		}
		return errors.Join(atomicfile.SyncDir(s.incidentsDir()), atomicfile.SyncDir(removingDir(s)))
	})
}

// Leavings are the incidents whose removal was decided and has not come to its end, but for
// those that another process works at. Each has to be finished.
func Leavings(s *Store) (list []*Leaving, err error) {
	entries, err := os.ReadDir(removingDir(s))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	errs := []error{err}
	for _, e := range entries {
		if !e.IsDir() {
			continue
		}
		lock, err := tryLock(filepath.Join(leavingDir(s, e.Name()), "lock"), ErrBusy)
		switch {
		case err == nil:
			list = append(list, &Leaving{Removal: leavingOf(s, e.Name()), s: s, lock: lock})
		case !errors.Is(err, ErrBusy) && !errors.Is(err, fs.ErrNotExist):
			errs = append(errs, err)
		}
	}
	return list, errors.Join(errs...)
}

// leavingOf is what is to be written down of an incident that is being removed, as far as its folder says it still.
func leavingOf(s *Store, key string) Removal {
	dir := leavingDir(s, key)
	if r, there, err := File[Removal](s, removalFile(s, dir)).Load(); err == nil && there && r.Key == key {
		for i, b := range r.Bundles {
			r.Bundles[i] = s.Placed(b)
		}
		return r
	}
	in, err := File[Incident](s, filepath.Join(dir, "incident.json")).Read()
	if err != nil || in.Key != key {
		in = Incident{Key: key, ID: key}
	}
	s.place(&in)
	return RemovalOf(s, in, time.Now().UTC().Round(0), "its removal had begun before a restart")
}

// Release leaves it to who looks for Leavings next.
func (l *Leaving) Release() { l.lock.Release() }

// Finish removes what there is of the incident: hear is told of each bundle before, and its
// error is only passed to warn. It may be called again after an error, by another process too.
func (l *Leaving) Finish(hear func(bundle, why string, at time.Time) error, warn func(bundle string, err error)) error {
	defer func() { l.lock.Release() }()
	for _, b := range l.Bundles {
		if _, err := os.Stat(b); err != nil || hear == nil {
			continue // gone: it was heard of
		}
		if err := hear(b, l.Why, l.Time); err != nil {
			warn(b, err)
		}
	}

	err := l.writeDown()
	full := atomicfile.Full(err)
	if err != nil && !full {
		return fmt.Errorf("record the removal of %s: %w", l.Incident, err)
	}
	for _, b := range l.Bundles {
		if err := l.s.Remove(b); err != nil {
			return fmt.Errorf("remove bundle: %w", err)
		}
	}
	if err := syncBundles(l.s, l.Bundles); err != nil {
		return err
	}
	if full { // what has to be written is in the folder, and now there is room for it
		if err := l.writeDown(); err != nil {
			return fmt.Errorf("record the removal of %s: %w", l.Incident, err)
		}
	}

	l.lock.Release() // Windows removes no open file
	l.lock = nil
	if err := l.s.Remove(leavingDir(l.s, l.Key)); err != nil {
		return fmt.Errorf("remove incident: %w", err)
	}
	return nil
}

// syncBundles has it on the disk that bundles are gone: once their incident is gone too nobody looks for them.
func syncBundles(s *Store, gone []string) error {
	if len(gone) == 0 || s.WriteFile != nil {
		return nil
	}
	return atomicfile.SyncDir(s.Bundles())
}

// writeDown writes the line, unless it is there.
func (l *Leaving) writeDown() error {
	unlock, err := lockRemovals(l.s)
	if err != nil {
		return err
	}
	defer unlock()
	if !l.once {
		there, err := isWrittenDown(l.s, l.Removal)
		if err != nil {
			return err
		}
		if there {
			return syncFile(RemovedFile(l.s))
		}
	}
	l.once = false // if it fails, the line may be there all the same
	return appendLine(l.s, RemovedFile(l.s), l.Removal)
}

// appendLine adds one line to a file, behind what a crash may have cut off, and fsyncs it.
func appendLine(s *Store, name string, v any) error {
	torn, err := isTorn(name)
	if err != nil {
		return err
	}
	line, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return s.do("append", name, func() (err error) {
		_, before := os.Lstat(name)
		f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, f.Close()) }()
		line = append(line, '\n')
		if torn {
			line = append([]byte{'\n'}, line...)
		}
		if _, err := f.Write(line); err != nil {
			return err
		}
		if err := f.Sync(); err != nil || before == nil {
			return err
		}
		atomicfile.Adopt(name)
		return atomicfile.SyncDir(filepath.Dir(name))
	})
}

// syncFile has it on the disk what an earlier write, which may have failed, has brought into a file.
func syncFile(name string) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_APPEND, 0) // Windows syncs no file that is open for reading
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// isTorn reports whether a file ends within a line.
func isTorn(name string) (bool, error) {
	f, err := os.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || info.Size() == 0 {
		return false, err
	}
	last := make([]byte, 1)
	_, err = f.ReadAt(last, info.Size()-1)
	return last[0] != '\n', err
}

// RemovalOf is what is written down when an incident is removed.
func RemovalOf(s *Store, in Incident, now time.Time, why string) Removal {
	r := Removal{Time: now, Incident: in.ID, Key: in.Key, Site: in.Site, Bundles: []string{}, Coverage: in.Coverage, Why: why,
		Kind: in.Kind, By: in.By, Case: in.Case, TimeZone: in.TimeZone, At: in.Alerted(), Until: in.Asked.Until, Revision: in.Revision, Aliases: in.Aliases}
	if r.At.IsZero() {
		r.At = in.Created
	}
	if n := len(in.Revisions); n > 0 {
		r.Sealed, r.Brief = in.Revisions[n-1].Sealed, in.Revisions[n-1].Brief
	}
	for _, b := range OwnBundles(s, in) {
		r.Bundles = append(r.Bundles, b.Path)
		r.Bytes += b.Bytes
	}
	return r
}

// A BundleFile is a bundle that lies in the store.
type BundleFile struct {
	Path  string
	Bytes int64
}

// OwnBundles are the bundles of an incident that lie in the store. Those elsewhere belong to
// whoever asked for them.
func OwnBundles(s *Store, in Incident) (list []BundleFile) {
	for _, rev := range in.Revisions {
		if info, err := os.Stat(rev.Bundle); err == nil && owns(s, rev.Bundle) {
			list = append(list, BundleFile{rev.Bundle, info.Size()})
		}
	}
	return list
}

// owns reports whether the bundle lies in the store.
func owns(s *Store, bundle string) bool {
	a, errA := filepath.Abs(filepath.Dir(bundle))
	b, errB := filepath.Abs(s.Bundles())
	return errA == nil && errB == nil && a == b
}

// listed is a removed incident as a list shows it.
func (r Removal) listed() Listed {
	l := Listed{Incident: r.Incident, Site: r.Site, State: Removed, Coverage: r.Coverage, Time: r.At, Until: r.Until, TimeZone: r.TimeZone, Kind: cmp.Or(r.Kind, KindAlert), By: r.By,
		Known: r.Brief != nil, RemovedAt: r.Time, RemovedWhy: r.Why, In: r.In}
	if r.Brief != nil {
		l.Brief = *r.Brief
	}
	if l.Time.IsZero() { // an earlier version wrote the line
		l.Time = r.Sealed
	}
	return l
}
