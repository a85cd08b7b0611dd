package hostconn

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"time"

	"github.com/pkg/sftp"

	"rtmtgrab/internal/evidence"
)

// readsAtOnce is how many packets of one read are asked for at once.
const readsAtOnce = 64

// sftpHandle is an open file of a session.
type sftpHandle struct {
	s     *Session
	f     *sftp.File
	calls callGroup // under way, which the library's Close would wait for with a lock
}

func (h *sftpHandle) ReadAt(b []byte, off int64) (n int, err error) {
	h.calls.begin()
	defer h.calls.end()
	err = h.s.guard(func() error {
		n, err = h.read(b, off)
		return err
	})
	if err != nil && !errors.Is(err, io.EOF) {
		err = h.s.why(err)
	}
	return n, err
}

// read reads in pieces of one packet, many at once. The SFTP client would do that itself,
// but it takes a read that the server answers with "well" and no data for one that has come.
func (h *sftpHandle) read(b []byte, off int64) (int, error) {
	if len(b) <= packet {
		return h.f.ReadAt(b, off)
	}
	pieces := (len(b) + packet - 1) / packet
	ns, errs := make([]int, pieces), make([]error, pieces)
	Each(pieces, readsAtOnce, func(i int) {
		from := i * packet
		ns[i], errs[i] = h.f.ReadAt(b[from:min(from+packet, len(b))], off+int64(from))
	})
	n := 0
	for i := range pieces {
		n += ns[i]
		if errs[i] != nil || n < min((i+1)*packet, len(b)) {
			return n, errs[i]
		}
	}
	return n, nil
}

func (h *sftpHandle) Stat() (int64, time.Time, error) {
	h.calls.begin()
	defer h.calls.end()
	var info fs.FileInfo
	err := h.s.guard(func() (err error) {
		info, err = h.f.Stat() // FSTAT: of the handle
		return err
	})
	if err != nil {
		return 0, time.Time{}, fmt.Errorf("stat %s: %w", evidence.Printable(h.f.Name(), 300), h.s.why(err))
	}
	return info.Size(), evidence.BoundedTime(info.ModTime()), nil
}

// closeWait bounds how long the host's answer to a CLOSE is waited for.
const closeWait = 2 * time.Second

// Close gives the handle back. A host that does not answer is not waited for: the
// handle goes with the connection.
func (h *sftpHandle) Close() error {
	if h.s.Lost() != nil {
		return nil
	}
	done := make(chan error, 1)
	h.s.calls.Go(func() {
		h.calls.Wait()
		done <- h.f.Close()
	})
	if h.s.frozen.Load() {
		return nil
	}
	select {
	case err := <-done:
		return err
	case <-time.After(closeWait):
		h.s.frozen.Store(true)
		return nil
	}
}
