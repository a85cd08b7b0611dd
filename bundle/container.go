package bundle

import (
	"archive/tar"
	"archive/zip"
	"encoding/binary"
	"io"
	"strings"
	"time"
)

type format int

const (
	formatZip format = iota
	formatTarZst
	formatTarGz
)

// formats are the endings of names, without the dot, by format.
var formats = [...]string{"zip", "tar.zst", "tar.gz"}

// noFormat is what an archive is that is none of them.
const noFormat = "neither a zip nor a tar.zst nor a tar.gz"

// Formats are the archives that a bundle can be, as their names end, without the dot.
func Formats() []string { return formats[:] }

// FormatOf is the one of Formats that the name of a file ends in.
func FormatOf(path string) (ending string, ok bool) {
	f, ok := formatOf(path)
	return formats[f], ok
}

func formatOf(path string) (format, bool) {
	lower := strings.ToLower(path)
	for f, ending := range formats {
		if strings.HasSuffix(lower, "."+ending) {
			return format(f), true
		}
	}
	return 0, false
}

const zstdWindow = 8 << 20 // of bundles of earlier versions; within what every zstd decoder takes

// A container is an archive being written. Each file gets the same mode (0600)
// and time; size must be true. Whether it was closed or not, nothing goes on in it
// after abandon.
type container interface {
	create(name string, size int64) (io.Writer, error)
	close() error
	abandon()
}

func newContainer(f format, w io.Writer, top string, t time.Time) container {
	switch f {
	case formatTarZst:
		return newTarZst(w, top, t)
	case formatTarGz:
		return newTarGz(w, top, t)
	}
	return newZip(w, top, t)
}

type zipContainer struct {
	zip     *zip.Writer
	deflate *blockWriter
	top     string
	t       time.Time
}

func newZip(w io.Writer, top string, t time.Time) *zipContainer {
	z := &zipContainer{zip: zip.NewWriter(w), deflate: newDeflater(workers()), top: top, t: t}
	z.zip.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) {
		z.deflate.reset(w) // entries follow each other: one compressor serves all
		return z.deflate, nil
	})
	return z
}

func (z *zipContainer) create(name string, _ int64) (io.Writer, error) {
	h := &zip.FileHeader{Name: z.top + "/" + name, Method: zip.Deflate, Modified: z.t}
	h.SetMode(0o600)
	return z.zip.CreateHeader(h)
}

func (z *zipContainer) close() error {
	if err := z.zip.SetComment(sealBlank()); err != nil {
		return err
	}
	return z.zip.Close()
}

func (z *zipContainer) abandon() { z.deflate.wait() }

// A tarZst has zstd frames of blocks that are compressed side by side, and in none of them
// two files, so that damage is told, by the frame's own checksum, where it is.
type tarZst struct {
	out    io.Writer
	frames *blockWriter
	tar    *tar.Writer
	top    string
	t      time.Time
}

func newTarZst(w io.Writer, top string, t time.Time) *tarZst {
	frames := newFramer(workers())
	frames.reset(w)
	return &tarZst{out: w, frames: frames, tar: tar.NewWriter(frames), top: top, t: t}
}

func (z *tarZst) create(name string, size int64) (io.Writer, error) {
	if err := z.tar.Flush(); err != nil {
		return nil, err
	}
	z.frames.cut()
	return z.tar, z.tar.WriteHeader(tarHeader(z.top+"/"+name, size, z.t))
}

func tarHeader(name string, size int64, t time.Time) *tar.Header {
	return &tar.Header{Typeflag: tar.TypeReg, Name: name, Size: size, Mode: 0o600, ModTime: t}
}

func (z *tarZst) abandon() { z.frames.wait() }

// skippable is the magic number of a zstd frame that decoders pass over
// (RFC 8878, 3.1.2).
const skippable = 0x184d2a5f

func (z *tarZst) close() error {
	if err := z.tar.Close(); err != nil {
		return err
	}
	if err := z.frames.Close(); err != nil {
		return err
	}
	blank := sealBlank()
	frame := binary.LittleEndian.AppendUint32(nil, skippable)
	frame = binary.LittleEndian.AppendUint32(frame, uint32(len(blank)))
	_, err := z.out.Write(append(frame, blank...))
	return err
}
