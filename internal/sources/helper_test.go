package sources

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"rtmtgrab/internal/registration"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// record is a record of some minute, with a text of its own.
func record(minute, n int, text string) string {
	at := time.Date(2026, 3, 2, 14, minute, n/1000%60, n%1000*1e6, time.UTC)
	return fmt.Sprintf("%s-05:00 expc01 tvcs: UTCTime=%q Module=\"network.sip\" Level=\"DEBUG\":  Action=\"Sent\" Msg-Hash=\"%d\"\n SIPMSG:\n |%s\n |\n\n",
		at.Add(-5*time.Hour).Format("2006-01-02T15:04:05.000"), at.Format("2006-01-02 15:04:05,000"), n, text)
}

// someLog is a log of one minute.
func someLog(minute, records int, text string) []byte {
	var b bytes.Buffer
	for i := range records {
		b.WriteString(record(minute, i*60_000/records, text))
	}
	return b.Bytes()
}

func gz(b []byte) []byte {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	w.Write(b)
	w.Close()
	return out.Bytes()
}

// A file is one of a folder or of an archive.
type file struct {
	name string
	b    []byte
}

func tarOf(files ...file) []byte {
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, f := range files {
		w.WriteHeader(&tar.Header{Name: f.name, Typeflag: tar.TypeReg, Size: int64(len(f.b)), Mode: 0o600})
		w.Write(f.b)
	}
	w.Close()
	return out.Bytes()
}

func zipOf(files ...file) []byte {
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	for _, f := range files {
		e, _ := w.Create(f.name)
		e.Write(f.b)
	}
	w.Close()
	return out.Bytes()
}

// put writes files below a folder.
func put(t testing.TB, dir string, files ...file) {
	t.Helper()
	for _, f := range files {
		path := filepath.Join(dir, filepath.FromSlash(f.name))
		must(t, os.MkdirAll(filepath.Dir(path), 0o700))
		must(t, os.WriteFile(path, f.b, 0o600))
	}
}

// open opens a set whose temporary file is in a folder of its own, which is empty
// when the test ends.
func open(t testing.TB, args ...string) (*Set, error) {
	t.Helper()
	tmp := t.TempDir()
	s, err := Open(t.Context(), tmp, args...)
	t.Cleanup(func() {
		if s != nil {
			must(t, s.Close())
		}
		if left, _ := os.ReadDir(tmp); len(left) > 0 {
			t.Errorf("left behind: %v", left)
		}
	})
	return s, err
}

func mustOpen(t testing.TB, args ...string) *Set {
	t.Helper()
	s, err := open(t, args...)
	must(t, err)
	return s
}

// contents reads a source, which can be done more than once.
func contents(t testing.TB, src registration.Source) []byte {
	t.Helper()
	var got [2][]byte
	for i := range got {
		r, err := src.Open()
		must(t, err)
		got[i], err = io.ReadAll(r)
		must(t, err)
		must(t, r.Close())
	}
	if !bytes.Equal(got[0], got[1]) {
		t.Errorf("%s: the second time %d bytes instead of %d", src.File, len(got[1]), len(got[0]))
	}
	return got[0]
}

// byFile finds a source by its name.
func byFile(t testing.TB, s *Set, name string) registration.Source {
	t.Helper()
	var names []string
	for _, src := range s.Sources {
		if src.File == name {
			return src
		}
		names = append(names, src.File)
	}
	t.Fatalf("no source %q in %q", name, names)
	return registration.Source{}
}
