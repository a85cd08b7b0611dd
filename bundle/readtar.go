package bundle

import (
	"archive/tar"
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// decoders saves clearing 8 MiB for each archive. Without concurrency a decoder
// has no goroutines and need not be closed.
var decoders sync.Pool // of *zstd.Decoder

// decompress gives what is in a stream, in bounded memory. release gives the memory back.
func decompress(f format, r io.Reader) (dec io.Reader, release func(), err error) {
	if f == formatTarGz {
		z, err := gzip.NewReader(bufio.NewReaderSize(r, 64<<10))
		return z, func() {}, err
	}
	z, err := newDecoder(r)
	if err != nil {
		return nil, nil, err
	}
	return z, func() {
		z.Reset(nil) // lets go of r
		decoders.Put(z)
	}, nil
}

// stoppable ends with ctx also where nothing comes of what is read, as of a million
// empty members of a gzip.
type stoppable struct {
	ctx context.Context
	r   io.Reader
}

func (s stoppable) Read(p []byte) (int, error) {
	if err := s.ctx.Err(); err != nil {
		return 0, err
	}
	return s.r.Read(p)
}

// newDecoder takes a decoder whose memory is bounded whatever it is given.
func newDecoder(r io.Reader) (*zstd.Decoder, error) {
	if dec, ok := decoders.Get().(*zstd.Decoder); ok {
		return dec, dec.Reset(r)
	}
	return zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxWindow(zstdWindow), zstd.WithDecoderMaxMemory(2*zstdWindow))
}

// walkTar goes through a compressed tar. What follows its end, another archive too, is
// damage: somebody else's reader may show it.
func walkTar(ctx context.Context, f format, r io.ReaderAt, size int64, most *budget, visit visitor) error {
	dec, release, err := decompress(f, stoppable{ctx, io.NewSectionReader(r, 0, size)})
	if err != nil {
		return err
	}
	defer release()
	body := newAhead(charged{most, dec})
	defer body.stop() // before dec is released
	tr := tar.NewReader(body)
	last := ""
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		h, err := tr.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return behind(last, err)
		}
		last = h.Name
		if err := visitTar(h, tr, visit); err != nil {
			return err
		}
	}
	switch _, err := io.ReadFull(body, make([]byte, 1)); err {
	case io.EOF:
		return nil
	case nil:
		return behind(last, errors.New("data after the end of the tar archive"))
	default:
		return behind(last, err)
	}
}

// behind says where in an archive something is wrong: the entry itself may not be known.
func behind(last string, err error) error {
	if last == "" {
		return err
	}
	return fmt.Errorf("behind %q: %w", printable(last), err)
}

// visitTar lets plain files pass: no links, no sparse files, nothing that an
// extended header could change but a long name and a large size.
func visitTar(h *tar.Header, tr *tar.Reader, visit visitor) error {
	plain := h.Typeflag == tar.TypeReg
	for key := range h.PAXRecords {
		plain = plain && (key == "path" || key == "size")
	}
	if !plain {
		return visit(h.Name, nil, errors.New("not a plain file"))
	}
	return visit(h.Name, tr, nil)
}
