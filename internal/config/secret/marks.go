package secret

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

// unmarked is the text of a file that a person wrote. Notepad puts a mark in front that nobody sees,
// and PowerShell's > writes UTF-16: as a password either is refused, which locks accounts. What is no
// such text stays as it is.
func unmarked(b []byte) []byte {
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
