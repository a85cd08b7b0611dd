package sshdial

import "sync"

// readAhead is how many bytes are read off a connection at once, if they are there.
// The SSH library asks for half a packet at a time.
const readAhead = 128 << 10

var aheads = sync.Pool{New: func() any { return new([readAhead]byte) }}

// An ahead is a conn that is read in large pieces while much comes. While nothing does it
// needs no memory of its own: a thousand connections are mostly at rest. It is for one reader.
type ahead struct {
	*conn
	buf  *[readAhead]byte // nil: nothing is in it
	rest []byte           // of buf, not read yet
	full bool             // the last read off the connection got all that it had room for: there is more
	err  error            // that came behind rest
}

func newAhead(c *conn) *ahead { return &ahead{conn: c} }

func (a *ahead) Read(b []byte) (n int, err error) {
	if a.buf == nil && (!a.full || len(b) >= readAhead) {
		n, err = a.conn.Read(b)
		a.full = n == len(b)
		return n, err
	}
	if a.buf == nil {
		a.buf = aheads.Get().(*[readAhead]byte)
		n, a.err = a.conn.Read(a.buf[:])
		a.rest, a.full = a.buf[:n], n == readAhead
	}
	n = copy(b, a.rest)
	if a.rest = a.rest[n:]; len(a.rest) == 0 {
		aheads.Put(a.buf)
		a.buf, err, a.err = nil, a.err, nil
	}
	return n, err
}
