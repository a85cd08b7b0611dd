package fetch

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"rtmtgrab/fetch/hostconn"
	"rtmtgrab/internal/atomicfile"
	"rtmtgrab/internal/evidence"
)

// stateFile is written after each slice: what it says of a slice is on disk.
const stateFile = "state.json"

// state is what is known of one host's grab, as it is on disk.
type state struct {
	HostKey   string             `json:"host_key"`
	Via       []string           `json:"via,omitempty"` // of the last connection, as evidence.Host
	Legacy    []string           `json:"legacy,omitempty"`
	Transport string             `json:"transport,omitempty"` // evidence.Transport…, of the last connection
	Clock     *time.Duration     `json:"clock"`               // host minus collector, of the last connection
	Doubt     time.Duration      `json:"doubt"`               // by how much Clock may be wrong either way
	Ahead     time.Duration      `json:"ahead"`               // by how much an unmeasured clock is certainly ahead
	Families  map[string]*family `json:"families"`
	Notes     []string           `json:"notes"`
}

// family is what was got of one family. Times are the collector's.
type family struct {
	name      string
	Seq       int               `json:"seq"`
	Pieces    []*extent   `json:"pieces"`
	Covered   []evidence.Window `json:"covered"`
	Gaps      []evidence.Span   `json:"gaps"` // found at the last pass; a later one may fill them
	Lost      []evidence.Span   `json:"lost"` // for good
	Absent    bool              `json:"absent"`
	Empty     bool              `json:"empty"`
	NoRecords bool              `json:"no_records"`
	Foresight *Foresight        `json:"foresight,omitempty"`
	Ring      []evidence.Window `json:"ring,omitempty"`     // as Covered, by what the ring had
	RingBad   bool              `json:"ring_bad,omitempty"` // the ring was found not to agree with the host
	sure      []*extent   // Pieces without what is in doubt; nil: nothing is
}

// extent is one byte range of one file of a host and where it is on disk. Head
// is the file's first bytes, by which it is known again.
type extent struct {
	Name   string    `json:"name"`
	Head   []byte    `json:"head"`
	Offset int64     `json:"offset"`
	Length int64     `json:"length"`
	Cut    int64     `json:"cut,omitempty"` // bytes at the end that are a part of a record
	At     int64     `json:"at,omitempty"`  // where Head stands in the file
	Size   int64     `json:"size"`
	MTime  time.Time `json:"mtime"`
	First  time.Time `json:"first"` // of the file's first record, by the host's clock
	File   string    `json:"file"`
	From   string    `json:"from,omitempty"` // fromRing; empty: the host
	Open   bool      `json:"open,omitempty"` // ends where the ring ends, maybe within a record
	owner  *File
	agrees bool // with the host, as far as it was looked at
}

func (g *Grab) path(name string) string { return filepath.Join(g.Dir, name) }

// load reads the state from disk, once.
func (g *Grab) load() error {
	if g.state != nil {
		return nil
	}
	if err := atomicfile.MkdirAll(g.Dir); err != nil {
		return err
	}
	s := &state{}
	if err := atomicfile.ReadJSON(g.path(stateFile), s); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	g.state, g.surveyed = s, map[string]surveyed{}
	for name, f := range s.Families {
		f.name = name
		for _, pc := range f.Pieces {
			// A slice is trusted up to its journaled length, and only if it is there;
			// otherwise it is copied anew, as far as the host still has it.
			if info, err := os.Stat(g.path(pc.File)); pc.Length > 0 && (err != nil || info.Size() < pc.Length) {
				g.note("the slice of %s on this machine was damaged: %s is shorter than the %d bytes written down", name, pc.File, pc.Length)
				pc.Length, pc.Cut, f.Covered = 0, 0, nil
			}
		}
	}
	return nil
}

func (g *Grab) save() error {
	b, err := json.Marshal(g.state)
	if err == nil {
		err = atomicfile.WriteBytes(g.path(stateFile), b)
	}
	if err != nil {
		return fmt.Errorf("save the state of %s: %w", g.Host.Name, err)
	}
	return nil
}

func (s *state) family(name string) *family {
	if s.Families == nil {
		s.Families = map[string]*family{}
	}
	f := s.Families[name]
	if f == nil {
		f = &family{name: name}
		s.Families[name] = f
	}
	return f
}

func (s *state) setClock(m Clock) {
	s.Clock, s.Doubt = nil, 0
	if m.Known {
		s.Clock, s.Doubt = &m.Offset, min(m.Doubt, UnknownClock)
	}
}

// doubt is by how much the host's clock may differ from what is known of it.
func (s *state) doubt() time.Duration {
	if s.Clock == nil {
		return UnknownClock
	}
	return s.Doubt
}

// offset is the host's clock minus the collector's, zero if not measured.
func (s *state) offset() time.Duration {
	if s.Clock == nil {
		return 0
	}
	return *s.Clock
}

