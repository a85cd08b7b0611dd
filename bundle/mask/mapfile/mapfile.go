// Package mapfile keeps the maps of masking in a store: which name stands for what, one map
// for each scope, a site or a case. In the folder mask of the store:
//
//	map.key, map.pub      the key of the maps, made with the first one; see envelope.Own
//	site-NAME.age         a map, encrypted to the key (case-NAME.age of a case)
//	site-NAME.id          its ID, which bundles that were masked with it bear
//	site-NAME.lock        held by who masks with it
//	site-NAME.work-*.part his temporary files
//
// It guarantees that a map is wholly the one before or wholly the new one, and durable when
// Save returns; that there is one masker of a scope at a time; and that neither a key nor a
// map is ever begun anew because it is damaged or gone: names would change, and two things
// could get one name. A damaged map costs its own scope and no other. It does not know what
// is in a map.
package mapfile

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"rtmtgrab/bundle/seal/envelope"
	"rtmtgrab/internal/atomicfile"
	"rtmtgrab/internal/evidence"
)

// Kinds of scopes.
const (
	Site = "site"
	Case = "case"
)

// A Scope is within what the same thing has the same name.
type Scope struct {
	Kind string `json:"kind"` // Site or Case
	Name string `json:"name"`
}

func (s Scope) String() string { return s.Kind + " " + evidence.Printable(s.Name, 100) }

