// Package plaintext is what people meant to write: the text of files that editors and shells of
// Windows have saved. It guarantees that a file without their marks stays as it is, byte for
// byte. It does not know what the text says.
package plaintext

import (
	"bytes"
	"encoding/binary"
	"unicode/utf16"
)

// The marks with which editors and shells on Windows begin a file.
const (
	utf8Mark     = "\xef\xbb\xbf"
	littleEndian = "\xff\xfe"
	bigEndian    = "\xfe\xff"
)

// MarkLen is how many bytes tell whether a file begins with a mark.
const MarkLen = len(utf8Mark)

// Marked reports whether a file that begins so has a mark.
func Marked(b []byte) bool {
	for _, mark := range []string{utf8Mark, littleEndian, bigEndian} {
		if bytes.HasPrefix(b, []byte(mark)) {
			return true
		}
	}
	return false
}

// Of is the text of a file that a person wrote. Notepad puts a mark in front that nobody sees,
// and PowerShell's > writes UTF-16: as a password either is refused, which locks accounts, and as
// a key nobody's. What is no such text stays as it is.
func Of(b []byte) []byte {
	if rest, ok := bytes.CutPrefix(b, []byte(utf8Mark)); ok {
		return rest
	}
	var order binary.ByteOrder = binary.LittleEndian
	rest, ok := bytes.CutPrefix(b, []byte(littleEndian))
	if !ok {
		order = binary.BigEndian
		rest, ok = bytes.CutPrefix(b, []byte(bigEndian))
	}
	if !ok || len(rest)%2 != 0 {
		return b
	}
	units := make([]uint16, len(rest)/2)
	for i := range units {
		units[i] = order.Uint16(rest[2*i:])
	}
	runes := utf16.Decode(units)
	for _, r := range runes {
		if r == 0 || r == '\ufffd' {
			return b // bytes that happen to begin so
		}
	}
	return []byte(string(runes))
}
