package fetch

import (
	"cmp"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"rtmtgrab/fetch/logset"
	"rtmtgrab/internal/evidence"
)

// family is what was got of one family. Times are the collector's.
type family struct {
	name      string
	Seq       int               `json:"seq"`
	Pieces    []*extent         `json:"pieces"`
	Covered   []evidence.Window `json:"covered"`
	Gaps      []evidence.Span   `json:"gaps"` // found at the last pass; a later one may fill them
	Lost      []evidence.Span   `json:"lost"` // for good
	Absent    bool              `json:"absent"`
	Empty     bool              `json:"empty"`
	NoRecords bool              `json:"no_records"`
	Retention *logset.Retention `json:"foresight,omitempty"`
	Ring      []evidence.Window `json:"ring,omitempty"`     // as Covered, by what the ring had
	RingBad   bool              `json:"ring_bad,omitempty"` // the ring was found not to agree with the host
	Lent      []evidence.Window `json:"lent,omitempty"`     // as Covered, by what came of other collectors

	Suspects []suspect `json:"suspects,omitempty"`

	sure []*extent // Pieces without what is in doubt; nil: nothing is
}

// of lists what is on disk of a file in the order of the offsets.
func (f *family) of(file *logset.Info) []*extent {
	var out []*extent
	for _, e := range f.Pieces {
		if e.owner == file || e.isOf(file) {
			out = append(out, e)
		}
	}
	slices.SortStableFunc(out, func(a, b *extent) int { return cmp.Compare(a.Offset, b.Offset) })
	return out
}

// lack is a part of a file that is not on disk.
type lack struct {
	from, to int64
	extent   *extent // ends at from; nil: none
}

// lacking lists the parts of [from, to) of a file that are not on disk, and the
// extent of the same origin that each of them continues.
func (f *family) lacking(file *logset.Info, origin string, from, to int64) (parts []lack) {
	var last *extent
	for _, e := range f.of(file) {
		if e.Length == 0 {
			continue
		}
		if e.Offset > from && from < to {
			parts = append(parts, lack{from, min(e.Offset, to), last})
		}
		if end := e.end(); end >= from {
			from, last = end, e
			if e.From != origin || e.By != "" {
				last = nil // a source of its own
			}
		}
	}
	if from < to {
		parts = append(parts, lack{from, to, last})
	}
	return parts
}

// wholeTo notes that records of a file end at to, all of which is on disk: what was cut off before it
// is a whole record by now.
func (f *family) wholeTo(file *logset.Info, to int64) {
	for _, e := range f.of(file) {
		if to <= e.end() && to > e.Offset+e.whole() {
			e.Cut = e.end() - to
		}
	}
}

// missingOf is how many bytes of what is wanted of a file are not on disk.
func (f *family) missingOf(file *logset.File) (n int64) {
	if file.Found == nil {
		return file.Size
	}
	for _, l := range f.lacking(&file.Info, "", file.Found.From, file.Found.To) {
		n += l.to - l.from
	}
	return n
}

// seen brings the description of what is on disk of a file up to date.
func (f *family) seen(file *logset.Info) {
	for _, e := range f.of(file) {
		e.Name, e.Size, e.MTime, e.First, e.owner = file.Name, file.Size, file.MTime, file.First, file
		if len(file.Head) > len(e.Head) {
			e.Head = file.Head
		}
	}
}

// asHost notes that the host was seen to have just what is on disk of a file: what
// the ring gave of it ends where the host's file ends.
func (f *family) asHost(file *logset.Info) {
	for _, e := range f.of(file) {
		e.Open = false
	}
}

// sorted lists the extents that hold whole records in time order, each part of a file once.
func (f *family) sorted() []*extent {
	var out []*extent
	for _, e := range f.Pieces {
		if e.whole() > 0 {
			out = append(out, e)
		}
	}
	slices.SortStableFunc(out, func(a, b *extent) int {
		if c := logset.InTime(a.info(), b.info()); c != 0 {
			return c
		}
		return cmp.Or(cmp.Compare(a.Offset, b.Offset), cmp.Compare(b.whole(), a.whole()))
	})
	return once(out)
}

// once leaves out of sorted extents what another one of the same file has: where files begin alike, what there was of
// several that had only been begun is known as the beginning of one.
func once(sorted []*extent) []*extent {
	kept := sorted[:0]
	for _, e := range sorted {
		double := false
		for i := len(kept) - 1; i >= 0 && !double && logset.InTime(kept[i].info(), e.info()) == 0; i-- {
			double = kept[i].hasAllOf(e)
		}
		if !double {
			kept = append(kept, e)
		}
	}
	return kept
}

// cover notes that all records of w, in the host's time, that lie in asked are
// on disk.
func (f *family) cover(w, asked evidence.Window, offset time.Duration) {
	f.Covered = covering(f.Covered, w.Shift(-offset), asked)
}

// gap notes a missing span, given in the host's time, that a later pass may fill.
func (f *family) gap(since, until time.Time, reason string, offset time.Duration) {
	f.Gaps = append(f.Gaps, span(since, until, reason, offset)...)
}

// lose notes a span, given in the host's time, that is missing for good.
func (f *family) lose(since, until time.Time, reason string, offset time.Duration) []evidence.Span {
	lost := span(since, until, reason, offset)
	f.Lost = append(f.Lost, lost...)
	return lost
}

// forget drops the gaps that the pass under way finds again if they are still
// there: those after t, the host's time of the oldest record held.
func (f *family) forget(t time.Time, offset time.Duration) {
	f.Gaps = slices.DeleteFunc(f.Gaps, func(s evidence.Span) bool { return s.Until.After(t.Add(-offset)) })
}

// open reads the extents one after the other.
func (f *family) open(dir string) (*joined, error) {
	j := &joined{}
	for _, e := range f.sorted() {
		file, err := os.Open(filepath.Join(dir, e.File))
		if err != nil {
			j.Close()
			return nil, err
		}
		j.files = append(j.files, file)
		j.readers = append(j.readers, io.NewSectionReader(file, 0, e.whole()))
	}
	j.Reader = io.MultiReader(j.readers...)
	return j, nil
}

// findAgain takes back what of w was lost for being too large: it is being copied again.
func (f *family) findAgain(w evidence.Window) {
	var kept []evidence.Span
	for _, s := range f.Lost {
		if s.Reason != evidence.ReasonTooLarge {
			kept = append(kept, s)
			continue
		}
		for _, part := range []evidence.Span{{Since: s.Since, Until: evidence.Earlier(s.Until, w.Since)}, {Since: evidence.Later(s.Since, w.Until), Until: s.Until}} {
			if part.Since.Before(part.Until) {
				part.Reason = s.Reason
				kept = append(kept, part)
			}
		}
	}
	f.Lost = kept
}
