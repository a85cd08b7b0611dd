package logset

import (
	"bytes"
	"cmp"
	"errors"
	"io"
	"slices"
	"time"

	"rtmtgrab/fetch/hostconn"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/expressway"
)

const (
	// disorder is by how much a record may be older than one before it.
	Disorder = 5 * time.Second
	// probeReach is how far ahead of a probe a record is looked for.
	ProbeReach = 256 << 10
	probeStep  = 16 << 10
	gridSize   = 8
	cell       = 64 << 10  // a stretch that is read instead of searched further
	stretch    = 256 << 10 // what is read at once where records are read one after the other
	maxProbes  = 600       // more than the halving of any file takes
)

// How far a log is read record by record: at either end of the window, where many records
// have the same time, and where times contradict each other. Variables for the tests.
var (
	edgeMost int64 = 64 << 20
	scanMost int64 = 256 << 20
)

// linearBelow is the size up to which a file is read whole instead of searched:
// one round trip costs about as much. A variable for the tests.
var linearBelow int64 = 1 << 20

// An Extent is the part of one file that holds the records of a window.
type Extent struct {
	Size     int64 // of the file as it was searched
	From, To int64 // whole records; from == to is none
	FirstAt  int64 // offset of the first record, size if there is none
	First    time.Time
	Last     time.Time       // time of the last record in the file
	Stepped  bool            // times contradict each other: a clock was set
	Holes    []evidence.Span // stretches of over probeReach without a record; a zero Until is the file's end
}

// Empty reports whether there is no record of the window.
func (e Extent) Empty() bool { return e.From == e.To }

// WithPreamble is the range to copy. The bytes before a file's first record end
// the last record of the file before: they go where that record goes, which carry says.
func (e *Extent) WithPreamble(carry bool) (from, to int64) {
	switch {
	case e.FirstAt == 0 || !carry || e.FirstAt > ProbeReach:
		return e.From, e.To
	case e.Empty():
		return 0, e.FirstAt
	case e.From == e.FirstAt:
		return 0, e.To
	}
	return e.From, e.To
}

// Carries reports whether the record with which the file ends belongs to the window;
// carry says it of the file before.
func (e *Extent) Carries(carry bool) bool {
	return carry && e.FirstAt == e.Size && e.Empty() || !e.Empty() && e.To == e.Size
}

// point is a record start that was seen.
type point struct {
	off  int64
	t    time.Time
	nuls int64 // NUL bytes passed since the record before it, in a scan
}

// Locate finds the byte range of a window in the first size bytes of a log.
//
// Guaranteed for records up to 5 s out of order: every record whose time is in
// the window is in the range, and what else is in it lies at most 5 s outside.
// Probes that contradict each other cause a linear scan, and then the range runs
// from the first to the last record of the window.
//
// However large the file says it is, little more than scanMost is read of it: then the
// scan is of the part whose times are nearest to the window, and the rest a hole that is
// too large. Where over edgeMost of records stand at an end of the window all of those are
// taken that are at most 5 s outside.
func Locate(r io.ReaderAt, size int64, w evidence.Window, ref expressway.Ref) (Extent, error) {
	return locateFrom(r, -1, size, w, ref)
}

// locateFrom is Locate for a log before whose offset base there are NULs; negative: that is
// not known.
func locateFrom(r io.ReaderAt, base, size int64, w evidence.Window, ref expressway.Ref) (_ Extent, err error) {
	if size <= linearBelow {
		return scan(r, 0, size, w, ref)
	}
	if base < 0 {
		if base, err = leadingNULs(r, size); err != nil {
			return Extent{}, err
		}
	}
	s := &search{r: r, base: base, size: size, w: w, ref: ref}
	e, err := s.locate()
	if errors.Is(err, errContradict) {
		return s.scanNear()
	}
	return e, err
}

// errContradict says that a search leads nowhere.
var errContradict = errors.New("the times contradict each other")

