package sftp

import (
	"bytes"
	"fmt"
	"io"
	"sync"

	"github.com/pkg/sftp"

	"rtmtgrab/internal/handover/sink"
)

// compare is how many bytes of a file there, which has so many, are those of the artifact.
func (u *upload) compare(name string, size int64) (int64, error) {
	near, err := sink.OpenFile(u.a)
	if err != nil {
		return 0, err
	}
	defer near.Close()
	var far *sftp.File
	if err := u.do(func() error { far, err = u.c.Open(name); return err }); err != nil {
		return 0, err
	}
	defer u.do(far.Close)

	c := &comparison{alike: min(size, u.a.Size), chunk: int64(u.chunk())}
	var wg sync.WaitGroup
	for range u.readers() {
		wg.Go(func() {
			a, b := make([]byte, u.chunk()), make([]byte, u.chunk())
			for {
				off, n := c.next()
				if n == 0 {
					return
				}
				c.found(u.differs(near, far, off, a[:n], b[:n]))
			}
		})
	}
	wg.Wait()
	return c.alike, c.err
}

// differs is where the two differ first from off on, off+len(a) if they do not.
func (u *upload) differs(near io.ReaderAt, far io.ReaderAt, off int64, a, b []byte) (at, end int64, err error) {
	end = off + int64(len(a))
	if _, err := near.ReadAt(a, off); err != nil {
		return off, end, &sink.Error{Cause: sink.Local, Permanent: true, Err: fmt.Errorf("read %s: %w", u.a.Path, err)}
	}
	var n int
	err = u.do(func() (err error) { n, err = far.ReadAt(b, off); return err })
	if err != nil && err != io.EOF {
		return off, end, err
	}
	sink.Moved(u.ctx, n)
	if bytes.Equal(a, b[:n]) {
		return end, end, nil
	}
	same := 0
	for same < n && a[same] == b[same] {
		same++
	}
	return off + int64(same), end, nil
}

// A comparison hands out what is yet to be compared.
type comparison struct {
	mu    sync.Mutex
	chunk int64
	at    int64
	alike int64 // as far as it is known
	err   error
}

func (c *comparison) next() (off, n int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil || c.at >= c.alike {
		return 0, 0
	}
	off, n = c.at, min(c.chunk, c.alike-c.at)
	c.at += n
	return off, n
}

// found takes note of what differs.
func (c *comparison) found(at, end int64, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil && c.err == nil {
		c.err = err
	}
	if at < end {
		c.alike = min(c.alike, at)
	}
}
