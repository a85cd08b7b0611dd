package bundle

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"io"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"rtmtgrab/internal/testrace"
)

// allocated is how much f allocates in all, garbage included.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// Archives that unfold, or claim to, cost neither memory nor patience.
func TestBombs(t *testing.T) {
	testrace.Whole(t)
	top := Name(newSample(t, 100).Manifest)
	zeros := []forged{{"report/zeros.bin", strings.Repeat("\x00", 24<<20)}, {sumsName, strings.Repeat("0", 2<<20)}}
	for name, c := range map[string]struct {
		kind  format
		b     []byte
		limit uint64 // bytes
	}{
		"zip of zeros":     {formatZip, forge(t, formatZip, top, zeros), 8 << 20},
		"tar.zst of zeros": {formatTarZst, forge(t, formatTarZst, top, zeros), 20 << 20},
		"huge directory":   {formatZip, hugeDirectory(), 320 << 20},
		"overlapping":      {formatZip, overlapping(t), 16 << 20},
		"huge window":      {formatTarZst, hugeWindow(t), 64 << 20},
		"extended header":  {formatTarZst, extended(t), 32 << 20},
		"endless tar":      {formatTarZst, manyFiles(t), 400 << 20},
	} {
		t.Run(name, func(t *testing.T) {
			var res Result
			n := allocated(func() { res = verifyBytes(t, c.kind, c.b) })
			if res.OK || n > c.limit {
				t.Errorf("OK %v, %d MiB allocated for %d bytes: %v", res.OK, n>>20, len(c.b), res.Bad[:min(3, len(res.Bad))])
			}
			t.Logf("%d MiB allocated for %d KiB: %v", n>>20, len(c.b)>>10, res.Bad[:min(2, len(res.Bad))])
		})
	}
}

type blanks struct{}

func (blanks) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}

// A manifest is read up to its limit and no further.
func TestEndlessManifest(t *testing.T) {
	testrace.Whole(t)
	if _, err := decodeManifest(blanks{}); err == nil || !strings.Contains(err.Error(), "larger than 64 MiB") {
		t.Error(err)
	}
}

// hugeDirectory is a zip with more directory than is read.
func hugeDirectory() []byte {
	entry := make([]byte, 47)
	copy(entry, "PK\x01\x02")
	entry[28] = 1 // the name's length
	entry[46] = 'a'
	b := bytes.Repeat(entry, maxDirectory/47+1000)
	end := make([]byte, 22)
	copy(end, "PK\x05\x06")
	n, size := uint16(len(b)/47), uint32(len(b))
	for _, at := range []int{8, 10} {
		end[at], end[at+1] = byte(n), byte(n>>8)
	}
	for i := range 4 {
		end[12+i] = byte(size >> (8 * i))
	}
	return append(b, end...)
}

// overlapping is a zip of many entries that share their data.
func overlapping(t *testing.T) []byte {
	t.Helper()
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	for _, name := range []string{"t/report/a.txt", "t/report/b.txt"} {
		w, err := z.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(w, strings.Repeat("abcdefgh", 5000)+name)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	b := out.Bytes()
	for i := range b { // both claim nearly all of the archive
		if bytes.HasPrefix(b[i:], []byte("PK\x01\x02")) {
			n := len(b) - 100
			b[i+20], b[i+21] = byte(n), byte(n>>8)
		}
	}
	return b
}

func zstdOf(t *testing.T, b []byte, opts ...zstd.EOption) []byte {
	t.Helper()
	var out bytes.Buffer
	enc, err := zstd.NewWriter(&out, opts...)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := enc.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := enc.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func hugeWindow(t *testing.T) []byte {
	b := zstdOf(t, bytes.Repeat([]byte("x"), 1<<20), zstd.WithSingleSegment(false))
	b[5] = 0xa8 // window descriptor: 2 GiB
	return b
}

// extended is a tar whose one file has more of an extended header than is
// understood here (sparse files have such).
func extended(t *testing.T) []byte {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: "t/report/x.bin", Size: 512, Format: tar.FormatPAX,
		PAXRecords: map[string]string{"COMMENT.x": "y"}})
	if err != nil {
		t.Fatal(err)
	}
	w.Write(make([]byte, 512))
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	b := out.Bytes()
	return zstdOf(t, b)
}

// manyFiles is a tar of more files than a bundle may have.
func manyFiles(t *testing.T) []byte {
	t.Helper()
	var one bytes.Buffer
	w := tar.NewWriter(&one)
	if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: "../x"}); err != nil {
		t.Fatal(err)
	}
	return zstdOf(t, bytes.Repeat(one.Bytes()[:512], maxEntries+10))
}

// Nothing but plain files is taken from a tar.
func TestTarLinks(t *testing.T) {
	for _, kind := range []byte{tar.TypeSymlink, tar.TypeLink, tar.TypeDir, tar.TypeFifo, tar.TypeChar} {
		var out bytes.Buffer
		w := tar.NewWriter(&out)
		if err := w.WriteHeader(&tar.Header{Typeflag: kind, Name: "t/report/x.html", Linkname: "/etc/passwd"}); err != nil {
			t.Fatal(err)
		}
		w.Close()
		res := verifyBytes(t, formatTarZst, reseal(formatTarZst, append(zstdOf(t, out.Bytes()), sealBlank()...)))
		if res.OK || !slices.ContainsFunc(res.Bad, func(b Bad) bool { return strings.Contains(b.What, "plain") }) {
			t.Errorf("type %c: %v", kind, res.Bad)
		}
	}
}