// locate is Locate by search.
func (s *search) locate() (e Extent, err error) {
	points, err := s.grid()
	if err != nil {
		return e, err
	}
	if points, err = s.earliest(points); err != nil {
		return e, err
	}
	if len(points) < 2 || contradict(points) {
		return e, errContradict
	}
	e = Extent{Size: s.size, FirstAt: points[0].off, First: points[0].t}
	start, end, err := s.edges(points)
	if err != nil {
		return e, err
	}
	if e.From, e.To, err = s.ends(start, end); err != nil {
		return e, err
	}
	slices.SortFunc(s.seen, func(a, b point) int { return int(min(max(a.off-b.off, -1), 1)) })
	if contradict(s.seen) {
		return e, errContradict
	}
	e.Last = s.seen[len(s.seen)-1].t
	e.Holes = s.holes
	return e, nil
}

func contradict(points []point) bool {
	var latest time.Time
	for _, p := range points {
		if p.t.Before(latest.Add(-Disorder)) {
			return true
		}
		if p.t.After(latest) {
			latest = p.t
		}
	}
	return false
}

// search looks for the two ends of a window by probes.
type search struct {
	r     io.ReaderAt
	base  int64 // before it are NULs
	size  int64
	w     evidence.Window
	ref   expressway.Ref
	seen  []point
	holes []evidence.Span
	spent int   // probes
	reach int64 // of a probe; 0: ProbeReach
}

// probe returns the first record that starts at or after off and within
// probeReach, or false.
func (s *search) probe(off int64) (point, bool, error) {
	var p point
	found := false
	from := max(off-1, 0) // a line that starts at off is seen by the line end before it
	var b []byte
	if s.spent++; s.spent > maxProbes {
		return p, false, errContradict
	}
	for reach := int64(probeStep); !found; reach *= 4 {
		had, end := int64(len(b)), min(from+reach, s.size)
		b = append(b, make([]byte, end-from-had)...)
		if err := hostconn.ReadFull(s.r, b[had:], from+had); err != nil {
			return p, false, err
		}
		p, found = firstHead(b, from, end == s.size, s.ref)
		if end == s.size || reach >= cmp.Or(s.reach, ProbeReach) || nulsOnly(b[len(b)/2:]) {
			break // a hole of NULs may be long, and is not looked through at many places
		}
	}
	if found {
		s.seen = append(s.seen, p)
	}
	return p, found, nil
}

// grid probes the file at even distances, and its end, at once: a first map of
// its times, sorted by offset.
func (s *search) grid() ([]point, error) {
	offs := make([]int64, gridSize+1)
	for i := range offs {
		offs[i] = s.base + (s.size-s.base)/gridSize*int64(i)
	}
	offs[gridSize] = max(s.size-cell, s.base)
	points, _, err := s.probes(offs, ProbeReach)
	return points, err
}

// probes probes at several offsets at once, which are sorted, and returns the records that
// were found, each once, and where none was within reach.
func (s *search) probes(offs []int64, reach int64) (points []point, voids []int64, err error) {
	type hit struct {
		p   point
		ok  bool
		err error
	}
	if s.spent += len(offs); s.spent > maxProbes {
		return nil, nil, errContradict
	}
	hits := make([]hit, len(offs))
	hostconn.Each(len(offs), len(offs), func(i int) {
		probe := &search{r: s.r, size: s.size, ref: s.ref, reach: reach}
		hits[i].p, hits[i].ok, hits[i].err = probe.probe(offs[i])
	})
	for i, h := range hits {
		switch {
		case h.err != nil:
			return nil, nil, h.err
		case !h.ok:
			voids = append(voids, offs[i])
		case len(points) == 0 || points[len(points)-1].off < h.p.off:
			points = append(points, h.p)
		}
	}
	s.seen = append(s.seen, points...)
	return points, voids, nil
}

func nulsOnly(b []byte) bool { return len(bytes.TrimLeft(b, "\x00")) == 0 }

// earliest puts the first record before points, if a stretch without one, such as
// the rest of a very long record of the file before, hid it from the grid.
func (s *search) earliest(points []point) ([]point, error) {
	if len(points) == 0 {
		return points, nil
	}
	lo := s.base
	for first := points[0]; first.off-lo > cell; {
		mid := lo + (first.off-lo)/2
		p, ok, err := s.probe(mid)
		switch {
		case err != nil:
			return nil, err
		case ok && p.off < first.off:
			first = p
			points = slices.Insert(points, 0, p)
		default:
			lo = mid
		}
	}
	return points, nil
}
