package bundle

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"encoding/binary"
	"io"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"

	"rtmtgrab/internal/testrace"
)

// gzipOf compresses with a stock writer.
func gzipOf(t testing.TB, b []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	z.Write(b)
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// tarOf is a tar of one header of any kind, and a body.
func tarOf(t testing.TB, h tar.Header, body string) []byte {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	h.Size = int64(len(body))
	if err := w.WriteHeader(&h); err != nil {
		t.Fatal(err)
	}
	io.WriteString(w, body)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// withSeal ends a tar.gz as its writer does, with the right digits.
func withSeal(b []byte) []byte {
	return reseal(formatTarGz, slices.Concat(b, gzipSeal(), []byte(gzipTail)))
}

// Whatever is wrong with an archive, it is not converted to any format, in bounded memory,
// nothing of it is written, and the entry is named.
func TestConvertHostile(t *testing.T) {
	top := Name(newSample(t, 100).Manifest)
	entries := entriesOf(t, newSample(t, 500))
	add := func(name, body string) []forged { return append(slices.Clone(entries), forged{name, body}) }
	type hostile struct {
		files []forged
		named string
	}
	good := read(t, newSample(t, 500).write(t, ".tar.gz"))
	raw := map[string]struct {
		ext, named string
		b          []byte
	}{
		"trailing garbage":       {".tar.gz", "archive.tar.gz", slices.Concat(good, []byte("garbage"))},
		"another gzip behind":    {".tar.gz", "archive.tar.gz", slices.Concat(good, gzipOf(t, []byte("more")))},
		"another archive behind": {".tar.gz", "archive.tar.gz", slices.Concat(good, good)},
		"a tar behind the tar":   {".tar.gz", "archive.tar.gz", withSeal(slices.Concat(unsealed(good), gzipOf(t, tarOf(t, tar.Header{Typeflag: tar.TypeReg, Name: top + "/report/x.html"}, "x"))))},
		"200,000 empty members":  {".tar.gz", "archive.tar.gz", slices.Concat(bytes.Repeat(gzipOf(t, nil), 200_000), good)},
		"cut off":                {".tar.gz", "archive.tar.gz", good[:len(good)/2]},
		"huge extra field":       {".tar.gz", "archive.tar.gz", append(binary.LittleEndian.AppendUint16(gzipHead(gzipExtra), 65535), good...)},
		"huge directory":         {".zip", "archive.zip", hugeDirectory()},
		"a million in a zst":     {".tar.zst", "archive.tar.zst", manyFiles(t)},
	}
	for kind, flag := range map[string]byte{"symlink": tar.TypeSymlink, "link": tar.TypeLink, "fifo": tar.TypeFifo, "device": tar.TypeBlock, "folder": tar.TypeDir} {
		b := tarOf(t, tar.Header{Typeflag: flag, Name: top + "/report/" + kind + ".html", Linkname: "/etc/passwd"}, "")
		raw[kind+" in a gz"] = struct {
			ext, named string
			b          []byte
		}{".tar.gz", "report/" + kind + ".html", withSeal(gzipOf(t, b))}
	}
	raw["symlink in a zip"] = struct {
		ext, named string
		b          []byte
	}{".zip", "report/link.html", zipLink(t, top+"/report/link.html")}
	for name, c := range map[string]hostile{
		"zip slip":        {add("../../evil.txt", "x"), top + "/../../evil.txt"},
		"absolute":        {add("/etc/passwd", "x"), top + "//etc/passwd"},
		"drive":           {add("report/C:evil.txt", "x"), "report/C:evil.txt"},
		"backslash":       {add(`report\evil.txt`, "x"), `report\evil.txt`},
		"reserved":        {add("report/aux.txt", "x"), "report/aux.txt"},
		"case":            {add("REPORT/../readme.TXT", "x"), "readme.TXT"},
		"twice":           {add("report/registration.json", "x"), "report/registration.json"},
		"twice in case":   {add("report/Registration.JSON", "x"), "report/Registration.JSON"},
		"bomb":            {add("report/bomb.html", strings.Repeat("\x00", 24<<20)), "report/bomb.html"},
		"manifest's bomb": {append(slices.Clone(entries[:1]), forged{manifestName, `{"hosts":[` + strings.Repeat("{},", 1_000_000) + `{}]}`}), manifestName},
		"million sums":    {append(slices.Clone(entries[:2]), forged{sumsName, strings.Repeat(strings.Repeat("0", 64)+"  a\n", 1_000_000)}), sumsName},
	} {
		for f, ending := range formats {
			raw[name+" in a "+ending] = struct {
				ext, named string
				b          []byte
			}{"." + ending, c.named, forge(t, format(f), top, c.files)}
		}
	}
	for i, name := range slices.Sorted(maps.Keys(raw)) {
		c := raw[name]
		if testrace.Skips(i, 7) {
			continue
		}
		path := filepath.Join(t.TempDir(), "archive"+c.ext)
		if err := os.WriteFile(path, c.b, 0o600); err != nil {
			t.Fatal(err)
		}
		runtime.GC()
		var v *Verified
		var res Result
		var err error
		n := allocated(func() { v, res, err = OpenVerified(t.Context(), path) })
		if err != nil || v != nil || !slices.ContainsFunc(res.Bad, func(b Bad) bool { return strings.HasSuffix(b.File, c.named) }) {
			t.Errorf("%s: %v, %v, want %q named", name, err, res.Bad[:min(3, len(res.Bad))], c.named)
		}
		if n > 400<<20 { // in all, garbage too
			t.Errorf("%s: %d MiB allocated for %d KiB", name, n>>20, len(c.b)>>10)
		}
	}
}

// zipLink is a zip with a symbolic link.
func zipLink(t testing.TB, name string) []byte {
	t.Helper()
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	h := &zip.FileHeader{Name: name, Method: zip.Deflate}
	h.SetMode(0o777 | os.ModeSymlink)
	w, err := z.CreateHeader(h)
	if err != nil {
		t.Fatal(err)
	}
	io.WriteString(w, "/etc/passwd")
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// unsealed is a tar.gz without its last member.
func unsealed(b []byte) []byte { return b[:len(b)-len(gzipSeal())-len(gzipTail)] }
