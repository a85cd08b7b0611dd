package fetch

import (
	"bytes"
	"errors"
	"io"

	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/gzip"

	"rtmtgrab/fetch/hostconn"
)

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
