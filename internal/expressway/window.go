package expressway

import (
	"bytes"
	"io"
)

// readSize is the least room that a Read is given.
const readSize = 512 << 10

// A window is the bytes of a stream that a RecordReader has in hand: those of a record and
// what was read beyond it.
type window struct {
	r      io.Reader
	buf    []byte
	from   int    // where the record in hand starts in buf
	at     int    // how far it was looked through
	to     int    // end of the bytes in buf
	nul    int    // the first NUL at or after at, or to
	frame  int    // where the frame ends that the record in hand began with; less than at: there is none
	long   []byte // the first MaxRecord bytes of a longer record
	over   int64  // how many bytes of it are out of buf
	offset int64  // of the record in hand
	err    error
}

// next begins the next record where the one in hand ends.
func (w *window) next() { w.from, w.over = w.at, 0 }

// text is the record in hand up to at, its first MaxRecord bytes at most, and how long it is.
func (w *window) text() (text []byte, length int64) {
	text = w.buf[w.from:w.at]
	length = w.over + int64(len(text))
	if w.over > 0 {
		return w.long, length
	}
	return text[:min(len(text), MaxRecord)], length
}

// seekNUL sets nul anew after at has passed it.
func (w *window) seekNUL() {
	if w.nul < w.at {
		w.nul = nulFrom(w.buf[:w.to], w.at)
	}
}

func nulFrom(b []byte, at int) int {
	if i := bytes.IndexByte(b[at:], 0); i >= 0 {
		return at + i
	}
	return len(b)
}

// fill reads more; false: there is nothing more.
func (w *window) fill() bool {
	if w.err != nil {
		return false
	}
	if n := w.at - w.from; n > MaxRecord || w.over > 0 {
		if w.over == 0 {
			w.long = append(w.long[:0], w.buf[w.from:w.from+MaxRecord]...)
		}
		w.over += int64(n)
		w.from = w.at
	}
	if len(w.buf)-w.to < readSize {
		n := copy(w.buf, w.buf[w.from:w.to])
		w.at, w.nul, w.frame = w.at-w.from, w.nul-w.from, w.frame-w.from
		w.from, w.to = 0, n
	}
	old := w.to
	n, err := w.r.Read(w.buf[w.to:])
	w.to += n
	w.err = err
	if w.nul == old {
		w.nul = nulFrom(w.buf[:w.to], old)
	}
	return true
}
