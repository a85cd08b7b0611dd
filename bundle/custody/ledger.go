package custody

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"

	"rtmtgrab/internal/atomicfile"
)

// A Ledger is where the chains of bundles go on: in a store's folder as NAME.jsonl for the
// bundle of that name, or, of a bundle that is in no store, in a file beside it. What is in it
// outlives the bundles.
type Ledger struct {
	Dir    string
	beside string // the one file in it; empty: one for each bundle
}

// BesideSuffix ends the name of the ledger beside a bundle, behind the bundle's own.
const BesideSuffix = ".custody.jsonl"

// LedgerOf is that of a store.
func LedgerOf(store string) Ledger { return Ledger{Dir: filepath.Join(store, "custody")} }

// LedgerFor is that of the store in whose folder of bundles a file lies, or the one beside it,
// if there is any.
func LedgerFor(bundle string) (Ledger, bool) {
	abs, err := filepath.Abs(bundle)
	if err != nil {
		return Ledger{}, false
	}
	if dir := filepath.Dir(abs); filepath.Base(dir) == "bundles" {
		store := filepath.Dir(dir)
		if info, err := os.Stat(filepath.Join(store, "incidents")); err == nil && info.IsDir() {
			return LedgerOf(store), true
		}
	}
	l := besides(abs)
	_, err = os.Lstat(l.File(""))
	return l, err == nil
}

// Begin makes a ledger beside a bundle that is in no store, if there is none.
func Begin(bundle string) error {
	abs, err := filepath.Abs(bundle)
	if err != nil {
		return err
	}
	l := besides(abs)
	f, err := os.OpenFile(l.File(""), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return err
	}
	atomicfile.Adopt(l.File(""))
	return atomicfile.SyncDir(l.Dir)
}

func besides(abs string) Ledger {
	return Ledger{Dir: filepath.Dir(abs), beside: filepath.Base(abs) + BesideSuffix}
}

var nameRE = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,126}$`)

// File is where the chain of a bundle goes on, by the bundle's name.
func (l Ledger) File(bundle string) string {
	return filepath.Join(l.Dir, cmp.Or(l.beside, bundle+".jsonl"))
}

// Walk is Walk of a bundle's later entries. There is no error if there are none.
func (l Ledger) Walk(bundle string, from Head, visit func(Entry) error) (Head, error) {
	f, err := openRegular(l.File(bundle))
	if errors.Is(err, fs.ErrNotExist) {
		return from, nil
	}
	if err != nil {
		return from, err
	}
	defer f.Close()
	return Walk(f, from, visit)
}

func openRegular(name string) (*os.File, error) {
	info, err := os.Lstat(name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a file", name)
	}
	return os.Open(name)
}

// Append adds an entry to a bundle's chain, and fsyncs it. from is where the bundle's own
// chain ends. A torn last line is left, ended, and named by the new one. A chain that is
// broken is not continued: the error is a *BrokenError.
func (l Ledger) Append(bundle string, from Head, e Entry) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("custody of %s: %w", bundle, err)
		}
	}()
	if !nameRE.MatchString(bundle) {
		return errors.New("not the name of a bundle")
	}
	unlock, err := l.lock()
	if err != nil {
		return err
	}
	defer unlock()
	w, err := l.walked(bundle, from)
	if err != nil {
		return err
	}
	e.Time = e.Time.UTC().Round(0)
	line, err := w.continued(e)
	if err != nil {
		return err
	}
	return l.write(l.File(bundle), line)
}

// walked has come to the end of a bundle's later entries, or to what is torn there.
func (l Ledger) walked(bundle string, from Head) (*walker, error) {
	f, err := openRegular(l.File(bundle))
	if errors.Is(err, fs.ErrNotExist) {
		return newWalker(nil, from, nil), nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	w := newWalker(f, from, nil)
	if err := w.walk(); err != nil && !errors.Is(err, ErrTorn) {
		return nil, err
	}
	return w, nil
}

func (l Ledger) write(name string, line []byte) (err error) {
	_, serr := os.Lstat(name)
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if _, err := f.Write(line); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if serr != nil {
		atomicfile.Adopt(name)
		return atomicfile.SyncDir(l.Dir)
	}
	return nil
}

func (l Ledger) lock() (unlock func(), err error) {
	if err := atomicfile.MkdirAll(l.Dir); err != nil {
		return nil, err
	}
	name := "lock"
	if l.beside != "" {
		name = "." + l.beside + ".lock" // the folder is somebody's own
	}
	return atomicfile.WaitLock(filepath.Join(l.Dir, name))
}
