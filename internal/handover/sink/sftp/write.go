package sftp

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync"

	"github.com/pkg/sftp"

	"rtmtgrab/internal/handover/sink"
)

// write sends the artifact from an offset on, under the temporary name, and reads it back.
// It returns by what it is verified.
func (u *upload) write(src *sink.Source, from int64) (by string, err error) {
	send := u.stream
	if u.fast {
		send = u.pump // of others nobody knows whether they take writes in any order
	}
	if err := send(src, from); err != nil {
		return "", err
	}
	if u.blind.Load() {
		return sink.BySize, nil
	}
	return sink.BySHA256, nil
}

// create opens the temporary file for writing, cut off at an offset, and for reading too if
// that is wanted and allowed.
func (u *upload) create(c *sftp.Client, both bool, from int64) (f *sftp.File, err error) {
	flags := os.O_CREATE
	if from == 0 {
		flags |= os.O_TRUNC
	}
	open := func(how int) error {
		return u.do(func() (err error) { f, err = c.OpenFile(u.temp, flags|how); return err })
	}
	if both {
		err = open(os.O_RDWR)
	}
	if errors.Is(err, fs.ErrPermission) {
		u.blind.Store(true) // a box for letters
	}
	if !both || u.blind.Load() {
		err = open(os.O_WRONLY)
	}
	if err == nil && from > 0 {
		err = u.do(func() error { return f.Truncate(from) })
	}
	if _, said := errors.AsType[*sftp.StatusError](err); from > 0 && (said || errors.Is(err, fs.ErrPermission)) {
		if gone := u.do(func() error { return u.c.Remove(u.temp) }); gone == nil {
			return nil, &sink.Error{Cause: sink.Busy, Err: fmt.Errorf("the server does not let an upload be taken up: %w; it is begun anew", err)}
		}
	}
	if err != nil {
		return nil, fmt.Errorf("create a file in folder %s: %w", u.dir, err)
	}
	return f, nil
}

// finish sees to it that what was written stays, where the server can say so.
func (u *upload) finish(f *sftp.File) error {
	var st os.FileInfo
	err := together(
		func() (err error) { return u.do(func() (err error) { st, err = f.Stat(); return err }) },
		func() error {
			if _, ok := u.c.HasExtension("fsync@openssh.com"); !ok {
				return nil
			}
			if err := u.do(f.Sync); err != nil {
				return fmt.Errorf("fsync: %w", err)
			}
			return nil
		})
	if err != nil {
		return err
	}
	if st.Size() != u.a.Size {
		return &sink.Error{Cause: sink.Mismatch, Err: fmt.Errorf("the server has %d bytes of it, not %d", st.Size(), u.a.Size)}
	}
	return nil
}

// together does what does not wait for each other, in one round trip.
func together(all ...func() error) error {
	errs := make([]error, len(all))
	var wg sync.WaitGroup
	for i, do := range all {
		wg.Go(func() { errs[i] = do() })
	}
	wg.Wait()
	return errors.Join(errs...)
}

// stream writes in order, and reads back when all is written.
func (u *upload) stream(src *sink.Source, from int64) error {
	f, err := u.create(u.c, false, from)
	if err != nil {
		return err
	}
	err = u.do(func() error {
		if _, err := f.Seek(from, io.SeekStart); err != nil {
			return err
		}
		_, err := f.ReadFromWithConcurrency(&watched{src, u.session}, window)
		return err
	})
	if err == nil {
		err = u.finish(f)
	}
	if closed := u.do(f.Close); err == nil {
		err = closed
	}
	if err != nil {
		return err
	}
	alike, err := u.compare(u.temp, u.a.Size)
	switch {
	case errors.Is(err, fs.ErrPermission):
		u.blind.Store(true)
		return nil
	case err == nil && alike != u.a.Size:
		return mismatch(alike)
	}
	return err
}

func mismatch(at int64) error {
	return &sink.Error{Cause: sink.Mismatch, Err: fmt.Errorf("what the server has from byte %d on is not what was sent", at)}
}

// watched tells the session that the server answers: with so many writes under way, more is
// read only when one was answered.
type watched struct {
	io.Reader
	s *session
}

func (w *watched) Read(b []byte) (int, error) {
	n, err := w.Reader.Read(b)
	w.s.answered()
	return n, err
}

// free is how much room there is, if the server tells.
func (u *upload) free() (bytes uint64, ok bool) {
	if _, offered := u.c.HasExtension("statvfs@openssh.com"); !offered {
		return 0, false
	}
	var st *sftp.StatVFS
	if err := u.do(func() (err error) { st, err = u.c.StatVFS(u.dir); return err }); err != nil || st.Frsize == 0 || st.Blocks == 0 {
		return 0, false
	}
	return st.Bavail * st.Frsize, true
}
