package logset

import (
	"slices"

	"rtmtgrab/fetch/hostconn"
)

// A Break is a place between two held files where others may have come and gone.
type Break struct {
	Before, After *File
	round         int
}

// findBreaks looks for files that came and went unseen. Of the files held before
// this listing the newest must still be in the folder: then whatever is newer is
// there too, for the oldest go first. If it is gone, what was written between it
// and the oldest of the new files may be gone as well.
func (s *Set) findBreaks(round int, entries []hostconn.Entry) {
	before := s.newestBefore(round)
	if before == nil || before.listed == round {
		return
	}
	others := slices.DeleteFunc(slices.Clone(entries), func(e hostconn.Entry) bool { // of the same size and second, and new
		return slices.ContainsFunc(s.Files, func(f *File) bool { return f.born == round && f.Name == e.Name })
	})
	if before.among(others) {
		return
	}
	if after := s.oldestSince(round, before); after != nil {
		s.Breaks = append(s.Breaks, Break{before, after, round})
	}
}

// newestBefore is the newest of the files that were held before a round.
func (s *Set) newestBefore(round int) (newest *File) {
	for _, f := range s.Files {
		if f.born < round && (newest == nil || filesInTime(newest, f) < 0) {
			newest = f
		}
	}
	return newest
}

// oldestSince is the oldest of the files that were held in a round and are newer than
// another.
func (s *Set) oldestSince(round int, than *File) (oldest *File) {
	for _, f := range s.Files {
		if f.born == round && !f.First.IsZero() && filesInTime(than, f) < 0 && (oldest == nil || filesInTime(f, oldest) < 0) {
			oldest = f
		}
	}
	return oldest
}

// among reports whether a listing shows the held file under some name that was
// not opened: by what it was when it was last looked at, by what it is now, or by
// something in between.
func (f *File) among(entries []hostconn.Entry) bool {
	size, mtime, err := f.Handle.Stat()
	return err == nil && slices.ContainsFunc(entries, func(e hostconn.Entry) bool {
		return e.Size >= f.Size && e.Size <= size && !e.MTime.Before(f.MTime) && !e.MTime.After(mtime)
	})
}
