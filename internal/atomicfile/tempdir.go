package atomicfile

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/gofrs/flock"

	"rtmtgrab/internal/access"
)

const (
	dirLock = "lock"    // in a TempDir: while it is held somebody uses the folder
	ageless = time.Hour // after which one without a lock is nobody's: earlier versions made none
)

// TempDir makes a folder (mode 0700) for what is needed for a while only, dir/<name>-*.part,
// and removes those of that name that nobody uses any more: what a killed process left.
// remove takes the folder away; the error says what could not be removed.
func TempDir(dir, name string) (path string, remove func() error, err error) {
	sweep(dir, name)
	for range 10 { // another process may just have taken ours for a leftover
		if path, err = MkdirTemp(dir, name+"-*"+PartSuffix); err != nil {
			return "", nil, err
		}
		lock := flock.New(filepath.Join(path, dirLock), flock.SetPermissions(0o600))
		ok, lerr := lock.TryLock()
		if ok && lerr == nil {
			return path, func() error { return errors.Join(lock.Unlock(), RemoveAll(path)) }, nil
		}
		lock.Close()
		os.RemoveAll(path)
		err = fmt.Errorf("lock %s: %w", path, errors.Join(lerr, fs.ErrExist))
	}
	return "", nil, err
}

// MkdirTemp is os.MkdirTemp of a folder that is closed on Windows too, as those of MkdirAll are.
func MkdirTemp(dir, pattern string) (string, error) {
	if dir == "" {
		dir = os.TempDir()
	}
	before, after, _ := strings.Cut(pattern, "*")
	for n := 1; ; n++ {
		path := filepath.Join(dir, before+strconv.FormatUint(uint64(rand.Uint32()), 10)+after)
		if err := access.Mkdir(path); !errors.Is(err, fs.ErrExist) || n == 10_000 {
			return path, err
		}
	}
}

// Sweep removes from dir what killed processes left of the folders that TempDir makes, under
// whatever name.
func Sweep(dir string) { sweep(dir, "") }

// sweep removes leftovers of a name; "": of all. What cannot be removed is left for the next time.
func sweep(dir, name string) {
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		if e.IsDir() && (name == "" && strings.Contains(e.Name(), "-") || name != "" && strings.HasPrefix(e.Name(), name+"-")) && strings.HasSuffix(e.Name(), PartSuffix) {
			removeUnused(filepath.Join(dir, e.Name()))
		}
	}
}

// removeUnused gives the folder another name first: who has just made it, and has no lock
// yet, then sees that it is gone.
func removeUnused(path string) {
	file := filepath.Join(path, dirLock)
	switch st, err := os.Lstat(file); {
	case errors.Is(err, fs.ErrNotExist):
		if st, err := os.Lstat(path); err != nil || time.Since(st.ModTime()) < ageless {
			return
		}
	case err != nil || !st.Mode().IsRegular():
		return
	default:
		lock := flock.New(file)
		if ok, err := lock.TryLock(); err != nil || !ok {
			return
		}
		lock.Unlock() // Windows renames no folder with an open file in it
	}
	gone := strings.TrimSuffix(path, PartSuffix) + "-gone" + PartSuffix
	if rename(path, gone) == nil {
		os.RemoveAll(gone)
	}
}
