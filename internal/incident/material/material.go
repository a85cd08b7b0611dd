// Package material keeps what comes to an incident from elsewhere than its hosts: the
// names and traces of CUCM, phones' problem reports. It lies in the incident's folder as
// it will lie in the bundle, and is sealed with the next revision; where the incident is
// sealed already, one further revision is queued for it.
//
// It guarantees that what was added survives a power cut whole, or was not added; that
// what is queued stays so until a revision has it; that a Snapshot is of one moment, and
// that nothing is ever replaced by less.
//
// It does not know what the files say, who brings them, or how a bundle is made.
package material

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"rtmtgrab/internal/atomicfile"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/incident"
)

// A File is one that the bundle is to have, beside logs and mails.
type File struct {
	Name   string `json:"name"` // in the bundle, below cucm/ or prt/
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
	In     int    `json:"in,omitempty"` // the revision whose bundle has it, and nobody else any more; 0: it lies in the incident's folder
}

// A State is what has come to an incident.
type State struct {
	Files []File          `json:"files"` // by name
	CUCM  []evidence.CUCM `json:"cucm,omitempty"`
	PRTs  []evidence.PRT  `json:"prts,omitempty"`

	Resets []evidence.Reset `json:"resets,omitempty"`

	Diagnostics []evidence.Diagnostic `json:"diagnostics,omitempty"`

	Gone []string `json:"gone,omitempty"` // files that somebody has removed before a bundle had them

	Moves map[string]string `json:"moves,omitempty"` // temporary files that are to get their names: found after a crash
}