var plainRE = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,62}$`)

// stem begins the names of a scope's files. What no file can be called, or would be one
// without regard to case, is called by its hash.
func (s Scope) stem() string {
	if plainRE.MatchString(s.Name) && evidence.CheckName(s.Name) == nil && !strings.HasPrefix(s.Name, "x-") {
		return s.Kind + "-" + s.Name
	}
	sum := sha256.Sum256([]byte(s.Name))
	return s.Kind + "-x-" + hex.EncodeToString(sum[:8])
}

// maxMap bounds a map's file.
const maxMap = 256 << 20

// A Folder has the maps of a store.
type Folder struct{ Dir string }

// Of is that of a store.
func Of(store string) Folder { return Folder{filepath.Join(store, "mask")} }

func (f Folder) key() envelope.Own             { return envelope.Own{Dir: f.Dir, Name: "map"} }
func (f Folder) file(s Scope, e string) string { return filepath.Join(f.Dir, s.stem()+e) }

// ErrUnknown is that no map here has an ID.
var ErrUnknown = errors.New("no map of this collector has that ID")

// A LostError is that a map, or the key of all, is damaged, gone or cannot be read.
type LostError struct {
	Scope Scope
	File  string // that is to be put back
	Err   error
}

func (e *LostError) Error() string {
	return fmt.Sprintf("the map of %s cannot be used: %v", e.Scope, e.Err)
}

// Unwrap is what is wrong with it.
func (e *LostError) Unwrap() error { return e.Err }

// A Map is one that was opened, and locked for others, until Close.
type Map struct {
	ID     string
	Scope  Scope
	Secret []byte // of this map alone, for hashes that nobody else can compute
	Table  []byte // as it was saved last; nil: it is new

	folder Folder
	unlock func()
	work   string       // empty: nobody asked for it
	remove func() error // of it
}

// stored is what is encrypted.
type stored struct {
	Version int             `json:"version"`
	ID      string          `json:"id"`
	Scope   Scope           `json:"scope"`
	Secret  []byte          `json:"secret"`
	Table   json.RawMessage `json:"table"`
}

// Open is the map of a scope, a new one if there was none. It waits until ctx is done for
// another who has it.
func (f Folder) Open(ctx context.Context, s Scope) (*Map, error) {
	if s.Name == "" || s.Kind != Site && s.Kind != Case {
		return nil, fmt.Errorf("no scope: a %q of no name", s.Kind)
	}
	if err := f.makeKey(); errors.As(err, new(*envelope.LostKeyError)) {
		return nil, f.lost(s, err)
	} else if err != nil {
		return nil, err
	}
	unlock, err := atomicfile.LockUntil(ctx, f.file(s, ".lock"))
	if err != nil {
		return nil, fmt.Errorf("the map of %s: %w", s, err)
	}
	f.sweep(s.stem())
	m := &Map{Scope: s, folder: f, unlock: unlock}
	if err := m.load(); err != nil {
		unlock()
		return nil, err
	}
	return m, nil
}

// Sweep removes what those left that were killed at work.
func (f Folder) Sweep() { atomicfile.Sweep(f.Dir) }

// sweep removes what one left that was killed while he saved the files that begin so. What stays is no harm.
func (f Folder) sweep(stem string) {
	entries, _ := os.ReadDir(f.Dir)
	for _, e := range entries {
		rest, own := strings.CutPrefix(e.Name(), stem+".")
		_, n, cut := strings.Cut(rest, ".") // age.123.part
		if n, part := strings.CutSuffix(n, atomicfile.PartSuffix); own && cut && part && n != "" && strings.Trim(n, "0123456789") == "" {
			os.Remove(filepath.Join(f.Dir, e.Name()))
		}
	}
}

func (f Folder) makeKey() error {
	if err := atomicfile.MkdirAll(f.Dir); err != nil {
		return err
	}
	unlock, err := atomicfile.WaitLock(filepath.Join(f.Dir, "map.lock"))
	if err != nil {
		return err
	}
	defer unlock()
	f.sweep("map")
	return f.key().Make()
}

// load reads the map, or begins it.
func (m *Map) load() error {
	was, err := m.folder.read(m.folder.file(m.Scope, ".age"))
	if errors.Is(err, fs.ErrNotExist) {
		return m.begin()
	}
	if err == nil && was.Scope != m.Scope {
		err = fmt.Errorf("it is of %s", was.Scope)
	}
	if err != nil {
		return m.folder.lost(m.Scope, err)
	}
	m.ID, m.Secret, m.Table = was.ID, was.Secret, was.Table
	return nil
}

// begin begins a map where there never was one.
func (m *Map) begin() error {
	id := m.folder.file(m.Scope, ".id")
	if _, err := os.Lstat(id); !errors.Is(err, fs.ErrNotExist) {
		return m.folder.lost(m.Scope, fmt.Errorf("%s is not there any more, and %s is", m.folder.file(m.Scope, ".age"), id))
	}
	b := make([]byte, 8+32)
	rand.Read(b)
	m.ID, m.Secret = hex.EncodeToString(b[:8]), b[8:]
	return nil
}

// lost says what is to be put back.
func (f Folder) lost(s Scope, err error) error {
	e := &LostError{Scope: s, File: f.file(s, ".age"), Err: err}
	if errors.As(err, new(*envelope.LostKeyError)) || errors.Is(err, envelope.ErrNoKey) || errors.Is(err, envelope.ErrNoOwn) {
		e.File = f.key().KeyFile()
	}
	return e
}

// read decrypts a map.
func (f Folder) read(name string) (s stored, err error) {
	st, err := os.Stat(name)
	switch {
	case err != nil:
		return s, err
	case !st.Mode().IsRegular():
		return s, fmt.Errorf("%s is not a file", name)
	case st.Size() > maxMap:
		return s, fmt.Errorf("%s is larger than %d MiB", name, maxMap>>20)
	}
	sealed, err := os.ReadFile(name)
	if err != nil {
		return s, err
	}
	plain, err := f.key().Decrypt(sealed, maxMap)
	if err == nil {
		err = json.Unmarshal(plain, &s)
	}
	if err == nil && (s.Version != 1 || s.ID == "" || s.Scope.Name == "" || len(s.Secret) == 0 || len(s.Table) == 0) {
		err = fmt.Errorf("version %d of maps is not known to this program", s.Version)
	}
	if err != nil {
		return stored{}, fmt.Errorf("%s: %w", name, err)
	}
	return s, nil
}

// Save keeps a table, which is JSON, in place of the one before.
func (m *Map) Save(table []byte) error {
	plain, err := json.Marshal(stored{1, m.ID, m.Scope, m.Secret, table})
	if err == nil && len(plain) > maxMap*9/10 {
		err = fmt.Errorf("it has grown over %d MiB", maxMap>>20)
	}
	var sealed []byte
	if err == nil {
		sealed, err = m.folder.key().Encrypt(plain)
	}
	if err == nil {
		err = atomicfile.WriteBytes(m.folder.file(m.Scope, ".age"), sealed)
	}
	if err == nil { // second: alone it says that the map is lost
		err = atomicfile.WriteBytes(m.folder.file(m.Scope, ".id"), []byte(m.ID+"\n"))
	}
	if err != nil {
		return fmt.Errorf("save the map of %s: %w", m.Scope, err)
	}
	m.Table = table
	return nil
}

// Known reports whether the map is found by its ID: a crash may have come before that.
func (m *Map) Known() bool {
	b, err := os.ReadFile(m.folder.file(m.Scope, ".id"))
	return err == nil && strings.TrimSpace(string(b)) == m.ID
}

// Work is a folder for temporary files of who has the map, which goes with Close. What one
// that was killed left there is removed.
func (m *Map) Work() (dir string, err error) {
	if m.work == "" {
		m.work, m.remove, err = atomicfile.TempDir(m.folder.Dir, m.Scope.stem()+".work")
	}
	return m.work, err
}

// File is where it lies.
func (m *Map) File() string { return m.folder.file(m.Scope, ".age") }

// Close lets others have it.
func (m *Map) Close() (err error) {
	if m.work != "" {
		err = m.remove()
	}
	m.unlock()
	return err
}

// ByID is the scope of the map with an ID: ErrUnknown if there is none.
func (f Folder) ByID(id string) (Scope, error) {
	ids, err := filepath.Glob(filepath.Join(f.Dir, "*.id"))
	if err != nil {
		return Scope{}, err
	}
	for _, name := range ids {
		b, err := os.ReadFile(name)
		if err != nil || strings.TrimSpace(string(b)) != id {
			continue
		}
		file := strings.TrimSuffix(name, ".id") + ".age"
		s, err := f.read(file)
		if err == nil && s.ID != id {
			err = fmt.Errorf("%s has the ID %s", file, s.ID)
		}
		if err != nil {
			kind, stem, _ := strings.Cut(strings.TrimSuffix(filepath.Base(name), ".id"), "-")
			return Scope{}, f.lost(Scope{kind, stem}, err)
		}
		return s.Scope, nil
	}
	return Scope{}, ErrUnknown
}

// All shows every map that can be read, by the names of their files, without locking it. Those
// that cannot are *LostErrors.
func (f Folder) All(visit func(Scope, []byte) error) (lost []error, err error) {
	names, err := filepath.Glob(filepath.Join(f.Dir, "*.age"))
	if err != nil {
		return nil, err
	}
	slices.Sort(names)
	for _, name := range names {
		s, err := f.read(name)
		if err != nil {
			kind, stem, _ := strings.Cut(strings.TrimSuffix(filepath.Base(name), ".age"), "-")
			lost = append(lost, f.lost(Scope{kind, stem}, err))
			continue
		}
		if err := visit(s.Scope, s.Table); err != nil {
			return lost, err
		}
	}
	return lost, nil
}
