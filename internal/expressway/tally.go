package expressway

import (
	"errors"
	"io"
	"time"
)

// A Tally is what the lines and stamps of a stretch of records tell: all that coverage
// needs of them. What the records say is a Survey's to read.
type Tally struct {
	Records     int64
	First, Last time.Time // least and greatest record time; zero without records
	Holes       []Hole

	nuls   int64 // NUL bytes since the last record began
	latest time.Time
}

// A Hole is a stretch of NUL bytes between two records, as a crash leaves it.
type Hole struct{ After, Before time.Time } // times of the records around it; Before is zero at the end

// HoleSize is from how many NUL bytes on a stretch counts as a hole: a crash loses whole
// blocks of a file system. Fewer are part of a record.
const HoleSize = 4 << 10

// maxHoles bounds what is remembered of holes: what comes after them is one with the last.
const maxHoles = 1000

// Add counts one family's slice.
func (t *Tally) Add(r io.Reader, ref Ref) error { return t.count(r, ref, func(Line) {}) }

// count reads lines to the end of r, and has each seen after it was counted.
func (t *Tally) count(r io.Reader, ref Ref, see func(Line)) error {
	lines := NewLineReader(r, 0, ref)
	for {
		line, err := lines.Next()
		if errors.Is(err, io.EOF) {
			t.hole(time.Time{})
			return nil
		}
		if err != nil {
			return err
		}
		switch {
		case line.Head:
			t.record(line.Time)
		case line.NUL():
			t.nuls += line.Length
		}
		see(line)
	}
}

// record counts a record of that time.
func (t *Tally) record(at time.Time) {
	t.hole(at)
	t.latest = at
	t.Records++
	if t.First.IsZero() || at.Before(t.First) {
		t.First = at
	}
	if at.After(t.Last) {
		t.Last = at
	}
}

// hole ends a run of NULs at a record of that time.
func (t *Tally) hole(before time.Time) {
	switch {
	case t.nuls < HoleSize || t.latest.IsZero():
	case len(t.Holes) < maxHoles:
		t.Holes = append(t.Holes, Hole{t.latest, before})
	default:
		t.Holes[maxHoles-1].Before = before
	}
	t.nuls = 0
}
