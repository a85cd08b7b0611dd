package atomicfile

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"sync"
)

// A Batch replaces many files for the price of few: they are fsynced side by side,
// which disks and file systems join, and each folder is fsynced once. After Commit
// returned nil the contents of all survive a power cut. Until then, and after an
// error, some files may be replaced and others not, but each is whole; a folder's
// files are not replaced before those of the folders that came before it are
// durable. The zero value is ready. It is not for concurrent use.
type Batch struct {
	parts []part

	syncFile func(name string) error // tests; nil: fsync
	syncDir  func(name string) error // the same
}

type part struct{ temp, name string }

// batchWorkers is how many files are fsynced at once.
const batchWorkers = 32

// Len is how many files wait for Commit.
func (b *Batch) Len() int { return len(b.parts) }

// WriteFirst is Write of a file that is in place before those that were prepared without it,
// and durable if its folder is another than theirs.
func (b *Batch) WriteFirst(name string, contents []byte) error {
	if err := b.Write(name, contents); err != nil {
		return err
	}
	last := len(b.parts) - 1
	b.parts = slices.Insert(b.parts[:last], 0, b.parts[last])
	return nil
}

// Write prepares the file name (mode 0600).
func (b *Batch) Write(name string, contents []byte) (err error) {
	f, err := os.CreateTemp(filepath.Dir(name), filepath.Base(name)+".*"+PartSuffix)
	if err != nil {
		return err
	}
	_, err = f.Write(contents)
	if err = errors.Join(err, f.Close()); err != nil {
		os.Remove(f.Name())
		return err
	}
	give(f.Name(), name)
	b.parts = append(b.parts, part{f.Name(), name})
	return nil
}

// Commit puts all files in place. The Batch is empty afterwards; what an error kept
// from its place is removed.
func (b *Batch) Commit() error {
	parts := b.parts
	b.parts = nil
	err := b.flush(parts)
	for err == nil && len(parts) > 0 {
		dir := filepath.Dir(parts[0].name)
		n := 0
		parts = slices.DeleteFunc(parts, func(p part) bool {
			if err != nil || filepath.Dir(p.name) != dir {
				return false
			}
			err = rename(p.temp, p.name)
			n++
			return err == nil
		})
		if err == nil {
			err = or(b.syncDir, SyncDir)(dir)
		}
	}
	for _, p := range parts {
		os.Remove(p.temp) // garbage: the next start removes it
	}
	return err
}

// Drop forgets what was prepared.
func (b *Batch) Drop() { b.Cut(0) }

// Cut forgets what was prepared after the first n files.
func (b *Batch) Cut(n int) {
	for len(b.parts) > n {
		last := len(b.parts) - 1
		os.Remove(b.parts[last].temp) // garbage: the next start removes it
		b.parts = b.parts[:last]
	}
}

// flush fsyncs all files.
func (b *Batch) flush(parts []part) error {
	errs := make([]error, min(batchWorkers, len(parts)))
	var wg sync.WaitGroup
	for w := range errs {
		wg.Go(func() {
			for i := w; i < len(parts) && errs[w] == nil; i += len(errs) {
				errs[w] = or(b.syncFile, syncFile)(parts[i].temp)
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

func syncFile(name string) error {
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

func or(test, real func(string) error) func(string) error {
	if test != nil {
		return test
	}
	return real
}
