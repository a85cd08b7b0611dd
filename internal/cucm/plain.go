package cucm

import (
	"bufio"
	"bytes"
	"errors"
	"io"

	"github.com/klauspost/compress/gzip"
)

// Plain is a log's text: unpacked if it is gzip, by what is in it and not by its name. The
// end of a packed file is its trailer, whose checksum and length are right: else the end
// is an error. open: the file is still written, so where it breaks off is its end.
//
// Its text may then end inside a record.
func Plain(r io.Reader, open bool) (io.Reader, error) {
	src := &source{r: r}
	b := bufio.NewReaderSize(src, 64<<10)
	head, err := b.Peek(2)
	switch {
	case err != nil && err != io.EOF:
		return nil, err
	case !bytes.Equal(head, []byte{0x1f, 0x8b}):
		return b, nil
	}
	z, err := gzip.NewReader(b)
	if err != nil {
		if src.err != nil {
			return nil, src.err
		}
		if open && (err == io.EOF || errors.Is(err, io.ErrUnexpectedEOF)) {
			return bytes.NewReader(nil), nil
		}
		return nil, err
	}
	return &unpacked{z: z, src: src, open: open}, nil
}

// source remembers why a stream broke off, which is another thing than its end.
type source struct {
	r   io.Reader
	err error
}

func (s *source) Read(b []byte) (int, error) {
	n, err := s.r.Read(b)
	if err != nil && err != io.EOF {
		s.err = err
	}
	return n, err
}

// unpacked is the text of a packed file.
type unpacked struct {
	z    io.Reader
	src  *source
	open bool // its end may be missing
}

func (u *unpacked) Read(b []byte) (int, error) {
	n, err := u.z.Read(b)
	switch {
	case err == nil || err == io.EOF:
	case u.src.err != nil:
		err = u.src.err
	case u.open && errors.Is(err, io.ErrUnexpectedEOF):
		err = io.EOF
	}
	return n, err
}
