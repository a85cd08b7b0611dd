package cucmtrace

import (
	"errors"
	"fmt"
	"io"
	"time"

	"rtmtgrab/internal/evidence"
)

// Records is what reads a file: a Reader or a LineReader.
type Records interface {
	Next() (Record, error)
}

// A Stretch is what one file holds, and what of it was cut out.
type Stretch struct {
	First, Last time.Time // of all its records, by the node's clock; zero: it has none with a time
	Offset      int64     // of the first record that was kept; of the file's end if none was
	Bytes       int64     // that were kept
	Records     int64     // that were kept
	CutFirst    time.Time // of those
	CutLast     time.Time
	Odd         int64 // records whose time cannot be right
	Err         error // why it was not read to its end; nil also for a file that is cut off
	CutOff      bool  // it is compressed and has no end: it was still being written
}

// Cut writes the records of a window to w as they are, one after the other, and says what it
// read. What stands before the first record that has a time is left out; what goes on belongs
// to its record. The window is by the node's clock. The error is w's.
func Cut(w io.Writer, r Records, window evidence.Window) (Stretch, error) {
	var s Stretch
	kept := false // the record that is being read
	for {
		rec, err := r.Next()
		if err != nil {
			switch {
			case errors.Is(err, io.ErrUnexpectedEOF):
				s.CutOff = true
			case !errors.Is(err, io.EOF):
				s.Err = err
			}
			return s, nil
		}
		if rec.Head {
			kept = s.count(&rec, window)
		}
		if !kept {
			if s.Records == 0 {
				s.Offset = rec.Offset + int64(len(rec.Text))
			}
			continue
		}
		n, err := w.Write(rec.Text)
		if s.Bytes += int64(n); err != nil {
			return s, fmt.Errorf("write what was cut: %w", err)
		}
	}
}

// count notes a record, and whether it is of the window.
func (s *Stretch) count(r *Record, window evidence.Window) bool {
	if r.Odd {
		s.Odd++
	}
	if r.Time.IsZero() {
		return false
	}
	if s.First.IsZero() || r.Time.Before(s.First) {
		s.First = r.Time
	}
	if r.Time.After(s.Last) {
		s.Last = r.Time
	}
	if !window.Contains(r.Time) {
		return false
	}
	if s.Records++; s.CutFirst.IsZero() || r.Time.Before(s.CutFirst) {
		s.CutFirst = r.Time
	}
	if r.Time.After(s.CutLast) {
		s.CutLast = r.Time
	}
	return true
}

// Whole reads a stream that may be cut off, as a .gzo is: what it gives ends with the last
// whole record. A record is whole if another one begins behind it or, of a stream that ends
// well, if the stream ends behind it.
func Whole(r Records) Records { return &whole{from: r} }

type whole struct {
	from  Records
	held  []Record // of the record that is not known to be whole: its pieces, copied
	bytes int      // of them
	heads int      // of them that begin a record, without the oldest
	err   error
}

// maxHeld bounds what is held back of a record that may not be whole; of a longer one the
// beginning is given.
const maxHeld = 4 << 20

func (w *whole) Next() (Record, error) {
	for {
		if n := len(w.held); n > 0 && (w.err == nil && w.ready() || w.err != nil && errors.Is(w.err, io.EOF)) {
			return w.give(), nil
		}
		if w.err != nil {
			return Record{}, w.err
		}
		rec, err := w.from.Next()
		if w.err = err; err != nil {
			continue
		}
		rec.Text = append([]byte(nil), rec.Text...)
		if rec.Head && len(w.held) > 0 {
			w.heads++
		}
		w.held, w.bytes = append(w.held, rec), w.bytes+len(rec.Text)
	}
}

// ready reports whether the oldest piece may be given: its record is followed by another.
func (w *whole) ready() bool { return w.heads > 0 || w.bytes > maxHeld }

// give gives the oldest piece.
func (w *whole) give() Record {
	rec := w.held[0]
	w.held[0] = Record{}
	w.held, w.bytes = w.held[1:], w.bytes-len(rec.Text)
	if len(w.held) > 0 && w.held[0].Head {
		w.heads--
	}
	return rec
}
