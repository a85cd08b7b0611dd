package mask_test

import (
	"bytes"
	"io"
	"os"
	"runtime"
	"testing"

	"rtmtgrab/bundle/mask"
	"rtmtgrab/internal/lab/scenario"
)

// BenchmarkMask is all three passes over DEBUG logs of the laboratory.
func BenchmarkMask(b *testing.B) {
	p, err := scenario.Scenarios()[0].Play(b.Context(), b.TempDir(), until)
	if err != nil {
		b.Fatal(err)
	}
	defer p.Close()
	var text []byte
	for _, l := range p.Logs() {
		t, err := os.ReadFile(l.Path)
		if err != nil {
			b.Fatal(err)
		}
		text = append(text, t...)
	}
	const size = 256 << 20
	n := size / len(text)
	long := func(text []byte) io.Reader {
		rs := make([]io.Reader, n)
		for i := range rs {
			rs[i] = bytes.NewReader(text)
		}
		return io.MultiReader(rs...)
	}
	b.SetBytes(int64(n * len(text)))
	var high uint64
	for b.Loop() {
		m := mask.New(mask.NewTable(), mask.Identities)
		if err := m.Learn("log", mask.Log, long(text)); err != nil {
			b.Fatal(err)
		}
		var one bytes.Buffer
		if err := m.Mask("log", mask.Log, &one, bytes.NewReader(text)); err != nil {
			b.Fatal(err)
		}
		if err := m.Mask("log", mask.Log, io.Discard, long(text)); err != nil {
			b.Fatal(err)
		}
		if err := m.Search("log", mask.Log, long(one.Bytes())); err != nil {
			b.Fatal(err)
		}
		var s runtime.MemStats
		runtime.ReadMemStats(&s)
		high = max(high, s.HeapSys)
	}
	b.ReportMetric(float64(high)/(1<<20), "MiB-heap")
}
