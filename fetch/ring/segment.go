package ring

import (
	"errors"
	"fmt"
	"os"
	"time"

	"rtmtgrab/internal/atomicfile"
)

// begin opens a segment unless one is under way.
func (s *segmentStore) begin(now time.Time) error {
	if s.idx != nil {
		return nil
	}
	s.num++
	seg := &storedSegment{num: s.num, began: now, last: now}
	var err error
	open := func(ext string) *os.File {
		name := segmentPath(s.dir, seg.num, ext)
		f, err2 := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		if err2 == nil {
			atomicfile.Adopt(name)
		}
		err = errors.Join(err, err2)
		return f
	}
	s.zst, s.idx, s.pos, s.described = open(".zst"), open(".idx"), 0, map[int64]bool{}
	s.segs = append(s.segs, seg)
	if err != nil {
		return s.failed(err)
	}
	return nil
}

// roll ends the segment under way if it is old or large enough.
func (s *segmentStore) roll(now time.Time, age time.Duration, size int64) error {
	if s.idx == nil {
		return nil
	}
	if cur := s.segs[len(s.segs)-1]; now.Sub(cur.began) < age && cur.bytes < size {
		return nil
	}
	err := errors.Join(s.zst.Sync(), s.idx.Sync(), atomicfile.SyncDir(s.dir))
	s.end()
	return err
}

// failed ends the segment under way, of which the end may be half written.
func (s *segmentStore) failed(err error) error {
	s.forget()
	s.end()
	return fmt.Errorf("write the ring: %w", err)
}

func (s *segmentStore) end() {
	for _, f := range []*os.File{s.zst, s.idx} {
		if f != nil {
			f.Close() // what is not written shows
		}
	}
	s.zst, s.idx = nil, nil
}

// drop removes the oldest segment. One that cannot be removed now, for someone reads
// it on Windows, stays and is tried again later.
func (s *segmentStore) drop() error {
	if len(s.segs) == 1 {
		s.end()
	}
	seg := s.segs[0]
	for _, ext := range []string{".idx", ".zst"} { // in this order: frames without entries are nothing
		if err := os.Remove(segmentPath(s.dir, seg.num, ext)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	s.segs = s.segs[1:]
	return nil
}