// Digest tells states apart by what is in them.
func (s State) Digest() string {
	if len(s.Files)+len(s.CUCM)+len(s.PRTs)+len(s.Resets)+len(s.Diagnostics) == 0 {
		return ""
	}
	files := slices.Clone(s.Files)
	for i := range files {
		files[i].In = 0
	}
	b, err := json.Marshal(State{Files: files, CUCM: s.CUCM, PRTs: s.PRTs, Resets: s.Resets, Diagnostics: s.Diagnostics})
	if err != nil {
		return "" // not of such fields
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// Find is the file of that name.
func (s State) Find(name string) (File, bool) {
	i := slices.IndexFunc(s.Files, func(f File) bool { return f.Name == name })
	if i < 0 {
		return File{}, false
	}
	return s.Files[i], true
}

// A Folder is the material of one incident.
type Folder struct {
	st  *incident.Store
	key string
}

// Of is that of the incident with the key.
func Of(st *incident.Store, key string) Folder { return Folder{st, key} }

func (f Folder) dir() string  { return f.st.IncidentDir(f.key) }
func (f Folder) temp() string { return filepath.Join(f.dir(), "coming") }
func (f Folder) path(name string) string {
	return filepath.Join(f.dir(), filepath.FromSlash(name))
}

func (f Folder) file() atomicfile.JSON[State] {
	return incident.File[State](f.st, filepath.Join(f.dir(), "material.json"))
}

// lock is held while the state is read or changed, never while anything is copied.
func (f Folder) lock() (unlock func(), err error) {
	return atomicfile.WaitLock(filepath.Join(f.dir(), "material.lock"))
}

// Read is the state as it was saved last. It needs no lock.
func (f Folder) Read() (State, error) {
	s, _, err := f.file().Load()
	return s, err
}

// A Change is what comes in at once: all of it, or nothing.
type Change struct {
	Files []Incoming
	CUCM  []evidence.CUCM // each in place of what is there of its cluster
	PRTs  []evidence.PRT  // beside those that are there

	Resets []evidence.Reset // each in place of what is there of the same phone and time

	Diagnostics []evidence.Diagnostic // each in place of what is there of its host
}

// Add takes the change in and queues a further revision, which a sealing that has the change
// takes from the queue again. After an error nothing has changed. What is less than
// what is there changes nothing. incident.ErrRemoved: the incident is gone.
func (f Folder) Add(now time.Time, c Change) (err error) {
	defer func() {
		for i := range c.Files {
			c.Files[i].Drop()
		}
		if err != nil {
			err = fmt.Errorf("add to incident %s: %w", f.key, err)
		}
	}()
	for _, in := range c.Files {
		if err := CheckName(in.Name); err != nil {
			return err
		}
	}
	return incident.WhileKept(f.st, f.key, func() error {
		unlock, err := f.lock()
		if err != nil {
			return err
		}
		defer unlock()
		return f.add(now, c)
	})
}

func (f Folder) add(now time.Time, c Change) error {
	s, err := f.settle()
	if err != nil {
		return err
	}
	before := s.Digest()
	s.take(&c)
	if err := s.check(); err != nil {
		return err
	}
	if s.Digest() == before {
		return nil
	}
	s.Moves = map[string]string{}
	for _, in := range c.Files {
		if in.temp != "" {
			s.Moves[filepath.Base(in.temp)] = in.Name
		}
	}
	if err := f.queue(now); err != nil { // first: what nobody added is queued for nothing, and is found to be
		return err
	}
	err = f.file().Save(s)
	if err != nil && !f.has(s) {
		return err
	}
	for i := range c.Files {
		c.Files[i].temp = "" // it is the state's from here on
	}
	if err != nil {
		return err
	}
	_, err = f.settle()
	return err
}

// has reports whether the state is on the disk, though saving it was an error: then its files
// have to stay.
func (f Folder) has(s State) bool {
	now, err := f.Read()
	return err != nil || now.Digest() == s.Digest()
}

// take puts a change into the state. Of what is less than what is there it takes nothing.
func (s *State) take(c *Change) {
	c.Files = slices.DeleteFunc(c.Files, func(in Incoming) bool {
		was, there := s.Find(in.Name)
		less := there && (was.Bytes > in.Bytes && !isNames(in.Name) || was.SHA256 == in.SHA256)
		if less {
			in.Drop()
		}
		return less
	})
	for _, in := range c.Files {
		s.Files = slices.DeleteFunc(slices.Clone(s.Files), func(have File) bool { return have.Name == in.Name })
		s.Files = append(s.Files, in.File)
	}
	slices.SortFunc(s.Files, func(a, b File) int { return strings.Compare(a.Name, b.Name) })
	for _, row := range c.CUCM {
		s.takeCluster(row)
	}
	for _, r := range c.Resets {
		s.Resets = slices.DeleteFunc(slices.Clone(s.Resets), func(o evidence.Reset) bool { return o.Device == r.Device && o.At.Equal(r.At) })
		s.Resets = append(s.Resets, r)
	}
	slices.SortFunc(s.Resets, func(a, b evidence.Reset) int { return cmp.Or(a.At.Compare(b.At), strings.Compare(a.Device, b.Device)) })
	for _, d := range c.Diagnostics {
		s.takeDiagnostic(d)
	}
	for _, p := range c.PRTs {
		if !slices.ContainsFunc(s.PRTs, func(have evidence.PRT) bool { return have.Path == p.Path }) {
			s.PRTs = append(slices.Clone(s.PRTs), p)
		}
	}
}

// takeDiagnostic puts what became of a host's diagnostic log in the place of what was.
func (s *State) takeDiagnostic(now evidence.Diagnostic) {
	s.Diagnostics = slices.Clone(s.Diagnostics)
	i := slices.IndexFunc(s.Diagnostics, func(d evidence.Diagnostic) bool { return d.Host == now.Host })
	switch {
	case i < 0:
		s.Diagnostics = append(s.Diagnostics, now)
	case s.Diagnostics[i].Path == "" || now.Path != "" && now.Bytes >= s.Diagnostics[i].Bytes:
		s.Diagnostics[i] = now
	}
	slices.SortFunc(s.Diagnostics, func(a, b evidence.Diagnostic) int { return strings.Compare(a.Host, b.Host) })
}

// isNames: a file that is made anew with each answer of CUCM, in which a shorter one may say
// more. Whoever adds it knows that.
func isNames(name string) bool { return strings.HasPrefix(name, "cucm/partial-phones.") }

// check refuses a state that no bundle could be made of.
func (s State) check() error {
	names := evidence.FileNames{}
	for _, f := range s.Files {
		if err := names.Add(f.Name); err != nil {
			return err
		}
	}
	named := func(path string, bytes int64, sum string) error {
		if f, there := s.Find(path); !there || f.Bytes != bytes || f.SHA256 != sum {
			return fmt.Errorf("%q is named, but did not come with it", evidence.Printable(path, 200))
		}
		return nil
	}
	var errs []error
	for _, c := range s.CUCM {
		for _, n := range c.Nodes {
			for _, f := range n.Files {
				if f.Path != "" {
					errs = append(errs, named(f.Path, f.Bytes, f.SHA256))
				}
			}
		}
	}
	for _, d := range s.Diagnostics {
		if d.Path != "" {
			errs = append(errs, named(d.Path, d.Bytes, d.SHA256))
		}
	}
	for _, p := range s.PRTs {
		errs = append(errs, named(p.Path, p.Bytes, p.SHA256))
	}
	return errors.Join(errs...)
}

// settle gives files that were taken in their names, and is the state.
func (f Folder) settle() (State, error) {
	s, err := f.Read()
	if err != nil {
		return s, err
	}
	for temp, name := range s.Moves {
		from := filepath.Join(f.temp(), temp)
		if !exists(from) {
			continue // it has its name
		}
		if err := f.step("move", name); err != nil {
			return s, err
		}
		if err := atomicfile.MkdirAll(filepath.Dir(f.path(name))); err != nil {
			return s, err
		}
		if err := atomicfile.Rename(from, f.path(name)); err != nil {
			return s, err
		}
	}
	return s, nil
}

// step lets the store's tests fail.
func (f Folder) step(op, name string) error {
	if f.st.Fault == nil {
		return nil
	}
	return f.st.Fault(op, f.path(name))
}

// CheckName says why a file of that name has no place in a bundle beside its logs.
func CheckName(name string) error {
	parts := strings.Split(name, "/")
	most := map[string]int{"cucm": 4, "prt": 2, "diagnostics": 2}[parts[0]]
	if len(parts) < 2 || len(parts) > most {
		return fmt.Errorf("%q: no place for it in a bundle", evidence.Printable(name, 100))
	}
	for _, p := range parts[1:] {
		if err := evidence.CheckFileName(p); err != nil {
			return err
		}
		if strings.HasSuffix(p, atomicfile.PartSuffix) {
			return errors.New("its name is that of a temporary file")
		}
	}
	return nil
}
