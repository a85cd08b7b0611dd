package plaintext

import (
	"encoding/binary"
	"testing"
	"unicode/utf16"
)

func wide(order binary.AppendByteOrder, text string) string {
	b := order.AppendUint16(nil, 0xfeff)
	for _, u := range utf16.Encode([]rune(text)) {
		b = order.AppendUint16(b, u)
	}
	return string(b)
}

// A text is the same, however an editor on Windows has saved it; what is none stays.
func TestOf(t *testing.T) {
	const text = "grün 🔑\r\n"
	for given, want := range map[string]string{
		"": "", text: text, utf8Mark + text: text, utf8Mark: "",
		wide(binary.LittleEndian, text): text, wide(binary.BigEndian, text): text,
		"\xff\xfe\x00": "\xff\xfe\x00", "\xff\xfe\x00\x00ab": "\xff\xfe\x00\x00ab", "\xfe\xff\xd8\x00\x00a": "\xfe\xff\xd8\x00\x00a",
		text + "\ufeff": text + "\ufeff",
	} {
		if got := Of([]byte(given)); string(got) != want {
			t.Errorf("%q: %q", given, got)
		}
		if got := string(Of([]byte(given))) != given; got && !Marked([]byte(given)[:min(len(given), MarkLen)]) {
			t.Errorf("%q has no mark, and is changed", given)
		}
	}
}
