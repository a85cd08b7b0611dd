package hostconn

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync/atomic"

	"rtmtgrab/internal/evidence"
)

// What one listing may take. A name is a few bytes on the wire and more in memory.
const (
	maxListing = 32 << 20
	maxNames   = 200_000
)

var errLongFolder = fmt.Errorf("the folder's listing is longer than %d names or %d MiB", maxNames, maxListing>>20)

// budgetReader bounds what a peer may answer: a folder without an end must not
// fill the memory. A limit of zero is none. What is over it is not handed on, for who
// fills a buffer takes data that come with an error for all that was asked; and the
// session ends, for its peer goes on and on.
type budgetReader struct {
	r           io.Reader
	limit, used atomic.Int64
	names       atomic.Int64
	count       nameCounter
	s           *Session // that is told what came; may be nil
}

func (b *budgetReader) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	if b.s != nil && n > 0 {
		b.s.speed.heard(n)
	}
	b.used.Add(int64(n))
	b.names.Add(b.count.feed(p[:n]))
	if limit := b.limit.Load(); limit > 0 && (b.used.Load() > limit || b.names.Load() > maxNames) {
		if b.s != nil {
			b.s.abort(tooLong(errLongFolder))
		}
		return 0, errLongFolder
	}
	return n, err
}

// begin bounds what comes until the listing ends.
func (b *budgetReader) begin() (end func()) {
	b.used.Store(0)
	b.names.Store(0)
	b.limit.Store(maxListing)
	return func() { b.limit.Store(0) }
}

// tooLong is a Fault for an answer that is too large.
func tooLong(err error) error {
	return &Fault{Why: evidence.ReasonTooLarge, Err: err, Stop: true}
}

// A nameCounter counts the names in SFTP's answers, by what their heads say.
type nameCounter struct {
	head [13]byte // length, type, number, and of names how many
	got  int
	skip int64 // bytes of the packet still to come
}

const fxpName = 104

// feed takes bytes as they come and returns how many names they bring; an answer without
// any, which no server gives, counts for many.
func (c *nameCounter) feed(p []byte) (names int64) {
	for len(p) > 0 {
		if c.skip > 0 {
			n := min(c.skip, int64(len(p)))
			c.skip -= n
			p = p[n:]
			continue
		}
		c.head[c.got] = p[0]
		c.got++
		p = p[1:]
		if c.got < 4 {
			continue
		}
		length := int64(binary.BigEndian.Uint32(c.head[:]))
		came := int64(c.got - 4)
		switch {
		case came < length && (c.got == 4 || c.head[4] == fxpName && c.got < len(c.head)):
			continue
		case c.got == len(c.head):
			if n := int64(binary.BigEndian.Uint32(c.head[9:])); n > 0 {
				names += n
			} else {
				names += 1000
			}
		}
		c.skip, c.got = length-came, 0
	}
	return names
}

// endless ends the session if an error says that its peer goes on and on.
func (s *Session) endless(err error) error {
	if errors.Is(err, errLongFolder) {
		s.abort(tooLong(err))
	}
	return err
}
