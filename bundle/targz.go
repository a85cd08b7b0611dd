package bundle

import (
	"archive/tar"
	"encoding/binary"
	"hash"
	"hash/crc32"
	"io"
	"time"
)

// A tarGz is one gzip member, compressed in blocks side by side, and an empty one behind it
// whose extra field is the seal: every gzip reader passes over that.
type tarGz struct {
	out io.Writer
	gz  *gzipWriter
	tar *tar.Writer
	top string
	t   time.Time
}

func newTarGz(w io.Writer, top string, t time.Time) *tarGz {
	gz := &gzipWriter{w: w, deflate: newDeflater(workers()), crc: crc32.NewIEEE()}
	return &tarGz{out: w, gz: gz, tar: tar.NewWriter(gz), top: top, t: t}
}

func (z *tarGz) create(name string, size int64) (io.Writer, error) {
	return z.tar, z.tar.WriteHeader(tarHeader(z.top+"/"+name, size, z.t))
}

func (z *tarGz) abandon() { z.gz.deflate.wait() }

func (z *tarGz) close() error {
	if err := z.tar.Close(); err != nil {
		return err
	}
	if err := z.gz.Close(); err != nil {
		return err
	}
	_, err := z.out.Write(gzipSeal())
	return err
}

// gzipHead begins a member (RFC 1952): no name and no time, so that the same input gives the
// same bytes, and of no system.
func gzipHead(flags byte) []byte { return []byte{0x1f, 0x8b, 8, flags, 0, 0, 0, 0, 0, 0xff} }

const gzipExtra = 4 // the flag of an extra field

// gzipSeal is the empty member up to where the digits of its seal end; gzipTail is the rest.
func gzipSeal() []byte {
	blank := sealBlank()
	b := binary.LittleEndian.AppendUint16(gzipHead(gzipExtra), uint16(4+len(blank)))
	b = binary.LittleEndian.AppendUint16(append(b, "gr"...), uint16(len(blank)))
	return append(b, blank...)
}

// gzipTail is an empty deflate stream, the CRC of nothing, and its length.
const gzipTail = "\x03\x00\x00\x00\x00\x00\x00\x00\x00\x00"

// A gzipWriter makes one gzip member. Close leaves what is below open.
type gzipWriter struct {
	w       io.Writer
	deflate *blockWriter
	crc     hash.Hash32
	n       int64
	begun   bool
}

func (g *gzipWriter) begin() error {
	if g.begun {
		return nil
	}
	g.begun = true
	g.deflate.reset(g.w)
	_, err := g.w.Write(gzipHead(0))
	return err
}

func (g *gzipWriter) Write(p []byte) (int, error) {
	if err := g.begin(); err != nil {
		return 0, err
	}
	g.crc.Write(p)
	g.n += int64(len(p))
	return g.deflate.Write(p)
}

func (g *gzipWriter) Close() error {
	if err := g.begin(); err != nil {
		return err
	}
	if err := g.deflate.Close(); err != nil {
		return err
	}
	end := binary.LittleEndian.AppendUint32(nil, g.crc.Sum32())
	_, err := g.w.Write(binary.LittleEndian.AppendUint32(end, uint32(g.n)))
	return err
}
