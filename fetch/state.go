package fetch

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"rtmtgrab/internal/atomicfile"
	"rtmtgrab/internal/evidence"
)

// stateFile is written after each slice: what it says of a slice is on disk.
const stateFile = "state.json"

// state is what is known of one host's grab, as it is on disk.
type state struct {
	HostKey  string             `json:"host_key"`
	Clock    *time.Duration     `json:"clock"` // host minus collector, of the last connection
	Doubt    time.Duration      `json:"doubt"` // by how much Clock may be wrong either way
	Ahead    time.Duration      `json:"ahead"` // by how much an unmeasured clock is certainly ahead
	Families map[string]*family `json:"families"`
	Notes    []string           `json:"notes"`
}

// family is what was got of one family. Times are the collector's.
type family struct {
	name      string
	Seq       int               `json:"seq"`
	Pieces    []*piece          `json:"pieces"`
	Covered   []evidence.Window `json:"covered"`
	Gaps      []evidence.Span   `json:"gaps"`
	Absent    bool              `json:"absent"`
	Empty     bool              `json:"empty"`
	NoRecords bool              `json:"no_records"`
}

// piece is one byte range of one file of a host and where it is on disk. Head
// is the file's first bytes, by which it is known again.
type piece struct {
	Name   string    `json:"name"`
	Head   []byte    `json:"head"`
	Offset int64     `json:"offset"`
	Length int64     `json:"length"`
	Size   int64     `json:"size"`
	MTime  time.Time `json:"mtime"`
	First  time.Time `json:"first"` // of the file's first record, by the host's clock
	File   string    `json:"file"`
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
				pc.Length, f.Covered = 0, nil
			}
		}
	}
	return nil
}

func (g *Grab) save() error {
	if err := atomicfile.WriteJSON(g.path(stateFile), g.state); err != nil {
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

func (s *state) setClock(m measured) {
	s.Clock, s.Doubt = nil, 0
	if m.ok {
		s.Clock, s.Doubt = &m.offset, min(m.error, unknownClock)
	}
}

// doubt is by how much the host's clock may differ from what is known of it.
func (s *state) doubt() time.Duration {
	if s.Clock == nil {
		return unknownClock
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

// piece finds the piece of a held file, by its head, or begins one. A piece of
// a file of which only a few bytes were known is copied anew.
func (f *family) piece(h *held) *piece {
	for _, pc := range f.Pieces {
		n := min(len(pc.Head), len(h.head))
		switch {
		case !bytes.Equal(pc.Head[:n], h.head[:n]):
		case n >= tinyHead:
			return pc
		case pc.Name == h.name && len(pc.Head) == n:
			pc.Length = 0
			return pc
		}
	}
	pc := &piece{Name: h.name, Head: h.head, Size: h.size, MTime: h.mtime, First: h.first}
	f.Pieces = append(f.Pieces, pc)
	return pc
}

// seen brings the piece's description of its file up to date.
func (pc *piece) seen(h *held) {
	pc.Name, pc.Size, pc.MTime, pc.First = h.name, h.size, h.mtime, h.first
	if len(h.head) > len(pc.Head) {
		pc.Head = h.head
	}
}

// sorted lists the pieces that hold bytes in time order.
func (f *family) sorted() []*piece {
	var out []*piece
	for _, pc := range f.Pieces {
		if pc.Length > 0 {
			out = append(out, pc)
		}
	}
	slices.SortStableFunc(out, func(a, b *piece) int {
		return inTime(&held{name: a.Name, first: a.First, mtime: a.MTime}, &held{name: b.Name, first: b.First, mtime: b.MTime})
	})
	return out
}

// cover notes that all records of w, in the host's time, that lie in asked are
// on disk.
func (f *family) cover(w, asked evidence.Window, offset time.Duration) {
	w = w.Shift(-offset)
	if w.Since.Before(asked.Since) {
		w.Since = asked.Since
	}
	if w.Until.After(asked.Until) {
		w.Until = asked.Until
	}
	if w.Empty() {
		return
	}
	f.Covered = append(f.Covered, evidence.NewWindow(w.Since, w.Until))
	slices.SortFunc(f.Covered, func(a, b evidence.Window) int { return a.Since.Compare(b.Since) })
	merged := f.Covered[:1]
	for _, c := range f.Covered[1:] {
		if last := &merged[len(merged)-1]; c.Since.After(last.Until) {
			merged = append(merged, c)
		} else {
			*last = last.Union(c)
		}
	}
	f.Covered = merged
}

// gap notes a missing span, given in the host's time.
func (f *family) gap(since, until time.Time, reason string, offset time.Duration) {
	s := evidence.Span{Since: since.Add(-offset).UTC(), Until: until.Add(-offset).UTC(), Reason: reason}
	if s.Since.Before(s.Until) && !slices.Contains(f.Gaps, s) {
		f.Gaps = append(f.Gaps, s)
	}
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
		j.readers = append(j.readers, io.NewSectionReader(file, 0, pc.Length))
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
