package fetch

import (
	"bytes"
	"errors"
	"io"
	"os"
	"slices"
	"time"

	"rtmtgrab/fetch/hostconn"
	"rtmtgrab/fetch/logset"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/expressway"
)

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
	From   string    `json:"from,omitempty"` // evidence.FromRing; empty: the host
	Open   bool      `json:"open,omitempty"` // ends where the ring ends, maybe within a record
	By     string    `json:"by,omitempty"`   // the collector that has read it; empty: this one

	owner  *logset.Info // of the open file; nil: it is not known
	agrees bool         // with the host, as far as it was looked at
}

// isOf knows a file again by its head. Where that is short, or no record is in it, other files may
// begin alike: then by all of it, or by the name if there is no more of the extent than they share.
func (e *extent) isOf(file *logset.Info) bool {
	n := min(len(e.Head), len(file.Head))
	if e.At != file.At || n == 0 || !bytes.Equal(e.Head[:n], file.Head[:n]) {
		return false
	}
	shorter := file
	if len(e.Head) < len(file.Head) {
		shorter = e.info()
	}
	if n >= hostconn.TinyHead && !shorter.Vague() {
		return true
	}
	return len(e.Head) == len(file.Head) && e.Size == file.Size || n >= hostconn.TinyHead && e.Name == file.Name && e.end() <= e.At+int64(n)
}

// info is what is known of the file.
func (e *extent) info() *logset.Info {
	return &logset.Info{Name: e.Name, Head: e.Head, At: e.At, Size: e.Size, MTime: e.MTime, First: e.First}
}

// whole is the length without a record at the end of which the rest was not got.
func (e *extent) whole() int64 { return e.Length - e.Cut }

// hasAllOf reports whether what another extent of the same file has is in this one too: both are of one source, or
// it is no more than the heads by which they are known.
func (e *extent) hasAllOf(o *extent) bool {
	same := e.From == o.From && e.By == o.By || o.end() <= o.At+int64(min(len(e.Head), len(o.Head)))
	return same && e.Offset <= o.Offset && o.Offset+o.whole() <= e.Offset+e.whole() && e.isOf(o.info())
}

// end is where it ends in the file.
func (e *extent) end() int64 { return e.Offset + e.Length }

// lastRecord is the time of the last record of an extent on disk and the offset at
// which it starts; zero and 0 if there is none within reach of the end.
func (s *store) lastRecord(e *extent) (t time.Time, off int64) {
	file, err := os.Open(s.path(e.File))
	if err != nil {
		return t, 0
	}
	defer file.Close()
	at := max(e.Length-4*logset.ProbeReach, 0)
	lines := expressway.NewLineReader(io.NewSectionReader(file, at, e.Length-at), at, expressway.Ref{MTime: e.MTime, Zone: s.host.Zone})
	for {
		line, err := lines.Next()
		if err != nil {
			return t, off
		}
		if line.Head {
			t, off = line.Time, line.Offset
		}
	}
}

// lengthenHeads has what is on disk of a file be known by more of it, where its head was looked at
// when there was little in it: the file grew before it was copied.
func (s *store) lengthenHeads(f *family, file *logset.Info) {
	for _, e := range f.of(file) {
		at := e.At + int64(len(e.Head))
		if e.Offset > at || at >= e.end() || len(e.Head) >= hostconn.TinyHead && !e.info().Vague() {
			continue
		}
		more := make([]byte, min(int64(hostconn.HeadSize-len(e.Head)), e.end()-at))
		if s.readAt(e, more, at) == nil {
			e.Head = slices.Concat(e.Head, more)
		}
	}
}

// readAt reads a part of a file of the host from what is on disk of it.
func (s *store) readAt(e *extent, b []byte, at int64) error {
	file, err := os.Open(s.path(e.File))
	if err != nil {
		return err
	}
	defer file.Close()
	return hostconn.ReadFull(file, b, at-e.Offset)
}

// cutRecord notes that the last record of an extent is not whole, and returns its time.
func (s *store) cutRecord(e *extent) time.Time {
	t, whole := s.lastRecord(e)
	e.Cut = e.Length - whole
	return t
}

// lastOf is the time of the last record on disk of a file, else of its first.
func (s *store) lastOf(f *family, file *logset.Info) time.Time {
	for _, e := range slices.Backward(f.of(file)) {
		if t, _ := s.lastRecord(e); !t.IsZero() {
			return t
		}
	}
	return file.First
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
	s := evidence.Span{Since: evidence.Clamp(since.Add(-offset)).UTC(), Until: evidence.Clamp(until.Add(-offset)).UTC(), Reason: reason}
	if !s.Since.Before(s.Until) {
		return nil
	}
	return []evidence.Span{s}
}

// joined reads several files as one.
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
