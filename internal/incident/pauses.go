package incident

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/gofrs/flock"

	"rtmtgrab/internal/atomicfile"
	"rtmtgrab/internal/evidence"
)

// MaxPause is the longest pause.
const MaxPause = 30 * 24 * time.Hour

// A Pause keeps the alerts of a site from triggering, from its beginning to its end.
type Pause struct {
	Site    string    `json:"site"` // empty: all
	From    time.Time `json:"from"`
	Until   time.Time `json:"until"`
	Reason  string    `json:"reason"`
	By      string    `json:"by"`             // who began it, or BySchedule
	Ended   time.Time `json:"ended,omitzero"` // before Until, by hand
	EndedBy string    `json:"ended_by,omitempty"`
}

// BySchedule began a pause that is a site's quiet hours.
const BySchedule = "schedule"

// What a pause can fail with.
var (
	ErrNoPause   = errors.New("it is not paused by hand")
	ErrAllPaused = errors.New("all sites are paused by one pause")
	ErrPauses    = errors.New("cannot read the pauses")
	errPauses    = errors.New("too many pauses")
)

func (p Pause) At(now time.Time) bool {
	return p.Ended.IsZero() && !now.Before(p.From) && now.Before(p.Until)
}

// Covers reports whether the pause is of the site.
func (p Pause) Covers(site string) bool { return p.Site == "" || strings.EqualFold(p.Site, site) }

// String says what it is, for people.
func (p Pause) String() string {
	s := "paused until " + p.Until.UTC().Format(time.RFC3339) + " by " + p.By
	if p.Reason != "" {
		s += ": " + p.Reason
	}
	return evidence.Printable(s, 300)
}

func (s *Store) pausesFile() atomicfile.JSON[[]Pause] {
	return File[[]Pause](s, filepath.Join(s.Dir, "pauses.json"))
}

// Pauses are those in force that were begun by hand, the first one's end first. A
// file that cannot be read is an error, and no pause.
func (s *Store) Pauses(now time.Time) ([]Pause, error) {
	all, err := s.readPauses()
	list := slices.DeleteFunc(all, func(p Pause) bool { return !p.At(now) })
	slices.SortFunc(list, func(a, b Pause) int { return a.Until.Compare(b.Until) })
	return list, err
}

func (s *Store) readPauses() (all []Pause, err error) {
	all, _, err = s.pausesFile().Load()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrPauses, err)
	}
	return all, nil
}

// maxPauses bounds the file. Before it holds up another pause, those that are over go.
const maxPauses = 1000

// Pause begins one. A running watch notices it with its next mail.
func (s *Store) Pause(ctx context.Context, p Pause) error {
	switch {
	case !p.Until.After(p.From):
		return errors.New("a pause must end after it begins")
	case p.Until.Sub(p.From) > MaxPause:
		return errors.New("a pause lasts at most 30 days")
	}
	p.From, p.Until = p.From.UTC().Round(0), p.Until.UTC().Round(0)
	p.Reason, p.By = evidence.Printable(p.Reason, 200), evidence.Printable(p.By, 100)
	return s.changePauses(ctx, p.From, func(all []Pause) ([]Pause, error) {
		if len(all) >= maxPauses {
			all = slices.DeleteFunc(all, func(o Pause) bool { return !o.Ended.IsZero() || !o.Until.After(p.From) })
		}
		if len(all) >= maxPauses {
			return nil, errPauses
		}
		return append(all, p), nil
	})
}

// Resume ends the pauses of a site, or with an empty name all there are, and returns
// them.
func (s *Store) Resume(ctx context.Context, site, by string, now time.Time) (ended []Pause, err error) {
	now = now.UTC().Round(0)
	err = s.changePauses(ctx, now, func(all []Pause) ([]Pause, error) {
		whole := false
		for i := range all {
			p := &all[i]
			switch {
			case !p.At(now):
			case site == "" || strings.EqualFold(p.Site, site):
				p.Ended, p.EndedBy = now, evidence.Printable(by, 100)
				ended = append(ended, *p)
			case p.Site == "":
				whole = true
			}
		}
		switch {
		case whole:
			return nil, ErrAllPaused
		case len(ended) == 0:
			return nil, ErrNoPause
		}
		return all, nil
	})
	if err != nil {
		return nil, err
	}
	return ended, nil
}

// changePauses changes the file under its lock. What ended 30 days ago is forgotten.
func (s *Store) changePauses(ctx context.Context, now time.Time, change func([]Pause) ([]Pause, error)) error {
	name := s.pausesFile().Path + ".lock"
	if _, err := atomicfile.FreeLock(name); err != nil {
		return fmt.Errorf("lock pauses: %w", err)
	}
	lock := flock.New(name, flock.SetPermissions(0o600))
	ok, err := lock.TryLockContext(ctx, 20*time.Millisecond)
	atomicfile.Adopt(lock.Path())
	if err != nil || !ok {
		return fmt.Errorf("lock pauses: %w", errors.Join(err, ctx.Err()))
	}
	defer lock.Unlock()
	all, err := s.readPauses()
	if err != nil {
		return err
	}
	all = slices.DeleteFunc(all, func(p Pause) bool { return now.Sub(p.Until) > MaxPause })
	if all, err = change(all); err != nil {
		return err
	}
	return s.pausesFile().Save(all)
}

// QuietNow are the sites' quiet hours that are in force.
func QuietNow(sites []Site, now time.Time) []Pause {
	var list []Pause
	for _, s := range sites {
		if p, ok := s.quiet(now); ok {
			list = append(list, p)
		}
	}
	return list
}

// quiet is the quiet hours of the site that last longest, if it has some now.
func (s Site) quiet(now time.Time) (found Pause, ok bool) {
	if len(s.Quiet) == 0 { // of most, which are looked at every second
		return found, false
	}
	zone, err := time.LoadLocation(s.TimeZone)
	if err != nil {
		zone = time.UTC
	}
	for _, q := range s.Quiet {
		from, until, in := q.Span(now, zone)
		if in && until.After(found.Until) {
			found, ok = Pause{Site: s.Name, From: from, Until: until, Reason: q.Reason, By: BySchedule}, true
		}
	}
	return found, ok
}

// A PauseFile is what was read of pauses.json. The zero value has read nothing yet; it
// is not safe for concurrent use.
type PauseFile struct {
	all  []Pause
	info fs.FileInfo // of the file that was read
	bad  bool        // it could not be, and that was said
}

// InForce are the pauses begun by hand and the sites' quiet hours.
func (f *PauseFile) InForce(s *Store, sites []Site, now time.Time, say func(string, ...any)) []Pause {
	return slices.Concat(f.current(s, say), QuietNow(sites, now))
}

// current reads the file if it is another one.
func (f *PauseFile) current(s *Store, say func(string, ...any)) []Pause {
	info, err := os.Stat(s.pausesFile().Path)
	if err != nil {
		f.all, f.info = nil, nil
		return nil
	}
	if f.info != nil && os.SameFile(info, f.info) && info.ModTime().Equal(f.info.ModTime()) && info.Size() == f.info.Size() {
		return f.all
	}
	all, err := s.readPauses()
	if err != nil {
		if !f.bad {
			say("cannot read the pauses: nothing is paused by hand", "err", err)
		}
		f.bad, f.all, f.info = true, nil, nil
		return nil
	}
	f.bad, f.all, f.info = false, all, info
	return all
}
