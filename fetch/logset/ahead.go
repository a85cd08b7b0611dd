package logset

import (
	"io"
	"sync"

	"rtmtgrab/fetch/hostconn"
)

const mostAhead = 4 << 20 // of one file

// stretches is memory for what is read of a file at once: it is given back, for thousands of
// files are looked at in a row.
var stretches = sync.Pool{New: func() any { return new([stretch]byte) }}

// An aheadReader reads a part of a file front to back, in pieces that grow as long as there is
// something left in the budget, so that a short look costs little and a long one few round trips.
type aheadReader struct {
	r         io.ReaderAt
	off, left int64
	step      int64
	rest      []byte // of what was read, not taken yet

	own  *[stretch]byte // nil: none, or it may still be written into
	more *share         // what was taken of the budget beside that; nil: nothing
}

// readAhead reads [from, from+n) of r. Its user closes it, and looks at nothing of it after that.
func readAhead(r io.ReaderAt, from, n int64) *aheadReader {
	return &aheadReader{r: r, off: from, left: n, step: min(hostconn.Unit(r, stretch), 1<<20)}
}

func (a *aheadReader) Read(b []byte) (int, error) {
	if len(a.rest) == 0 {
		if a.left <= 0 {
			return 0, io.EOF
		}
		buf := a.memory(min(a.step, a.left))
		if err := hostconn.ReadFull(a.r, buf, a.off); err != nil {
			a.own, a.rest = nil, nil // a read that was given up may still write into it
			return 0, err
		}
		a.off += int64(len(buf))
		a.left -= int64(len(buf))
		a.step = min(a.step*2, mostAhead)
		a.rest = buf
	}
	n := copy(b, a.rest)
	a.rest = a.rest[n:]
	return n, nil
}

// memory is memory of at most n bytes for the next piece: as much as fits into a stretch, and more
// where that is left.
func (a *aheadReader) memory(n int64) []byte {
	if a.more != nil {
		a.more.giveBack()
		a.more = nil
	}
	if n > stretch {
		if a.more = reading.try(n); a.more != nil {
			return make([]byte, n)
		}
	}
	if a.own == nil {
		a.own = stretches.Get().(*[stretch]byte)
	}
	return a.own[:min(n, stretch)]
}

// close gives the memory back.
func (a *aheadReader) close() {
	if a.more != nil {
		a.more.giveBack()
	}
	if a.own != nil {
		stretches.Put(a.own)
	}
	a.own, a.more, a.rest, a.left = nil, nil, nil, 0
}
