package incident

import (
	"errors"
	"io/fs"
	"os"
	"time"
)

// settled is how old a record is to be until it is not read again: a file system's
// clock may tick so seldom.
const settled = 3 * time.Second

// Changed reads the incidents whose records were written since they were looked at
// last, by this process or another; it needs no lock. seen is when each record was
// written (zero: it is read again), by key, and is brought up to date: empty it stands for a first look, at all
// of them, and afterwards it holds exactly the incidents that are there. One that
// cannot be read makes an error beside the list, and is read again next time.
func (s *Store) Changed(seen map[string]time.Time) ([]Incident, error) {
	keys, err := s.keys()
	if err != nil {
		return nil, err
	}
	var list []Incident
	var errs []error
	there := map[string]bool{}
	for _, k := range keys {
		info, err := os.Stat(s.record(k))
		if errors.Is(err, fs.ErrNotExist) {
			continue // just claimed, or just removed
		}
		there[k] = true
		if err == nil && seen[k].Equal(info.ModTime()) {
			continue
		}
		in, err := s.read(k)
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
func (s *Store) Slices(key, host string) string { return s.host(key, host) }
