package handover

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gofrs/flock"

	"rtmtgrab/internal/atomicfile"
)

// ErrTaken is that another process delivers from this store.
var ErrTaken = errors.New("another grab delivers from this store")

// A Store is the folder in which jobs are kept:
//
//	lock              held by who delivers
//	<job>.json        jobs that are not at their end
//	done/<job>.json   those that are; never read at the start
//	making/<job>/     artefacts while they are made; of a crash, until the next start
//	outbox/<job>/     artefacts, until their jobs are at their end
//	sinks.json        what was seen of each destination last
type Store struct {
	Dir string

	Placed func(bundle string) string    // where a bundle lies that a job says to be elsewhere; nil: there
	Fault  func(step, name string) error // for tests: called before each change; nil: nothing
}

const ending = ".json"

func (s Store) file(name string) atomicfile.JSON[Job] {
	return atomicfile.JSON[Job]{Path: filepath.Join(s.Dir, name+ending), Write: s.write}
}

func (s Store) doneFile(name string) atomicfile.JSON[Job] {
	return atomicfile.JSON[Job]{Path: filepath.Join(s.doneDir(), name+ending)}
}

func (s Store) doneDir() string { return filepath.Join(s.Dir, "done") }

// Outbox is the folder of the artefact of a job.
func (s Store) Outbox(name string) string { return filepath.Join(s.Dir, "outbox", name) }

// making is the folder in which an artefact is made.
func (s Store) making(name string) string { return filepath.Join(s.Dir, "making", name) }

func (s Store) write(name string, b []byte) error {
	if err := s.fault("write", name); err != nil {
		return err
	}
	return atomicfile.WriteBytes(name, b)
}

func (s Store) fault(step, name string) error {
	if s.Fault == nil {
		return nil
	}
	return s.Fault(step, name)
}

// Open makes the folders, takes the lock, and removes what a crash left half written.
func (s Store) Open() (release func(), err error) {
	for _, d := range []string{s.Dir, s.doneDir(), filepath.Join(s.Dir, "outbox")} {
		if err := atomicfile.MkdirAll(d); err != nil {
			return nil, fmt.Errorf("open the jobs of handover: %w", err)
		}
	}
	name := filepath.Join(s.Dir, "lock")
	if _, err := atomicfile.FreeLock(name); err != nil {
		return nil, err
	}
	f := flock.New(name, flock.SetPermissions(0o600))
	ok, err := f.TryLock()
	atomicfile.Adopt(name)
	switch {
	case err != nil:
		return nil, fmt.Errorf("lock %s: %w", name, err)
	case !ok:
		return nil, ErrTaken
	}
	os.RemoveAll(filepath.Join(s.Dir, "making")) // of a crash; what stays goes before it is made again
	return func() { f.Unlock() }, nil
}

// active reads all jobs that are not at their end. What is damaged is set aside.
func (s Store) active(log *slog.Logger) (jobs []*Job, err error) {
	entries, err := os.ReadDir(s.Dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("list jobs: %w", err)
	}
	var errs []error
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), atomicfile.PartSuffix) && e.Type().IsRegular() && log != nil {
			os.Remove(filepath.Join(s.Dir, e.Name())) // of a crash; if it stays, the next start tries again
		}
		name, ok := strings.CutSuffix(e.Name(), ending)
		if !ok || keyOf(name) == "" {
			continue
		}
		j, err := s.read(name, log)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		if j != nil {
			jobs = append(jobs, j)
		}
	}
	return jobs, errors.Join(errs...)
}

// read is one job that is not at its end, nil if its file was damaged and is set aside: it is
// queued anew, see Damaged.
func (s Store) read(name string, log *slog.Logger) (*Job, error) {
	file := s.file(name)
	load := file.Load
	if log != nil {
		load = func() (Job, bool, error) { return file.Recover(log) }
	}
	j, there, err := load()
	if err == nil && there && (j.Name() != name || !sane(&j)) {
		err = &atomicfile.DamagedError{Path: file.Path, Err: errors.New("it is not a job of that name")}
		if log != nil {
			_, aerr := atomicfile.SetAside(file.Path)
			log.Error("damaged job set aside", "file", file.Path, "err", err)
			return nil, aerr
		}
	}
	if err != nil || !there {
		return nil, err
	}
	if s.Placed != nil {
		j.Bundle = s.Placed(j.Bundle)
	}
	return &j, nil
}

