package sources

import (
	"bytes"
	"compress/bzip2"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"rtmtgrab/internal/expressway"
)

type kind int

const (
	kindPlain kind = iota
	kindZip
	kindGzip
	kindZstd
	kindBzip2
	kindTar
)

// headSize is how much of a file is looked at to tell what it is; the largest
// record, and a tar's first block.
const headSize = 256 << 10

// kindOf tells by the first bytes.
func kindOf(head []byte) kind {
	switch {
	case bytes.HasPrefix(head, []byte("PK\x03\x04")), bytes.HasPrefix(head, []byte("PK\x05\x06")):
		return kindZip
	case bytes.HasPrefix(head, []byte("\x1f\x8b\x08")):
		return kindGzip
	case bytes.HasPrefix(head, []byte("\x28\xb5\x2f\xfd")):
		return kindZstd
	case bytes.HasPrefix(head, []byte("BZh")) && len(head) > 9 && bytes.Equal(head[4:10], []byte("1AY&SY")):
		return kindBzip2
	case len(head) >= 262 && string(head[257:262]) == "ustar":
		return kindTar
	}
	return kindPlain
}

func sniff(f *os.File) (kind, error) {
	var b [512]byte
	n, err := f.ReadAt(b[:], 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return kindPlain, err
	}
	return kindOf(b[:n]), nil
}

// maxWindow bounds what a zstd decoder takes of memory, whatever it is given.
const maxWindow = 8 << 20

// inflate gives what is in a compressed stream. A plain one is given as it is.
func inflate(k kind, r io.Reader) (io.ReadCloser, error) {
	switch k {
	case kindGzip:
		return gzip.NewReader(r)
	case kindZstd:
		d, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
			zstd.WithDecoderMaxWindow(maxWindow), zstd.WithDecoderMaxMemory(2*maxWindow))
		if err != nil {
			return nil, err
		}
		return d.IOReadCloser(), nil
	case kindBzip2:
		return io.NopCloser(bzip2.NewReader(r)), nil
	}
	return io.NopCloser(r), nil
}

// opener opens a file, and what is in it if it is compressed.
func opener(path string) func() (io.ReadCloser, error) {
	return func() (io.ReadCloser, error) {
		f, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		return inflated(f)
	}
}

// inflated unpacks f, which it owns, if it is compressed.
func inflated(f io.ReadCloser) (io.ReadCloser, error) {
	ra, ok := f.(io.ReaderAt)
	if !ok {
		return f, nil
	}
	var b [16]byte
	n, err := ra.ReadAt(b[:], 0)
	if err != nil && !errors.Is(err, io.EOF) {
		f.Close()
		return nil, err
	}
	k := kindOf(b[:n])
	if k == kindPlain || k == kindZip {
		return f, nil
	}
	in, err := inflate(k, f)
	if err != nil {
		f.Close()
		return nil, err
	}
	return &both{in, f}, nil
}

// both closes an unpacker and what is below it.
type both struct {
	io.ReadCloser
	below io.Closer
}

func (b *both) Close() error { return errors.Join(b.ReadCloser.Close(), b.below.Close()) }

// A found is a file that may be a log.
type found struct {
	dir    string // files of one dir and family are siblings
	base   string // name in that folder
	name   string // for people
	mtime  time.Time
	open   func() (io.ReadCloser, error)
	packed bool  // it is compressed: its length is not known
	cut    bool  // it was unpacked from a stream that is cut off
	size   int64 // as far as it is known
	named  bool  // somebody asked for this very file
	beginning
}

// A beginning is what the first bytes of a file tell of it.
type beginning struct {
	family string    // by name; "" is none
	first  time.Time // of the first record
	head   []byte    // the first bytes, which tell files apart
	served bool      // its records stand behind a syslog server's header
	host   string    // of all records, by the file's name, where they name none themselves
	ours   bool      // its records look like an Expressway's
	trace  string    // kind of a log of CUCM's; empty: it is none
	why    string    // it is no log
}

// look reads the beginning and tells whether it is that of a log.
func (f *found) look() (bool, error) {
	r, err := f.open()
	if err != nil {
		return false, err
	}
	defer r.Close()
	_, f.packed = r.(*both)
	b := make([]byte, headSize)
	n, err := io.ReadFull(r, b)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) && n == 0 {
		return false, err
	}
	return f.judge(b[:n]), nil
}

const identity = 4 << 10 // bytes of a file's head that tell it from others

// judge tells by a beginning. A file that bears a family's name needs a record;
// any other one needs records that look like an Expressway's.
func (f *found) judge(head []byte) bool {
	if f.traceOf(head) {
		return true
	}
	f.family = expressway.FamilyOf(f.base, families)
	f.head = bytes.Clone(head[:min(len(head), identity)])
	records, ours, hosts := 0, 0, 0
	ref := expressway.Ref{MTime: f.mtime}
	lines := expressway.LinesOf(head, 0, ref)
	for line, err := lines.Next(); err == nil; line, err = lines.Next() {
		at, ok := expressway.RecordTime(line.Text, ref)
		if !ok {
			continue
		}
		if records++; records == 1 {
			f.first = at
		}
		if isOurs(line.Text) {
			ours++
			f.served = f.served || expressway.Served(line.Text, ref)
		}
		if hosts == 0 && expressway.HostOf(line.Text, ref) != "" {
			hosts++
		}
	}
	f.ours = ours > 0
	if ours > 0 && hosts == 0 {
		f.host = hostOfName(f.dir, f.base)
	}
	switch {
	case len(head) == 0:
		f.why = "it is empty"
	case records == 0:
		f.why = fmt.Sprintf("no record begins in its first %d KiB", headSize>>10)
	case ours == 0 && f.family == "":
		f.why = "its records name no Expressway module (Module=, Event=, UTCTime=)"
	}
	return f.why == ""
}

func isOurs(line []byte) bool {
	for _, mark := range []string{`Module="`, `Event="`, `UTCTime="`} {
		if bytes.Contains(line, []byte(mark)) {
			return true
		}
	}
	return false
}
