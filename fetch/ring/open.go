package ring

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/klauspost/compress/zstd"

	"rtmtgrab/fetch/hostconn"
	"rtmtgrab/fetch/logset"
)

// A Log is one family's part of a ring, open for reading. A writer in another
// process may go on meanwhile, and remove what is the oldest: what is open stays.
type Log struct {
	segs    []*segment // the oldest first
	entries []Entry    // in order of N
	files   map[int64]*knownFile
}

// segment is a pair of files: NNNNNN.zst and NNNNNN.idx.
type segment struct {
	num   int
	zst   *os.File // nil: it is missing
	bytes int64    // of both
}

type Entry struct {
	indexLine
	seg *segment
	bad bool // of a frame: its bytes are not what they were, or its file is not known
}

// segmentNumbers lists the segments of a folder, in order. A folder that is not
// there has none.
func segmentNumbers(dir string) ([]int, error) {
	names, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var nums []int
	for _, d := range names {
		name, ok := strings.CutSuffix(d.Name(), ".idx")
		if !ok {
			name, ok = strings.CutSuffix(d.Name(), ".zst")
		}
		if n, err := strconv.Atoi(name); ok && err == nil && n > 0 && len(name) >= 6 && d.Type().IsRegular() {
			nums = append(nums, n)
		}
	}
	slices.Sort(nums)
	return slices.Compact(nums), nil
}

func segmentPath(dir string, num int, ext string) string {
	return filepath.Join(dir, fmt.Sprintf("%06d%s", num, ext))
}

// Open reads the indexes of one family. Close it.
func Open(dir string) (*Log, error) {
	nums, err := segmentNumbers(dir)
	if err != nil {
		return nil, fmt.Errorf("read the ring: %w", err)
	}
	l := &Log{files: map[int64]*knownFile{}}
	for _, num := range nums {
		if err := l.add(dir, num); err != nil {
			l.Close()
			return nil, fmt.Errorf("read the ring: %w", err)
		}
	}
	slices.SortStableFunc(l.entries, func(a, b Entry) int { return cmp.Compare(a.N, b.N) })
	for i := range l.entries { // nobody can tell of which file they are
		if e := &l.entries[i]; e.Frame != nil && l.files[e.Frame.File] == nil {
			e.bad = true
		}
	}
	return l, nil
}

// add opens one segment. A part that is not there was removed meanwhile, or is
// missing: then its entries are, too, and that shows.
func (l *Log) add(dir string, num int) error {
	idx, err := os.Open(segmentPath(dir, num, ".idx"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer idx.Close()
	s := &segment{num: num}
	s.zst, err = os.Open(segmentPath(dir, num, ".zst"))
	if _, gone := os.Stat(idx.Name()); errors.Is(err, fs.ErrNotExist) && gone != nil {
		return nil // the writer has removed both just now
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	l.segs = append(l.segs, s)
	entries := readEntries(idx) // before the size is looked at: frames come first
	var size int64
	if s.zst != nil {
		info, err := s.zst.Stat()
		if err != nil {
			return err
		}
		size = info.Size()
	}
	s.bytes = size
	if info, err := idx.Stat(); err == nil {
		s.bytes += info.Size()
	}
	for _, e := range entries {
		l.entries = append(l.entries, Entry{indexLine: e, seg: s, bad: e.Frame != nil && e.Frame.Pos+e.Frame.Packed > size})
		if e.File != nil {
			l.files[e.File.ID] = e.File
		}
	}
	return nil
}

// Empty reports whether there is nothing in the ring.
func (l *Log) Empty() bool { return len(l.entries) == 0 }

// Last is the number of the last entry.
func (l *Log) Last() int64 { return l.entries[len(l.entries)-1].N }

// Clock is the host's clock as it was measured last.
func (l *Log) Clock() (c logset.Clock) {
	for _, e := range l.entries {
		if e.Seen != nil && e.Seen.Clock != nil {
			c = logset.Clock{Offset: *e.Seen.Clock, Doubt: min(e.Seen.Doubt, logset.UnknownClock), Known: true}
		}
	}
	return c
}

// Close closes the segments.
func (l *Log) Close() {
	for _, s := range l.segs {
		if s.zst != nil {
			s.zst.Close()
		}
	}
}

var ErrDamaged = errors.New("a frame of the ring is damaged")

// Unpacker gives back the contents of frames, in memory of its own that is bounded.
type Unpacker struct {
	dec         *zstd.Decoder
	packed, out []byte
}

func NewUnpacker() (*Unpacker, error) {
	dec, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxMemory(maxFrame), zstd.WithDecoderMaxWindow(maxFrame))
	return &Unpacker{dec: dec}, err
}

// Unpack reads the bytes of a frame and proves them; they are valid until the next call.
// A frame that cannot be read is bad from then on.
func (u *Unpacker) Unpack(e *Entry) (b []byte, err error) {
	defer func() { e.bad = e.bad || errors.Is(err, ErrDamaged) }()
	f := e.Frame
	if e.bad || e.seg.zst == nil {
		return nil, ErrDamaged
	}
	u.packed = slices.Grow(u.packed[:0], int(f.Packed))[:f.Packed]
	if err := hostconn.ReadFull(e.seg.zst, u.packed, f.Pos); err != nil {
		if errors.Is(err, hostconn.ErrShort) {
			err = ErrDamaged
		}
		return nil, err
	}
	out, err := u.dec.DecodeAll(u.packed, u.out[:0])
	u.out = out
	if sum := sha256.Sum256(out); err != nil || int64(len(out)) != f.Length || !bytes.Equal(sum[:], f.SHA256) {
		return nil, ErrDamaged
	}
	return out, nil
}

func (u *Unpacker) Close() { u.dec.Close() }