// sane reports whether a job from disk can be one: its paths stay where they belong.
func sane(j *Job) bool {
	if j.Artefact == nil {
		return j.State != Running && j.State != Prepared && j.State != Unknown
	}
	f := j.Artefact.File
	return (f == "" || filepath.IsLocal(f) && filepath.Base(f) == f) && filepath.Base(j.Artefact.Name) == j.Artefact.Name && j.Artefact.Name != ""
}

// finish moves a job, as it was saved last, to those at their end.
func (s Store) finish(name string) error {
	if err := s.fault("finish", name); err != nil {
		return err
	}
	from, to := s.file(name).Path, s.doneFile(name).Path
	if err := atomicfile.Rename(from, to); err != nil {
		return fmt.Errorf("retire job: %w", err)
	}
	return atomicfile.SyncDir(s.Dir)
}

// Ended is a job at its end.
func (s Store) Ended(name string) (j Job, there bool, err error) { return s.doneFile(name).Load() }

// HasEnded reports whether a job is at its end, without reading it.
func (s Store) HasEnded(name string) bool {
	_, err := os.Lstat(s.doneFile(name).Path)
	return err == nil
}

// Waiting are the jobs that are not at their end, the oldest first, for who only looks.
func (s Store) Waiting() ([]*Job, error) {
	jobs, err := s.active(nil)
	slices.SortFunc(jobs, func(a, b *Job) int {
		return cmp.Or(a.Created.Compare(b.Created), strings.Compare(a.Name(), b.Name()))
	})
	return jobs, err
}

// WaitingKeys are the incidents that have a job which is not at its end.
func (s Store) WaitingKeys() (map[string]bool, error) {
	entries, err := os.ReadDir(s.Dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	keys := map[string]bool{}
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ending) {
			keys[keyOf(e.Name())] = true
		}
	}
	for _, d := range s.damaged(entries) {
		keys[d.Key] = true
	}
	return keys, nil
}

// A Wanted is a delivery of which nothing is known but its name.
type Wanted struct {
	Key, Sink string
	Revision  int
}

// Damaged are the deliveries whose files were set aside and that have come to no end since: a
// person may have asked for them, and no record says so.
func (s Store) Damaged() ([]Wanted, error) {
	entries, err := os.ReadDir(s.Dir)
	return s.damaged(entries), err
}

func (s Store) damaged(entries []os.DirEntry) (list []Wanted) {
	for _, e := range entries {
		name, _, aside := strings.Cut(e.Name(), ending+".damaged-")
		part := strings.Split(name, mark)
		if !aside || len(part) != 3 || s.HasEnded(name) {
			continue
		}
		if n, err := strconv.Atoi(strings.TrimPrefix(part[1], "r")); err == nil {
			list = append(list, Wanted{part[0], part[2], n})
		}
	}
	return list
}

// revive takes a job at its end back among the others.
func (s Store) revive(j *Job) error {
	if err := s.file(j.Name()).Save(*j); err != nil {
		return err
	}
	os.Remove(s.doneFile(j.Name()).Path) // if it stays, the job's next end replaces it
	return atomicfile.SyncDir(s.doneDir())
}

// sweep removes artefacts that belong to none of the jobs.
func (s Store) sweep(keep func(name string) bool) {
	entries, _ := os.ReadDir(filepath.Join(s.Dir, "outbox")) // what is not there needs no sweeping
	for _, e := range entries {
		if !keep(e.Name()) {
			os.RemoveAll(s.Outbox(e.Name())) // the next start tries again
		}
	}
}

// keepEnded is how long the results of a job stay at least.
const keepEnded = 14 * 24 * time.Hour

// Prune removes jobs that have been at their end for long and whose incidents are gone: as
// long as an incident is there its jobs say what became of it.
func (s Store) Prune(now time.Time, gone func(key string) bool) {
	entries, _ := os.ReadDir(s.doneDir())
	for _, e := range entries {
		key := keyOf(e.Name())
		info, err := e.Info()
		if err != nil || key == "" || now.Sub(info.ModTime()) < keepEnded || !gone(key) {
			continue
		}
		os.Remove(filepath.Join(s.doneDir(), e.Name())) // the next look tries again
	}
}
