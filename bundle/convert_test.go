package bundle

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"
)

// convert makes another kind of archive in a new folder.
func convert(t testing.TB, path, ending string) string {
	t.Helper()
	v, res, err := OpenVerified(t.Context(), path)
	if err != nil || v == nil {
		t.Fatal(err, res.Bad)
	}
	defer v.Close()
	to := filepath.Join(t.TempDir(), Name(v.Manifest)+"."+ending)
	info, err := v.Convert(t.Context(), to, ending)
	if err != nil {
		t.Fatal(err)
	}
	if b := read(t, to); info.Bytes != int64(len(b)) || info.SHA256 != sumOf(b) || info.Path != to {
		t.Errorf("%+v of %d bytes", info, len(b))
	}
	return to
}

// contentsOf are the files of an archive, with their full names, in order.
func contentsOf(t testing.TB, path string) (names []string, bodies map[string]string) {
	t.Helper()
	bodies = map[string]string{}
	b := read(t, path)
	f, _ := formatOf(path)
	err := walk(t.Context(), f, bytes.NewReader(b), int64(len(b)), func(full string, body io.Reader, err error) error {
		if err != nil {
			return err
		}
		whole, err := io.ReadAll(body)
		names, bodies[full] = append(names, full), string(whole)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names, bodies
}

// However often a bundle is converted, its files stay as they are, and what was a format
// once has the same bytes again. The signature is good for all.
func TestConvertRoundTrip(t *testing.T) {
	s := newSample(t, 60_000)
	key := newKey(t)
	s.Key = key
	for _, from := range extensions {
		first := s.write(t, from)
		names, bodies := contentsOf(t, first)
		path := first
		for _, ending := range []string{"tar.gz", "tar.zst", "zip", "tar.zst", "tar.gz", "zip"} {
			path = convert(t, path, ending)
			gotNames, gotBodies := contentsOf(t, path)
			if !slices.Equal(names, gotNames) {
				t.Fatalf("%s to %s: %v, was %v", from, ending, gotNames, names)
			}
			for name, body := range bodies {
				if gotBodies[name] != body {
					t.Errorf("%s to %s: %s differs", from, ending, name)
				}
			}
			if res, err := Verify(t.Context(), path, key.Public); err != nil || !res.OK || res.Signature != SignatureOK {
				t.Errorf("%s to %s: %v, %v", from, ending, res.Bad, err)
			}
			if want := s.write(t, "."+ending); !bytes.Equal(read(t, path), read(t, want)) {
				t.Errorf("%s to %s: not the bytes that the bundle has when it is sealed so", from, ending)
			}
		}
	}
}

// Several that write one file at once do each other no harm: it is whole at every moment at which
// one of them has come to its end, and nothing is left beside it.
func TestConvertAtOnce(t *testing.T) {
	path := newSample(t, 200_000).write(t, ".zip")
	to := filepath.Join(t.TempDir(), "to.tar.gz")
	var wg sync.WaitGroup
	for range 8 {
		v, _, err := OpenVerified(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		wg.Go(func() {
			defer v.Close()
			if _, err := v.Convert(t.Context(), to, "tar.gz"); err != nil {
				t.Error(err)
				return
			}
			if res, err := Verify(t.Context(), to); err != nil || !res.OK {
				t.Error(res.Bad, err)
			}
		})
	}
	wg.Wait()
	if left, err := os.ReadDir(filepath.Dir(to)); err != nil || len(left) != 1 {
		t.Error(left, err)
	}
}

// What is written to a stream is what is written to a file.
func TestCopyTo(t *testing.T) {
	path := newSample(t, 10_000).write(t, ".zip")
	v, _, err := OpenVerified(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	for _, ending := range Formats() {
		var out bytes.Buffer
		if err := v.CopyTo(t.Context(), &out, ending); err != nil || !bytes.Equal(out.Bytes(), read(t, convert(t, path, ending))) {
			t.Errorf("%s: %v", ending, err)
		}
	}
	if err := v.CopyTo(t.Context(), io.Discard, "rar"); err == nil {
		t.Error("a rar was written")
	}
}

// A file that is changed between being verified and being read costs the copy, which is
// gone, and leaves what was at its name.
func TestConvertChangedMeanwhile(t *testing.T) {
	for _, ext := range extensions {
		path := newSample(t, 200_000).write(t, ext)
		v, _, err := OpenVerified(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		other := newSample(t, 200_000)
		other.logs[logName("expc01", "messages")][1000] ^= 1
		for _, h := range other.Manifest.Hosts {
			for i, f := range h.Files {
				if b, ok := other.logs[f.Path]; ok {
					h.Files[i].SHA256 = sumOf(b)
				}
			}
		}
		if err := os.WriteFile(path, read(t, other.write(t, ext)), 0o600); err != nil { // the same file
			t.Fatal(err)
		}
		v.size = int64(len(read(t, path)))
		dir := t.TempDir()
		to := filepath.Join(dir, "to.zip")
		os.WriteFile(to, []byte("before"), 0o600)
		if _, err := v.Convert(t.Context(), to, "zip"); err == nil {
			t.Errorf("%s: it was written", ext)
		}
		v.Close()
		if left, _ := os.ReadDir(dir); len(left) != 1 || string(read(t, to)) != "before" {
			t.Errorf("%s: left over: %v", ext, left)
		}
	}
}

func TestConvertCancelled(t *testing.T) {
	path := newSample(t, 200_000).write(t, ".zip")
	v, _, err := OpenVerified(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	for _, ending := range Formats() {
		dir := t.TempDir()
		if _, err := v.Convert(gone, filepath.Join(dir, "to"), ending); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", ending, err)
		}
		if left, _ := os.ReadDir(dir); len(left) > 0 {
			t.Errorf("%s: left over: %v", ending, left)
		}
	}
}

// Explorer opens it: names that every system takes, times from 1980 on, and in a zip what
// its own reader knows.
func TestExplorer(t *testing.T) {
	for _, year := range []string{"2026", "1969", "2150"} {
		s := newSample(t, 1000)
		if year != "2026" {
			s.Manifest.Window.Until = at(year + "-03-02T14:19:07Z")
		}
		z, err := zip.OpenReader(convert(t, s.write(t, ".tar.gz"), "zip"))
		if err != nil {
			t.Fatal(err)
		}
		defer z.Close()
		for _, f := range z.File {
			if f.NonUTF8 || !utf8.ValidString(f.Name) || strings.ContainsAny(f.Name, `\:*?"<>|`) || strings.HasPrefix(f.Name, "/") || !filepath.IsLocal(f.Name) || len(f.Name) > 200 {
				t.Errorf("%q", f.Name)
			}
			if y := f.Modified.Year(); y < 1980 || y > 2100 || f.Method != zip.Deflate || f.ReaderVersion > 20 || f.Flags&^0x808 != 0 {
				t.Errorf("%s: %v, method %d, version %d, flags %x", f.Name, f.Modified, f.Method, f.ReaderVersion, f.Flags)
			}
		}
	}
}

// FuzzConvert: whatever the bytes, what passes is converted to each format and back to the
// same files; what does not pass makes nothing.
func FuzzConvert(f *testing.F) {
	for kind, ending := range formats {
		b := tiny(f, "."+ending)
		f.Add(uint(kind), b)
		f.Add(uint(kind), b[:len(b)-1])
	}
	f.Fuzz(func(t *testing.T, as uint, b []byte) {
		kind := format(as % uint(len(formats)))
		path := filepath.Join(t.TempDir(), "a."+formats[kind])
		if err := os.WriteFile(path, reseal(kind, b), 0o600); err != nil {
			t.Fatal(err)
		}
		v, res, err := OpenVerified(t.Context(), path)
		if err != nil || (v == nil) == res.OK {
			t.Fatalf("%v, OK %v", err, res.OK)
		}
		if v == nil {
			return
		}
		defer v.Close()
		_, want := contentsOf(t, path)
		for _, ending := range formats {
			_, got := contentsOf(t, convert(t, convert(t, path, ending), formats[kind]))
			for name, body := range want {
				if got[name] != body {
					t.Errorf("%s: %s differs", ending, name)
				}
			}
		}
	})
}
