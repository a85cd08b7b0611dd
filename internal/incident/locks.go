package incident

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/gofrs/flock"

	"rtmtgrab/internal/atomicfile"
)

// What a lock that is held by someone else means.
var (
	ErrWatching = errors.New("another grab watch runs on this store")
	ErrBusy     = errors.New("another grab is working on this incident")
)

// A Lock is an OS lock on a file: it dies with the process that holds it. The
// file stays.
type Lock struct{ f *flock.Flock }

// Release gives the lock back; nil is a lock that was never taken.
func (l *Lock) Release() error {
	if l == nil {
		return nil
	}
	return l.f.Unlock()
}

// LockWatch takes watch.lock, or says ErrWatching.
func (s *Store) LockWatch() (*Lock, error) {
	return tryLock(filepath.Join(s.Dir, "watch.lock"), ErrWatching)
}

// LockIncident takes one incident's lock, or says ErrBusy.
func (s *Store) LockIncident(key string) (*Lock, error) {
	return tryLock(filepath.Join(s.IncidentDir(key), "lock"), ErrBusy)
}

func tryLock(name string, taken error) (*Lock, error) {
	if _, err := atomicfile.FreeLock(name); err != nil {
		return nil, fmt.Errorf("lock %s: %w", name, err)
	}
	f := flock.New(name, flock.SetPermissions(0o600))
	ok, err := f.TryLock()
	atomicfile.Adopt(name)
	if err != nil {
		return nil, fmt.Errorf("lock %s: %w", name, err)
	}
	if !ok {
		return nil, taken
	}
	return &Lock{f}, nil
}

// BundleInUse reports whether the bundle of that name may be one that another process is
// writing at this moment.
func (s *Store) BundleInUse(all []Incident, name string) bool {
	for _, in := range all {
		if strings.HasPrefix(name, in.ID) && s.busy(in.Key) {
			return true
		}
	}
	return false
}

func (s *Store) busy(key string) bool { return errors.Is(s.tryLock(key), ErrBusy) }

// free reports whether nobody has the incident's lock. Who may not try it hears no.
func (s *Store) free(key string) bool { return s.tryLock(key) == nil }

// tryLock takes the incident's lock and gives it back.
func (s *Store) tryLock(key string) error {
	l, err := s.LockIncident(key)
	if err == nil {
		l.Release()
	}
	return err
}
