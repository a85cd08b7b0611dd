package fetch

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"rtmtgrab/fetch/hostconn"
	"rtmtgrab/fetch/logset"
	"rtmtgrab/internal/atomicfile"
	"rtmtgrab/internal/diskspace"
	"rtmtgrab/internal/evidence"
)

// stateFile is written after each slice: what it says of a slice is on disk.
const stateFile = "state.json"

// state is what is known of one host's grab, as it is on disk.
type state struct {
	HostKey   string             `json:"host_key"`
	Via       []string           `json:"via,omitempty"` // of the last connection, as evidence.Host
	Legacy    []string           `json:"legacy,omitempty"`
	Transport string             `json:"transport,omitempty"` // evidence.Transport…, of the last connection
	Clock     *time.Duration     `json:"clock"`               // host minus collector, of the last connection
	Doubt     time.Duration      `json:"doubt"`               // by how much Clock may be wrong either way
	ClockAt   time.Time          `json:"clock_at,omitzero"`   // when Clock was asked for
	Ahead     time.Duration      `json:"ahead"`               // by how much an unmeasured clock is certainly ahead
	Families  map[string]*family `json:"families"`
	Notes     []string           `json:"notes"`

	Leaps []evidence.ClockStep `json:"leaps,omitempty"` // of the clock, while this was grabbed
}

// writtenState is a state with its families as they are on disk: what their owners make
// of them meanwhile is not written before they say so.
type writtenState struct {
	*state
	Families map[string]json.RawMessage `json:"families"`
}

// stateIn is the state in the folder of a grab, for reading.
func stateIn(dir string) atomicfile.JSON[state] {
	return atomicfile.JSON[state]{Path: filepath.Join(dir, stateFile)}
}

func (s *state) family(name string) *family {
	if s.Families == nil {
		s.Families = map[string]*family{}
	}
	f := s.Families[name]
	if f == nil {
		f = &family{name: name}
		s.Families[name] = f
	}
	return f
}

func (s *state) setClock(c logset.Clock, now time.Time) {
	fresh := s.Clock == nil
	s.Clock, s.Doubt = nil, 0
	if c.Known {
		if fresh {
			s.ClockAt = now.UTC().Round(0)
		}
		s.Clock, s.Doubt = &c.Offset, c.Doubt
	}
}

// clock is the host's clock as far as it is known.
func (s *state) clock() logset.Clock {
	if s.Clock == nil {
		return logset.Clock{}
	}
	return logset.Clock{Offset: *s.Clock, Doubt: s.Doubt, Known: true}
}

// A store is the folder of a grab on this machine: the slices, and what is written down
// of them. The families of its state are each one goroutine's; save and note are safe
// for concurrent use.
type store struct {
	dir    string
	host   hostconn.Host
	create func(name string, flag int) (file, error) // tests; nil: on the disk

	reserve *diskspace.Reserve // of the disk; nil: there is none
	state   *state

	mu      sync.Mutex                 // of state.Notes and what follows
	written map[string]json.RawMessage // the families as they are on disk
}

// openStore reads the state from disk.
func openStore(dir string, host hostconn.Host, create func(name string, flag int) (file, error)) (*store, error) {
	if err := atomicfile.MkdirAll(dir); err != nil {
		return nil, err
	}
	s := &store{dir: dir, host: host, create: create, written: map[string]json.RawMessage{}}
	read, _, err := stateIn(dir).Load()
	if _, damaged := errors.AsType[*atomicfile.DamagedError](err); damaged {
		read, err = beginAnew(dir)
	}
	if err != nil {
		return nil, err
	}
	s.state = &read
	for name, f := range s.state.Families {
		f.name = name
		f.Suspects = slices.DeleteFunc(f.Suspects, func(s suspect) bool { return s.Entry.Name == "" }) // of a file that nobody holds any more
		for _, e := range f.Pieces {
			// A slice is trusted up to its journaled length, and only if it is there;
			// otherwise it is copied anew, as far as the host still has it.
			if info, err := os.Stat(s.path(e.File)); e.Length > 0 && (err != nil || info.Size() < e.Length) {
				s.note("the slice of %s on this machine was damaged: %s is shorter than the %d bytes recorded", name, e.File, e.Length)
				e.Length, e.Cut, f.Covered, f.Lent = 0, 0, nil, nil
			}
		}
	}
	return s, s.put(s.state.families()...)
}

// beginAnew sets a damaged state aside. What was copied before stays under its names,
// which are not used again, but is not known any more: what the host still has of it is
// copied anew.
func beginAnew(dir string) (fresh state, err error) {
	aside, err := atomicfile.SetAside(filepath.Join(dir, stateFile))
	if err != nil {
		return fresh, err
	}
	copied, err := os.ReadDir(dir)
	if err != nil {
		return fresh, err
	}
	for _, e := range copied {
		name, n, ok := strings.Cut(strings.TrimSuffix(e.Name(), ".raw"), ".")
		if seq, err := strconv.Atoi(n); ok && err == nil {
			f := fresh.family(name)
			f.Seq = max(f.Seq, seq)
		}
	}
	fresh.Notes = []string{fmt.Sprintf("the record of what was copied of it was damaged on this machine, and is set aside as %s: it was asked anew for all of it", filepath.Base(aside))}
	return fresh, nil
}

func (s *store) path(name string) string { return filepath.Join(s.dir, name) }

// open opens a file of logs for writing, which leaves the disk's reserve alone.
func (s *store) open(name string, flag int) (file, error) {
	f, err := s.openFile(name, flag)
	if err != nil || s.reserve == nil {
		return f, err
	}
	return sparing{f, s.reserve}, nil
}

func (s *store) openFile(name string, flag int) (file, error) {
	if s.create != nil {
		return s.create(name, flag)
	}
	f, err := os.OpenFile(s.path(name), flag, 0o600)
	if err == nil && flag&os.O_CREATE != 0 {
		atomicfile.Adopt(s.path(name))
	}
	return f, err
}

func (s *state) families() (all []*family) {
	for _, f := range s.Families {
		all = append(all, f)
	}
	return all
}

// put takes over what families are now. They are their caller's meanwhile.
func (s *store) put(families ...*family) error {
	for _, f := range families {
		b, err := json.Marshal(f)
		if err != nil {
			return err
		}
		s.mu.Lock()
		s.written[f.name] = b
		s.mu.Unlock()
	}
	return nil
}

// save writes the state with what its caller has of the families; of the others it
// writes what it has of them.
func (s *store) save(families ...*family) error {
	err := s.put(families...)
	if err == nil {
		err = s.write()
	}
	if err != nil {
		return fmt.Errorf("save the state of %s: %w", s.host.Name, err)
	}
	return nil
}

func (s *store) write() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return atomicfile.JSON[writtenState]{Path: s.path(stateFile), Compact: true}.Save(writtenState{s.state, s.written})
}

// note writes a remark about the host down, once.
func (s *store) note(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	s.mu.Lock()
	defer s.mu.Unlock()
	if !slices.Contains(s.state.Notes, text) && len(s.state.Notes) < 100 {
		s.state.Notes = append(s.state.Notes, text)
	}
}
