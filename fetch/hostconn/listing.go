package hostconn

import (
	"encoding/binary"
	"errors"
	"io"
	"sync/atomic"

	"rtmtgrab/fetch/hostconn/hostcmd"
	"rtmtgrab/internal/evidence"
)

// budgetReader bounds what a peer may answer: a folder without an end must not
// fill the memory. A limit of zero is none. What is over it is not handed on, for who
// fills a buffer takes data that come with an error for all that was asked; and the
// session ends, for its peer goes on and on.
type budgetReader struct {
	r           io.Reader
	limit, used atomic.Int64
	names       atomic.Int64
	count       answerCounter
	s           *Session // that is told what came; may be nil
}

func (b *budgetReader) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	if b.s != nil && n > 0 {
		b.s.speed.heard(n)
	}
	b.used.Add(int64(n))
	b.names.Add(b.count.feed(p[:n]))
	if b.count.hollow {
		if b.s != nil {
			b.s.abort(&Fault{Why: evidence.ReasonRead, Err: errHollow, Stop: true})
		}
		return 0, errHollow
	}
	if limit := b.limit.Load(); limit > 0 && (b.used.Load() > limit || b.names.Load() > hostcmd.MaxNames) {
		if b.s != nil {
			b.s.abort(tooLong(hostcmd.ErrLongFolder))
		}
		return 0, hostcmd.ErrLongFolder
	}
	return n, err
}

// begin bounds what comes until the listing ends.
func (b *budgetReader) begin() (end func()) {
	b.used.Store(0)
	b.names.Store(0)
	b.limit.Store(hostcmd.MaxListing)
	return func() { b.limit.Store(0) }
}

// tooLong is a Fault for an answer that is too large.
func tooLong(err error) error {
	return &Fault{Why: evidence.ReasonTooLarge, Err: err, Stop: true}
}

// errHollow says that a read was answered with data of no length: whoever asks for the
// rest would ask for ever.
var errHollow = errors.New("the host answered a read with no data")

// An answerCounter follows the framing of SFTP's answers, and counts the names in them, by
// what their heads say.
type answerCounter struct {
	head   [13]byte // length, type, number, and of names how many
	got    int
	skip   int64 // bytes of the packet still to come
	hollow bool  // there were data of no length
}

const fxpName = 104

// feed takes bytes as they come and returns how many names they bring; an answer without
// any, which no server gives, counts for many.
func (c *answerCounter) feed(p []byte) (names int64) {
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
		length, came := int64(binary.BigEndian.Uint32(c.head[:])), int64(c.got-4)
		if came < length && (c.got == 4 || c.numbered() && c.got < len(c.head)) {
			continue
		}
		if c.got == len(c.head) {
			names += c.counted()
		}
		c.skip, c.got = length-came, 0
	}
	return names
}

// numbered reports whether the answer says behind its head how much of it there is.
func (c *answerCounter) numbered() bool { return c.head[4] == fxpName || c.head[4] == fxpData }

// counted is how many names an answer brings, by its whole head.
func (c *answerCounter) counted() int64 {
	n := int64(binary.BigEndian.Uint32(c.head[9:]))
	switch {
	case c.head[4] == fxpData:
		c.hollow = c.hollow || n == 0
		return 0
	case n == 0:
		return 1000
	}
	return n
}

// endIfEndless ends the session if an error says that its peer goes on and on.
func endIfEndless(s *Session, err error) error {
	if errors.Is(err, hostcmd.ErrLongFolder) {
		s.abort(tooLong(err))
	}
	return err
}