// of lists the pieces of a held file in the order of their offsets.
func (f *family) of(h *File) []*extent {
	var out []*extent
	for _, pc := range f.Pieces {
		if pc.owner == h || pc.isOf(h) {
			out = append(out, pc)
		}
	}
	slices.SortStableFunc(out, func(a, b *extent) int { return cmp.Compare(a.Offset, b.Offset) })
	return out
}

// isOf knows a file again by its head, or if that is short by all of it.
func (pc *extent) isOf(h *File) bool {
	n := min(len(pc.Head), len(h.Head))
	if pc.At != h.At || !bytes.Equal(pc.Head[:n], h.Head[:n]) {
		return false
	}
	return n >= hostconn.TinyHead || n > 0 && len(pc.Head) == len(h.Head) && pc.Size == h.Size
}

// lacking lists the parts of [from, to) of a file that are not on disk, and the
// piece that each of them continues, nil if none.
func (f *family) lacking(h *File, from, to int64) (spans []lack) {
	var last *extent
	for _, pc := range f.of(h) {
		if pc.Length == 0 {
			continue
		}
		if pc.Offset > from && from < to {
			spans = append(spans, lack{from, min(pc.Offset, to), last})
		}
		last = nil
		if end := pc.Offset + pc.Length; end >= from {
			from, last = end, pc
			if pc.From != h.origin {
				last = nil // a source of its own
			}
		}
	}
	if from < to {
		spans = append(spans, lack{from, to, last})
	}
	return spans
}

type lack struct {
	from, to int64
	piece    *extent // ends at from
}

// seen brings the description of a file's pieces up to date.
func (f *family) seen(h *File) {
	for _, pc := range f.of(h) {
		pc.Name, pc.Size, pc.MTime, pc.First, pc.owner = h.Name, h.Size, h.MTime, h.First, h
		if len(h.Head) > len(pc.Head) {
			pc.Head = h.Head
		}
	}
}

// sorted lists the pieces that hold whole records in time order.
func (f *family) sorted() []*extent {
	var out []*extent
	for _, pc := range f.Pieces {
		if pc.whole() > 0 {
			out = append(out, pc)
		}
	}
	slices.SortStableFunc(out, func(a, b *extent) int {
		if c := InTime(&File{Name: a.Name, First: a.First, MTime: a.MTime}, &File{Name: b.Name, First: b.First, MTime: b.MTime}); c != 0 {
			return c
		}
		return cmp.Compare(a.Offset, b.Offset)
	})
	return out
}

// whole is the length of the piece without a record at its end of which the rest
// was not got.
func (pc *extent) whole() int64 { return pc.Length - pc.Cut }

// cover notes that all records of w, in the host's time, that lie in asked are
// on disk.
func (f *family) cover(w, asked evidence.Window, offset time.Duration) {
	f.Covered = covering(f.Covered, w.Shift(-offset), asked)
}

// covering adds what w has of asked to a list of windows that it changes.
func covering(list []evidence.Window, w, asked evidence.Window) []evidence.Window {
	if w.Since.Before(asked.Since) {
		w.Since = asked.Since
	}
	if w.Until.After(asked.Until) {
		w.Until = asked.Until
	}
	if w.Empty() {
		return list
	}
	list = append(list, evidence.NewWindow(w.Since, w.Until))
	slices.SortFunc(list, func(a, b evidence.Window) int { return a.Since.Compare(b.Since) })
	merged := list[:1]
	for _, c := range list[1:] {
		if last := &merged[len(merged)-1]; c.Since.After(last.Until) {
			merged = append(merged, c)
		} else {
			*last = last.Union(c)
		}
	}
	return merged
}

// span is a missing span of the host's time in the collector's.
func span(since, until time.Time, reason string, offset time.Duration) []evidence.Span {
	s := evidence.Span{Since: since.Add(-offset).UTC(), Until: until.Add(-offset).UTC(), Reason: reason}
	if !s.Since.Before(s.Until) {
		return nil
	}
	return []evidence.Span{s}
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

// holes notes stretches without records; one that ends with its file ends with
// the next record.
func (f *family) holes(holes []evidence.Span, next time.Time, offset time.Duration) {
	for _, h := range holes {
		if h.Until.IsZero() {
			h.Until = next
		}
		f.gap(h.Since, h.Until, h.Reason, offset)
	}
}

// open reads the pieces one after the other.
func (f *family) open(dir string) (io.ReadCloser, error) {
	j := &joined{}
	for _, pc := range f.sorted() {
		file, err := os.Open(filepath.Join(dir, pc.File))
		if err != nil {
			j.Close()
			return nil, err
		}
		j.files = append(j.files, file)
		j.readers = append(j.readers, io.NewSectionReader(file, 0, pc.whole()))
	}
	j.Reader = io.MultiReader(j.readers...)
	return j, nil
}

type joined struct {
	io.Reader
	readers []io.Reader
	files   []*os.File
}

func (j *joined) Close() error {
	var errs []error
	for _, f := range j.files {
		errs = append(errs, f.Close())
	}
	return errors.Join(errs...)
}
