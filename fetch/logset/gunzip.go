package logset

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/gzip"

	"rtmtgrab/fetch/hostconn"
)

// Gunzip unpacks a compressed file whole into dst, and returns how many bytes that are;
// more than most are an ErrLarge. An error that IsGzipFault is one of the contents.
func Gunzip(ctx context.Context, f *File, dst io.WriterAt, most int64, m *hostconn.Meter) (int64, error) {
	src := &countReader{ctx: ctx, r: readAhead(f.Handle, 0, f.Size), m: m}
	in := bufio.NewReaderSize(src, 64<<10)
	z, err := gzip.NewReader(in)
	if err != nil {
		return 0, errors.Join(src.err, err)
	}
	out := io.NewOffsetWriter(dst, 0)
	var n int64
	for err == nil {
		z.Multistream(false)
		var m int64
		m, err = io.Copy(out, io.LimitReader(z, most-n))
		if n += m; err == nil && n == most {
			err = fmt.Errorf("%w: %w of %d MiB", ErrGzip, ErrLarge, most>>20)
		}
		if err == nil && padding(in) {
			return n, nil
		}
		if err == nil {
			err = z.Reset(in)
		}
	}
	return n, errors.Join(src.err, err)
}

// padding passes zeros behind a gzip member over, as gzip(1) does, and reports
// whether nothing else follows.
func padding(in *bufio.Reader) bool {
	for {
		b, err := in.ReadByte()
		if err != nil {
			return errors.Is(err, io.EOF)
		}
		if b != 0 {
			in.UnreadByte()
			return false
		}
	}
}

var ErrGzip = errors.New("compressed file")

// ErrLarge says that a compressed file becomes larger than it may.
var ErrLarge = errors.New("it unpacks to more than its share")

// IsGzipFault tells damage of the contents from trouble with reading or writing.
func IsGzipFault(err error) bool {
	return !errors.Is(err, errSource) && (errors.Is(err, gzip.ErrHeader) || errors.Is(err, gzip.ErrChecksum) ||
		errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, ErrGzip) || isCorrupt(err))
}

// errSource marks errors of the reader below gzip.
var errSource = errors.New("source")

// countReader counts what was taken off the host and remembers its own errors.
type countReader struct {
	ctx context.Context
	r   io.Reader
	m   *hostconn.Meter
	err error
}

func (c *countReader) Read(b []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		c.err = errors.Join(errSource, err)
		return 0, err
	}
	n, err := c.r.Read(b)
	if wait := c.m.Wait(c.ctx, int64(n)); err == nil {
		err = wait
	}
	c.m.Add(int64(n))
	if err != nil && !errors.Is(err, io.EOF) {
		c.err = errors.Join(errSource, err)
	}
	return n, err
}

// isGzip tells a compressed file by its magic bytes, never by its name.
func isGzip(b []byte) bool { return len(b) > 2 && b[0] == 0x1f && b[1] == 0x8b && b[2] == 8 }

// gzipHead unpacks the first bytes, at most headSize, as far as they are there.
func gzipHead(b []byte) []byte {
	z, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		return nil
	}
	head := make([]byte, hostconn.HeadSize)
	n, _ := io.ReadFull(z, head)
	return head[:n]
}

func isCorrupt(err error) bool {
	_, ok := errors.AsType[flate.CorruptInputError](err)
	return ok
}
