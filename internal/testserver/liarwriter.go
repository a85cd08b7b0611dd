package testserver

import (
	"cmp"
	"encoding/binary"
	"io"
)

// A LiarWriter writes answers to one SFTP request, as many as it is told. An error says
// that the client is gone.
type LiarWriter struct {
	out io.Writer
	id  uint32
}

// Raw writes bytes in an answer's place.
func (w *LiarWriter) Raw(b []byte) error {
	_, err := w.out.Write(b)
	return err
}

// Packet writes an answer of any type; length, if not zero, is what its head claims.
func (w *LiarWriter) Packet(kind byte, body []byte, length uint32) error {
	b := binary.BigEndian.AppendUint32(nil, cmp.Or(length, uint32(len(body))+5))
	b = binary.BigEndian.AppendUint32(append(b, kind), w.id)
	return w.Raw(append(b, body...))
}

// Status answers with a code of SFTP: 0 well, 1 the end, 2 no such file, 3 not permitted,
// 4 and up failures.
func (w *LiarWriter) Status(code uint32) error {
	b := binary.BigEndian.AppendUint32(nil, code)
	return w.Packet(liarStatus, append(b, 0, 0, 0, 1, 'x', 0, 0, 0, 0), 0)
}

// Handle answers with a handle.
func (w *LiarWriter) Handle(h string) error { return w.Packet(liarHandle, liarString(nil, h), 0) }

// Data answers with data, however many were asked for.
func (w *LiarWriter) Data(b []byte) error {
	return w.Packet(liarData, liarString(nil, string(b)), 0)
}

// Attrs answers with what a file claims to be.
func (w *LiarWriter) Attrs(f LiarFile) error {
	return w.Packet(liarAttrs, f.attrs(nil), 0)
}

// Names answers with entries of a folder.
func (w *LiarWriter) Names(files ...LiarFile) error {
	b := binary.BigEndian.AppendUint32(nil, uint32(len(files)))
	for _, f := range files {
		b = f.attrs(liarString(liarString(b, f.Name), f.Name))
	}
	return w.Packet(liarName, b, 0)
}

func liarString(b []byte, s string) []byte {
	return append(binary.BigEndian.AppendUint32(b, uint32(len(s))), s...)
}

// attrs are size, mode and times.
func (f LiarFile) attrs(b []byte) []byte {
	const regular = 0o100644
	b = binary.BigEndian.AppendUint32(b, 1|4|8)
	b = binary.BigEndian.AppendUint64(b, cmp.Or(f.Size, uint64(len(f.Data))))
	b = binary.BigEndian.AppendUint32(b, cmp.Or(f.Mode, regular))
	return binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(b, f.MTime), f.MTime)
}
