// Package atomicfile writes files that are wholly there or not there: a
// temporary file beside the target is filled, fsynced, closed and renamed, then
// the folder is fsynced.
//
// It guarantees that after Write returned nil the contents survive a power cut,
// that after an error the old contents are untouched, and that what root writes
// for a service stays the service's. On Windows the fsync
// of the folder is skipped, and a rename or a removal that meets a sharing violation is
// tried again for 2 s. It does not know what it writes.
package atomicfile

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	"rtmtgrab/internal/access"
)

// PartSuffix ends the names of temporary files: leftovers of a crash, garbage.
const PartSuffix = ".part"

// Write replaces the file name (mode 0600) by what fill writes.
func Write(name string, fill func(io.Writer) error) (err error) {
	f, err := os.CreateTemp(filepath.Dir(name), filepath.Base(name)+".*"+PartSuffix)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			f.Close()
			os.Remove(f.Name())
		}
	}()
	if err := fill(f); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	give(f.Name(), name)
	return Rename(f.Name(), name)
}

// MkdirAll makes a folder (mode 0700) and those above it; what root makes belongs
// to the owner of the folder it is in. On Windows a folder in one that is open to
// others is closed to all but this user, SYSTEM and the Administrators.
func MkdirAll(dir string) error {
	if _, err := os.Stat(dir); err == nil {
		return nil
	}
	if parent := filepath.Dir(dir); parent != dir {
		if err := MkdirAll(parent); err != nil {
			return err
		}
	}
	err := access.Mkdir(dir)
	if errors.Is(err, os.ErrExist) {
		return nil
	}
	if err == nil {
		Adopt(dir)
	}
	return err
}

// WriteBytes is Write of contents that are at hand.
func WriteBytes(name string, b []byte) error {
	return Write(name, func(w io.Writer) error {
		_, err := w.Write(b)
		return err
	})
}

// Rename moves a finished file into place and makes the move durable.
func Rename(from, to string) error {
	if err := rename(from, to); err != nil {
		return err
	}
	return SyncDir(filepath.Dir(to))
}

func rename(from, to string) error {
	return patiently(func() error { return os.Rename(from, to) })
}

// RemoveAll is os.RemoveAll that waits for who holds a file of it open, as Rename does.
func RemoveAll(path string) error {
	return patiently(func() error { return os.RemoveAll(path) })
}

func patiently(do func() error) error {
	err := do()
	for deadline := time.Now().Add(2 * time.Second); err != nil && sharing(err) && time.Now().Before(deadline); {
		time.Sleep(50 * time.Millisecond) // a virus scanner or a reader on Windows
		err = do()
	}
	return err
}

func sharing(err error) bool {
	return runtime.GOOS == "windows" && (errors.Is(err, os.ErrPermission) || isSharingViolation(err))
}

// SyncDir makes the entries of a folder durable. Some file systems, shares above all, cannot
// fsync a folder: there what was renamed is as durable as it gets.
func SyncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	if err := d.Sync(); err != nil && !unsyncable(err) {
		return err
	}
	return nil
}

func unsyncable(err error) bool {
	return errors.Is(err, syscall.EINVAL) || errors.Is(err, errors.ErrUnsupported)
}
