package ring

import (
	"crypto/sha256"
	"os"
	"slices"
	"time"

	"github.com/klauspost/compress/zstd"

	"rtmtgrab/fetch/hostconn"
	"rtmtgrab/fetch/logset"
	"rtmtgrab/internal/atomicfile"
	"rtmtgrab/internal/diskspace"
	"rtmtgrab/internal/expressway"
)

const (
	segments    = 16 // into which a ring's depth or size is divided
	flushFrames = 4  // frames that are written at once
)

// A segmentStore writes one family's segments. After an error what was not flushed is
// forgotten, and the next write begins a segment.
type segmentStore struct {
	dir   string
	enc   *zstd.Encoder
	write func(*os.File, []byte) (int, error) // tests; nil: as it is

	reserve *diskspace.Reserve // of the disk; nil: there is none

	n     int64 // of the last entry
	num   int   // of the last segment
	id    int64 // of the last file: none is given twice
	files []*knownFile
	segs  []*storedSegment // the oldest first, the last one may be under way

	idx, zst  *os.File
	described map[int64]bool // files that the segment under way describes as they are
	pos       int64          // where the next frame stands in zst

	pending []indexLine // frames that are packed and not written
	packed  []byte      // them
}

// storedSegment is a segment on disk.
type storedSegment struct {
	num         int
	bytes       int64
	began, last time.Time // by the collector's clock
}

// open takes up what is on disk. A new segment is begun with the first write.
func (s *segmentStore) open(now time.Time) (*Log, error) {
	if err := atomicfile.MkdirAll(s.dir); err != nil {
		return nil, err
	}
	l, err := Open(s.dir)
	if err != nil {
		return nil, err
	}
	l.Close() // its frames are not needed
	nums, err := segmentNumbers(s.dir)
	if err != nil {
		return nil, err
	}
	for _, num := range nums { // orphans of a removal too
		seg := &storedSegment{num: num}
		s.num = num
		for _, ext := range []string{".zst", ".idx"} {
			if info, err := os.Stat(segmentPath(s.dir, num, ext)); err == nil {
				seg.bytes += info.Size()
				seg.last = latest(seg.last, info.ModTime())
			}
		}
		seg.began = seg.last
		s.segs = append(s.segs, seg)
	}
	for _, e := range l.entries {
		s.n = max(s.n, e.N)
		switch {
		case e.File != nil:
			s.id = max(s.id, e.File.ID)
		case e.Frame != nil: // its file may not be known
			s.id = max(s.id, e.Frame.File)
		case e.Seen != nil:
			s.id = max(s.id, e.Seen.Newest)
		}
		if f := e.Frame; f != nil && !e.bad && l.files[f.File] != nil && f.end() > l.files[f.File].End {
			l.files[f.File].End, l.files[f.File].NL = f.end(), f.NL
		}
	}
	for _, f := range l.files {
		f.used = now
		s.files = append(s.files, f)
	}
	return l, nil
}

// file is the ring's file with the head of h, nil if there is none.
func (s *segmentStore) file(h *logset.File) *knownFile {
	for _, f := range s.files {
		if n := min(len(f.Head), len(h.Head)); n >= hostconn.TinyHead && f.At == h.At && string(f.Head[:n]) == string(h.Head[:n]) {
			return f
		}
	}
	return nil
}

// describe makes a file known, or brings what is known of it up to date.
func (s *segmentStore) describe(f *knownFile, h *logset.File, now time.Time) *knownFile {
	if f == nil {
		s.id++
		f = &knownFile{ID: s.id, At: h.At}
		s.files = append(s.files, f)
	}
	if len(h.Head) > len(f.Head) || f.Name != h.Name || !h.First.IsZero() && !f.First.Equal(h.First) {
		f.Name = h.Name
		if len(h.Head) > len(f.Head) {
			f.Head = h.Head
		}
		if !h.First.IsZero() {
			f.First = h.First
		}
		delete(s.described, f.ID)
	}
	f.used = now
	return f
}

