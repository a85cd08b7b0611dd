package snapshot

import (
	"errors"
	"io"
	"time"

	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/expressway"
)

// A reader gives one log in pieces: a line, the part of a line that is longer than the
// buffer, or a run of NUL bytes. Pieces joined are the log.
type reader struct {
	name string
	r    io.ReadCloser
	ref  expressway.Ref

	buf      []byte
	from, to int
	err      error // of reading: after what is in buf

	piece []byte    // the next one, valid until the one after it is read; empty: none
	head  bool      // it begins a record
	time  time.Time // of that record, or of the one that it belongs to
	line  bool      // what follows piece begins a line
}

func newReader(l Log) (*reader, error) {
	in, err := l.Open()
	if err != nil {
		return nil, err
	}
	if !evidence.Believable(l.Ref.MTime) {
		l.Ref.MTime = time.Now()
	}
	r := &reader{name: l.Name, r: in, ref: l.Ref, buf: make([]byte, 2*expressway.MaxLine), line: true}
	if err := r.next(); err != nil {
		return nil, errors.Join(err, in.Close())
	}
	return r, nil
}

func (r *reader) close() error { return r.r.Close() }

// record writes the record that begins with the piece in hand, or what stands before the
// first one.
func (r *reader) record(out *output) error {
	if err := out.begin(r); err != nil {
		return err
	}
	if r.head {
		out.records++
	}
	for {
		if err := out.write(r.piece); err != nil {
			return err
		}
		if err := r.next(); err != nil {
			return err
		}
		if len(r.piece) == 0 || r.head {
			return nil
		}
	}
}

// next takes the next piece in hand.
func (r *reader) next() error {
	starts := r.line
	n := r.find()
	r.piece, r.head = r.buf[r.from:r.from+n], false
	if r.from += n; n == 0 {
		if errors.Is(r.err, io.EOF) {
			return nil
		}
		return r.err
	}
	r.line = r.piece[n-1] == '\n' || r.piece[n-1] == 0
	if starts && mayBegin(r.piece[0]) {
		if t, ok := expressway.HeadTime(r.piece, r.ref); ok {
			r.time, r.head = t, true
		}
	}
	return nil
}

// mayBegin spares most lines of messages a closer look: they begin with a blank. Records
// begin with a year, or with the name of a month.
func mayBegin(c byte) bool { return c >= '0' && c <= '9' || c >= 'A' && c <= 'S' }

// find makes a piece available, and is its length; 0: all was read.
func (r *reader) find() int {
	seen := 0
	for {
		b := r.buf[r.from:r.to]
		if n := pieceOf(b, seen); n > 0 {
			return n
		}
		if r.err != nil || len(b) >= expressway.MaxLine {
			return len(b)
		}
		seen = len(b)
		if r.to == len(r.buf) {
			r.from, r.to = 0, copy(r.buf, b)
		}
		var n int
		n, r.err = r.r.Read(r.buf[r.to:])
		r.to += n
	}
}

// pieceOf is the length of the piece at the beginning of b, 0 if b does not tell. The first
// seen bytes have no line end.
func pieceOf(b []byte, seen int) int {
	if len(b) == 0 {
		return 0
	}
	if b[0] == 0 {
		for i, c := range b {
			if c != 0 {
				return i
			}
		}
		return 0
	}
	i := expressway.LineBreak(b[seen:])
	if i < 0 {
		return 0
	}
	if i += seen; b[i] == '\n' {
		i++
	}
	return i
}
