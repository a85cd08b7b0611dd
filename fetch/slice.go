package fetch

import (
	"io"
	"os"
	"path/filepath"

	"rtmtgrab/internal/diskspace"
)

// OpenSlice returns the joined slice of a family out of a Grab's folder, each file up
// to the length that was written down for it. It changes nothing there, and another
// goroutine or process may be at work in it: what that adds, or gives up, meanwhile is
// not seen. No state, or none of that family, is an empty slice if the folder is there.
func OpenSlice(dir, family string) (io.ReadCloser, error) {
	if _, err := os.Stat(dir); err != nil {
		return nil, err
	}
	s, _, err := stateIn(dir).Load()
	if err != nil {
		return nil, err
	}
	f := s.family(family)
	for _, pc := range f.Pieces {
		if info, err := os.Stat(filepath.Join(dir, pc.File)); pc.Length > 0 && (err != nil || info.Size() < pc.Length) {
			pc.Length, pc.Cut = 0, 0 // as Grab.load does
		}
	}
	return f.open(dir)
}

// file is what slices are written to: a seam for the tests.
type file interface {
	io.WriterAt
	io.Closer
	Sync() error
	Truncate(int64) error
}

// sparing is a file that leaves the disk's reserve alone.
type sparing struct {
	file
	reserve *diskspace.Reserve
}

// WriteAt writes nothing if that would touch the reserve.
func (s sparing) WriteAt(b []byte, off int64) (int, error) {
	if err := s.reserve.Take(int64(len(b))); err != nil {
		return 0, err
	}
	return s.file.WriteAt(b, off)
}
