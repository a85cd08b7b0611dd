package sshdial

import "bufio"

// readAhead is how many bytes are read off a connection at once, if they are there.
// The SSH library asks for half a packet at a time.
const readAhead = 128 << 10

// An ahead is a conn that is read in large pieces.
type ahead struct {
	*conn
	r *bufio.Reader
}

func newAhead(c *conn) *ahead { return &ahead{c, bufio.NewReaderSize(c, readAhead)} }

func (a *ahead) Read(b []byte) (int, error) { return a.r.Read(b) }
