package sftp

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"sync"

	"github.com/pkg/sftp"

	"rtmtgrab/internal/handover/sink"
)

const (
	channels   = 3       // of a connection, that a long line is filled: a channel takes 2 MiB and then waits
	perChannel = 16      // writes under way in one of them: as much again, for each is read back
	worth      = 2 << 20 // bytes from which on a second channel is
)

// A part is bytes on their way.
type part struct {
	data []byte
	off  int64
}

// A pump writes parts in any order, over several channels, and reads each back.
type pump struct {
	*upload
	parts chan part
	free  chan []byte
	stop  context.CancelCauseFunc
	wg    sync.WaitGroup
}

// pump has many writes under way. The first error ends all.
func (u *upload) pump(src *sink.Source, from int64) error {
	f, err := u.create(u.c, true, from)
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancelCause(u.ctx)
	defer stop(nil)
	p := &pump{upload: u, parts: make(chan part), free: make(chan []byte, channels*perChannel), stop: stop}
	for range channels * perChannel {
		p.free <- nil // buffers are made when they are needed
	}
	p.work(f)
	if u.a.Size-from >= worth {
		for range channels - 1 {
			p.wg.Go(p.another)
		}
	}
	err = p.feed(ctx, src, from)
	close(p.parts)
	p.wg.Wait()
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	if err == nil {
		err = u.finish(f)
	}
	return err // the end of the session closes the files
}

// another adds a channel, if the server has one to spare.
func (p *pump) another() {
	c, err := p.channel()
	if err != nil {
		return
	}
	var f *sftp.File
	how := os.O_RDWR
	if p.blind.Load() {
		how = os.O_WRONLY
	}
	if err := p.do(func() (err error) { f, err = c.OpenFile(p.temp, how); return err }); err == nil {
		p.work(f)
	}
}

// work has a channel's workers take parts.
func (p *pump) work(f *sftp.File) {
	for range perChannel {
		p.wg.Go(func() {
			var back []byte
			for part := range p.parts {
				if back == nil {
					back = make([]byte, large)
				}
				if err := p.put(f, part, back); err != nil {
					p.stop(err)
				}
				p.free <- part.data[:large]
			}
		})
	}
}

// feed reads src to its end.
func (p *pump) feed(ctx context.Context, src io.Reader, off int64) error {
	for {
		var b []byte
		select {
		case b = <-p.free:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		if b == nil {
			b = make([]byte, large)
		}
		n, err := io.ReadFull(src, b)
		if n > 0 && (err == nil || err == io.ErrUnexpectedEOF) {
			select {
			case p.parts <- part{b[:n], off}:
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
func (p *pump) put(f *sftp.File, part part, back []byte) error {
	if err := p.do(func() error { _, err := f.WriteAt(part.data, part.off); return err }); err != nil {
		return err
	}
	if p.blind.Load() {
		return nil
	}
	back = back[:len(part.data)]
	var n int
	err := p.do(func() (err error) { n, err = f.ReadAt(back, part.off); return err })
	if errors.Is(err, fs.ErrPermission) {
		p.blind.Store(true) // nobody reads what is in it
		return nil
	}
	if err != nil && err != io.EOF {
		return err
	}
	if !bytes.Equal(back[:n], part.data) {
		return mismatch(part.off)
	}
	return nil
}
