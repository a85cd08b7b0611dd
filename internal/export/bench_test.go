package export

import (
	"bytes"
	"io"
	"testing"

	"rtmtgrab/internal/lab"
)

// BenchmarkPCAPNG: mixed traffic at DEBUG, from memory to nowhere.
func BenchmarkPCAPNG(b *testing.B) {
	var text bytes.Buffer
	if _, err := lab.WriteLog(&text, lab.BulkOptions{Since: begin, Size: 32 << 20, Log: lab.LogConfig{Level: "DEBUG"}}); err != nil {
		b.Fatal(err)
	}
	src := source1("a", text.String())
	b.SetBytes(int64(text.Len()))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := PCAPNG(b.Context(), io.Discard, src, Options{}); err != nil {
			b.Fatal(err)
		}
	}
}
