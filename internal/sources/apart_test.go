package sources

import (
	"bytes"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"rtmtgrab/bundle"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/expressway"
)

// A file that ends within a record (the power failed, or the rest was rotated away) leaves the
// record that the next file begins with a record of its own, in a folder and in a bundle.
func TestTornFile(t *testing.T) {
	old, live := someLog(1, 40, "REGISTER old"), someLog(2, 40, "REGISTER live")
	for _, end := range []int{len(old) - 1, len(old) - 30, len(old) - 100, len(old)/2 + 7} {
		torn := old[:end]
		want := slices.Concat(torn[:end-1], []byte("\n"), live)
		dir := t.TempDir()
		put(t, dir, file{"expc01/network_log", live}, file{"expc01/network_log.1", torn})
		s := mustOpen(t, dir)
		if got := contents(t, byFile(t, s, "expc01/network_log (2 files)")); !bytes.Equal(got, want) {
			t.Errorf("a folder, torn at %d: %d bytes, or the joint is not the end of a line", end, len(got))
		}
		in := incident(slices.Concat(torn, live))
		in.Manifest.Hosts[0].Files[0].Sources = []evidence.Source{{Name: "network_log.1", Length: int64(end)}, {Name: "network_log", Length: int64(len(live))}}
		zip := filepath.Join(dir, "a.zip")
		_, err := bundle.Write(t.Context(), zip, in)
		must(t, err)
		if got := contents(t, byFile(t, mustOpen(t, zip), "hosts/expc01/network_log.txt")); !bytes.Equal(got, want) {
			t.Errorf("a bundle, torn at %d: %d bytes, or the joint is not the end of a line", end, len(got))
		}
	}
}

// However a log is read, it comes whole, and is changed where it has to be alone; an error comes
// behind all that was there.
func TestApart(t *testing.T) {
	head := "2026-03-02T09:00:00.000-05:00 expc01 tvcs: x\n"
	text := strings.Repeat("torn", 40_000) + head + strings.Repeat("y", 70_000) + "goes on\n" + head
	joints := []int64{0, 160_000, int64(160_000 + len(head) + 70_000), int64(len(text) - len(head)), 1 << 40}
	want := text[:159_999] + "\n" + text[160_000:]
	for name, r := range map[string]io.Reader{"whole": strings.NewReader(text), "halves": iotest.HalfReader(strings.NewReader(text)), "bytes": iotest.OneByteReader(strings.NewReader(text)),
		"an error": io.MultiReader(strings.NewReader(text), iotest.ErrReader(io.ErrUnexpectedEOF))} {
		got, err := io.ReadAll(newApart(io.NopCloser(r), func() []int64 { return joints }, expressway.Ref{}))
		if string(got) != want || (err != nil) != (name == "an error") {
			t.Errorf("%s: %d bytes of %d, %v", name, len(got), len(want), err)
		}
	}
	a := newApart(io.NopCloser(strings.NewReader(text)), func() []int64 { return joints }, expressway.Ref{})
	if err := iotest.TestReader(a, []byte(want)); err != nil {
		t.Error(err)
	}
}