// add packs b, which stands at off of f. It is on disk after flush.
func (s *segmentStore) add(f *knownFile, h *logset.File, off int64, b []byte, ref expressway.Ref) {
	bol := off == 0 || f.NL && off == f.End
	if n := len(s.pending); n > 0 && s.pending[n-1].Frame.File == f.ID && s.pending[n-1].Frame.end() == off {
		bol = s.pending[n-1].Frame.NL
	}
	sum := sha256.Sum256(b)
	fr := &Frame{File: f.ID, Offset: off, Length: int64(len(b)), SHA256: sum[:], Size: h.Size, MTime: h.MTime.UTC(), BOL: bol, NL: b[len(b)-1] == '\n'}
	fr.First, fr.Last = timesOf(b, bol, ref)
	was := len(s.packed)
	s.packed = s.enc.EncodeAll(b, s.packed)
	fr.Pos, fr.Packed = int64(was), int64(len(s.packed)-was)
	s.pending = append(s.pending, indexLine{Frame: fr})
}

// forget drops what was added and not flushed.
func (s *segmentStore) forget() { s.pending, s.packed = nil, nil }

// flush writes what was added: the frames, then their entries. They are synced when
// the segment ends: what a power cut takes shows by sums and numbers, and a sync every
// few seconds for each family of each host would stand in the way of incidents.
func (s *segmentStore) flush(now time.Time) error {
	if len(s.pending) == 0 {
		return nil
	}
	defer s.forget()
	if err := s.begin(now); err != nil {
		return err
	}
	pos := s.pos
	s.pos += int64(len(s.packed))
	if err := s.put(s.zst, s.packed); err != nil {
		return s.failed(err)
	}
	var list []indexLine
	for _, e := range s.pending {
		e.Frame.Pos += pos
		f := s.byID(e.Frame.File)
		if !s.described[f.ID] {
			s.described[f.ID] = true
			list = append(list, indexLine{File: f})
		}
		list = append(list, e)
	}
	if err := s.enter(now, list...); err != nil {
		return err
	}
	for _, e := range s.pending {
		f := s.byID(e.Frame.File)
		f.End, f.NL = max(f.End, e.Frame.end()), e.Frame.NL
	}
	return nil
}

func (s *segmentStore) byID(id int64) *knownFile {
	i := slices.IndexFunc(s.files, func(f *knownFile) bool { return f.ID == id })
	return s.files[i]
}

// enter appends entries to the index of the segment under way.
func (s *segmentStore) enter(now time.Time, list ...indexLine) error {
	var b []byte
	for i := range list {
		s.n++ // used up even if it is not written: then it shows that something is missing
		list[i].N = s.n
		line, err := list[i].encode()
		if err != nil {
			return s.failed(err)
		}
		b = append(b, line...)
	}
	if err := s.put(s.idx, b); err != nil {
		return s.failed(err)
	}
	s.segs[len(s.segs)-1].last = now
	return nil
}

// seen notes what is in the ring whole. newest is the file to go on from after a restart.
func (s *segmentStore) seen(now time.Time, newest *knownFile, seen seen) error {
	if err := s.begin(now); err != nil {
		return err
	}
	var list []indexLine
	if newest != nil {
		if seen.Newest = newest.ID; !s.described[newest.ID] {
			s.described[newest.ID] = true
			list = append(list, indexLine{File: newest})
		}
	}
	return s.enter(now, append(list, indexLine{Seen: &seen})...)
}

func (s *segmentStore) put(f *os.File, b []byte) (err error) {
	if err := s.reserve.Take(int64(len(b))); err != nil {
		return err
	}
	n := 0
	if s.write != nil {
		n, err = s.write(f, b)
	} else {
		n, err = f.Write(b)
	}
	s.segs[len(s.segs)-1].bytes += int64(n)
	return err
}

// timesOf are the earliest and the latest time of the records that begin in b.
func timesOf(b []byte, bol bool, ref expressway.Ref) (first, last time.Time) {
	if !bol {
		b = b[expressway.LineBreak(b)+1:] // all of it if there is none: harmless, for no line begins there
	}
	lines := expressway.LinesOf(b, 0, ref)
	for {
		line, err := lines.Next()
		if err != nil {
			return first.UTC(), last.UTC()
		}
		if line.Head {
			if first.IsZero() || line.Time.Before(first) {
				first = line.Time
			}
			last = latest(last, line.Time)
		}
	}
}

func latest(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
