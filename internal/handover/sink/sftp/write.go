package sftp

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync"

	"github.com/pkg/sftp"

	"rtmtgrab/internal/handover/sink"
)

// write sends the artifact from an offset on, under the temporary name, and reads it back
// on the way. It returns by what it is verified.
func (u *upload) write(src *sink.Source, from int64) (by string, err error) {
	if err := u.room(u.a.Size - from); err != nil {
		return "", err
	}
	f, err := u.create()
	if err != nil {
		return "", fmt.Errorf("create a file in folder %s: %w", u.dir, err)
	}
	defer u.do(f.Close)
	if err := u.do(func() error { return f.Truncate(from) }); err != nil {
		return "", fmt.Errorf("truncate: %w", err)
	}
	if err := u.pump(src, f, from); err != nil {
		return "", err
	}
	if _, ok := u.c.HasExtension("fsync@openssh.com"); ok {
		if err := u.do(f.Sync); err != nil {
			return "", fmt.Errorf("fsync: %w", err)
		}
	}
	var st os.FileInfo
	if err := u.do(func() (err error) { st, err = f.Stat(); return err }); err != nil {
		return "", err
	}
	if st.Size() != u.a.Size {
		return "", &sink.Error{Cause: sink.Mismatch, Err: fmt.Errorf("the server has %d bytes of it, not %d", st.Size(), u.a.Size)}
	}
	if u.blind.Load() {
		return sink.BySize, nil
	}
	return sink.BySHA256, nil
}

// create opens the temporary file.
func (u *upload) create() (f *sftp.File, err error) {
	open := func(flags int) error {
		return u.do(func() (err error) { f, err = u.c.OpenFile(u.temp, flags); return err })
	}
	err = open(os.O_RDWR | os.O_CREATE)
	if errors.Is(err, fs.ErrPermission) {
		u.blind.Store(true)
		err = open(os.O_WRONLY | os.O_CREATE)
	}
	return f, err
}

// room refuses what there is no room for, if the server tells.
func (u *upload) room(n int64) error {
	free, ok := u.free()
	if ok && free < uint64(n) {
		return &sink.Error{Cause: sink.Full, Err: fmt.Errorf("%d bytes are free there, %d are wanted", free, n)}
	}
	return nil
}

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

// A part is bytes on their way.
type part struct {
	data []byte
	off  int64
}

// pump has many writes under way; who has written a part reads it back. The first error
// ends all.
func (u *upload) pump(src io.Reader, f *sftp.File, off int64) error {
	parts, free := make(chan part), make(chan []byte, window)
	ctx, stop := context.WithCancelCause(u.ctx)
	defer stop(nil)
	var wg sync.WaitGroup
	for range window {
		free <- nil // buffers are made when they are needed
		wg.Go(func() {
			back := make([]byte, 0, chunk)
			for p := range parts {
				if err := u.put(f, p, back); err != nil {
					stop(err)
				}
				free <- p.data[:chunk]
			}
		})
	}
	err := feed(ctx, src, off, parts, free)
	close(parts)
	wg.Wait()
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return err
}

// feed reads src to its end.
func feed(ctx context.Context, src io.Reader, off int64, parts chan<- part, free <-chan []byte) error {
	for {
		var b []byte
		select {
		case b = <-free:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		if b == nil {
			b = make([]byte, chunk)
		}
		n, err := io.ReadFull(src, b)
		if n > 0 && (err == nil || err == io.ErrUnexpectedEOF) {
			select {
			case parts <- part{b[:n], off}:
			case <-ctx.Done():
				return context.Cause(ctx)
			}
			off += int64(n)
		}
		switch err {
		case nil:
		case io.EOF, io.ErrUnexpectedEOF:
			return nil
		default:
			return err
		}
	}
}

// put writes a part and reads it back.
func (u *upload) put(f *sftp.File, p part, back []byte) error {
	if err := u.do(func() error { _, err := f.WriteAt(p.data, p.off); return err }); err != nil {
		return err
	}
	if u.blind.Load() {
		return nil
	}
	back = back[:len(p.data)]
	var n int
	err := u.do(func() (err error) { n, err = f.ReadAt(back, p.off); return err })
	if errors.Is(err, fs.ErrPermission) {
		u.blind.Store(true) // a box for letters: nobody reads what is in it
		return nil
	}
	if err != nil && err != io.EOF {
		return err
	}
	if !bytes.Equal(back[:n], p.data) {
		return &sink.Error{Cause: sink.Mismatch, Err: fmt.Errorf("what the server has from byte %d on is not what was sent", p.off)}
	}
	return nil
}
