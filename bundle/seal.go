package bundle

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"io"
	"sync"
)

// All kinds of archive end in sealMark and 64 lower-case hexadecimal digits, the
// SHA-256 of all bytes before the digits: in a zip as the archive's comment, in
// a tar.zst as a skippable frame, in a tar.gz in the header of an empty member, whose end,
// always the same, comes behind them. So no byte of the container is unprotected
// either: headers, paddings, directory.
const (
	sealMark   = "grab sha256:"
	sealDigits = 2 * sha256.Size
)

// sealBlank is what a container writes as its last bytes; the digits are put in
// their place by a sealWriter.
func sealBlank() string {
	zeros := make([]byte, sealDigits)
	for i := range zeros {
		zeros[i] = '0'
	}
	return sealMark + string(zeros)
}

// sealTail is what stands behind the digits.
func sealTail(f format) string {
	if f == formatTarGz {
		return gzipTail
	}
	return ""
}

// A sealed is what is known of an archive after its last byte.
type sealed struct {
	bytes int64
	seal  string // its hex digits
	whole string // hex SHA-256 over all of it, seal included
}

// A sealWriter passes on and hashes everything but the last sealDigits bytes,
// for which finish puts the hash.
type sealWriter struct {
	w    io.Writer
	tail string // written behind the digits
	hash hash.Hash
	held []byte // the last bytes written, at most sealDigits
	n    int64  // bytes passed on
}

func newSealWriter(f format, w io.Writer) *sealWriter {
	return &sealWriter{w: w, tail: sealTail(f), hash: sha256.New()}
}

func (s *sealWriter) Write(p []byte) (int, error) {
	if len(p) < sealDigits {
		s.held = append(s.held, p...)
		if over := len(s.held) - sealDigits; over > 0 {
			if err := s.pass(s.held[:over]); err != nil {
				return 0, err
			}
			s.held = append(s.held[:0], s.held[over:]...)
		}
		return len(p), nil
	}
	if err := s.pass(s.held); err != nil {
		return 0, err
	}
	cut := len(p) - sealDigits
	if err := s.pass(p[:cut]); err != nil {
		return 0, err
	}
	s.held = append(s.held[:0], p[cut:]...)
	return len(p), nil
}

func (s *sealWriter) pass(p []byte) error {
	s.hash.Write(p)
	n, err := s.w.Write(p)
	s.n += int64(n)
	return err
}

func (s *sealWriter) finish() (sealed, error) {
	digits := hex.EncodeToString(s.hash.Sum(nil))
	if err := s.pass([]byte(digits + s.tail)); err != nil {
		return sealed{}, err
	}
	return sealed{bytes: s.n, seal: digits, whole: hex.EncodeToString(s.hash.Sum(nil))}, nil
}

// readSeal gives the digits that the archive's bytes ask for, and whether they
// stand at its end. An error is one of reading.
func readSeal(ctx context.Context, f format, r io.ReaderAt, size int64) (want string, ok bool, err error) {
	behind := sealTail(f)
	body := max(size-sealDigits-int64(len(behind)), 0)
	h := sha256.New()
	if err := copyTo(ctx, h, io.NewSectionReader(r, 0, body)); err != nil {
		return "", false, err
	}
	want = hex.EncodeToString(h.Sum(nil))
	tail := make([]byte, len(sealMark)+sealDigits+len(behind))
	if size < int64(len(tail)) {
		return want, false, nil
	}
	if _, err := io.ReadFull(io.NewSectionReader(r, size-int64(len(tail)), int64(len(tail))), tail); err != nil {
		return "", false, err
	}
	return want, string(tail) == sealMark+want+behind, nil
}

// copyTo copies in blocks of 64 KiB, whatever the reader's own, until the end or
// until ctx is done. A reader that ends with io.ErrUnexpectedEOF has failed.
func copyTo(ctx context.Context, w io.Writer, r io.Reader) error {
	pooled := blocks.Get().(*[64 << 10]byte)
	defer blocks.Put(pooled)
	buf := pooled[:]
	for {
		n, err := fill(ctx, r, buf)
		if n > 0 {
			if _, werr := w.Write(buf[:n]); werr != nil {
				return werr
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

var blocks = sync.Pool{New: func() any { return new([64 << 10]byte) }}

func fill(ctx context.Context, r io.Reader, buf []byte) (n int, err error) {
	for n < len(buf) && err == nil {
		if err := ctx.Err(); err != nil {
			return n, err
		}
		var m int
		m, err = r.Read(buf[n:])
		n += m
	}
	return n, err
}
