package bundle

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// What is unpacked is what went in, and no tool is needed to see that.
func TestUnpack(t *testing.T) {
	t.Parallel()
	s := newSample(t, 10_000)
	s.Key = newKey(t)
	for _, ext := range extensions {
		dir := t.TempDir()
		path := s.write(t, ext)
		res, folder, err := Unpack(t.Context(), path, dir, s.Key.Public)
		if err != nil || !res.OK || folder != filepath.Join(dir, Name(s.Manifest)) {
			t.Fatalf("%s: %v %v, %v", ext, folder, res.Bad, err)
		}
		for name, b := range s.logs {
			if !bytes.Equal(read(t, filepath.Join(folder, name)), b) {
				t.Errorf("%s: %s is not the log", ext, name)
			}
		}
		run(t, folder, "sha256sum", "-c", "manifest-sha256.txt")
		filepath.WalkDir(folder, func(path string, e os.DirEntry, err error) error {
			info, _ := e.Info()
			if want := map[bool]os.FileMode{true: 0o700, false: 0o600}[e.IsDir()]; runtime.GOOS != "windows" && info.Mode().Perm() != want {
				t.Errorf("%s: mode %v", path, info.Mode())
			}
			return err
		})
		if _, _, err := Unpack(t.Context(), path, dir); !errors.Is(err, fs.ErrExist) {
			t.Error("over one that is there:", err)
		}
		if res, folder, err := Unpack(t.Context(), path, t.TempDir(), newKey(t).Public); err != nil || res.OK || folder != "" {
			t.Errorf("another key: %v, %v, %v", res.OK, folder, err)
		}
	}
}

// Nothing of what is no bundle, or does not verify, comes to lie on the disk.
func TestUnpackHostile(t *testing.T) {
	t.Parallel()
	top := Name(newSample(t, 100).Manifest)
	bomb := newSample(t, 100) // whole, and its sums are right
	bomb.Reports = []Part{part("report/bomb.bin", make([]byte, unpackAlways+1))}
	many := forge(t, formatZip, top, []forged{{"../up.txt", "x"}, {"report/a", "x"}, {"report/A", "y"}, {"hosts/a/CON.txt", "z"}})
	for name, c := range map[string]struct {
		path, says string
	}{
		"bomb":  {bomb.write(t, ".zip"), "report/bomb.bin"},
		"bomb2": {bomb.write(t, ".tar.zst"), "report/bomb.bin"},
		"slip":  {written(t, "slip.zip", many), "up.txt"},
		"links": {written(t, "x.zip", []byte("PK\x03\x04")), "x.zip"},
	} {
		dir := t.TempDir()
		res, folder, err := Unpack(t.Context(), c.path, dir)
		said := ""
		for _, b := range res.Bad {
			said += b.File + ": " + b.What + "\n"
		}
		if err != nil {
			said += err.Error()
		}
		if folder != "" || !strings.Contains(said, c.says) || err == nil && res.OK {
			t.Errorf("%s: %q, %s", name, folder, said)
		}
		if left, _ := os.ReadDir(dir); len(left) > 0 {
			t.Errorf("%s left %v", name, left)
		}
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := Unpack(gone, bomb.write(t, ".zip"), t.TempDir()); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// An archive that changed after it was verified is written nowhere but below its folder.
func TestUnpackChanged(t *testing.T) {
	t.Parallel()
	s := newSample(t, 1000)
	res, err := Verify(t.Context(), s.write(t, ".zip"))
	if err != nil {
		t.Fatal(err)
	}
	for name, files := range map[string][]forged{
		"slip":      {{"../../up.txt", "x"}},
		"twice":     {{"report/a", "x"}, {"report/A", "y"}},
		"no bundle": {{"bin/sh", "x"}},
		"larger":    {{"report/a", strings.Repeat("x", int(res.Size)+1)}},
	} {
		dir := t.TempDir()
		bad := written(t, "bad.zip", forge(t, formatZip, Name(s.Manifest), files))
		if err := unpack(t.Context(), bad, filepath.Join(dir, "in", "folder"), res); err == nil || !strings.Contains(err.Error(), files[len(files)-1].name) {
			t.Errorf("%s: %v", name, err)
		}
		if left, _ := filepath.Glob(filepath.Join(dir, "in", "*")); len(left) > 0 {
			t.Errorf("%s left %v", name, left)
		}
	}
}

// A bomb that a tar.zst holds ends long before it is unpacked, and is named.
func TestBudget(t *testing.T) {
	t.Parallel()
	b := budgetOf(10, 0)
	b.left.Store(100)
	e := &entry{name: "report/zeros.bin"}
	e.read(t.Context(), charged{b, blanks{}})
	if !errors.Is(e.err, errTooMuch) {
		t.Error(e.err)
	}
	for size, want := range map[int64]int64{0: always, 10 << 20: 2000 << 20, 1 << 62: (1<<63 - 1) / 2 / maxRatio * maxRatio} {
		if got := budgetOf(size, 0).left.Load(); got != want {
			t.Errorf("%d: %d, want %d", size, got, want)
		}
	}
	if got := budgetOf(10, 5<<30).left.Load(); got != 5<<30 { // what was sealed here is read back, whatever it holds
		t.Error(got)
	}
}

func written(t testing.TB, name string, b []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// Whatever is unpacked, verified or not: nothing comes to lie beside the folder, and after an
// error nothing at all.
func FuzzUnpack(f *testing.F) {
	top := Name(newSample(f, 10).Manifest)
	for _, kind := range []format{formatZip, formatTarZst, formatTarGz} {
		f.Add(forge(f, kind, top, []forged{{"README.txt", "x"}, {"hosts/a/b.txt", "y"}}))
		f.Add(forge(f, kind, top, []forged{{"../../up.txt", "x"}}))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		dir := t.TempDir()
		path := written(t, "x", b)
		err := unpack(t.Context(), path, filepath.Join(dir, "in", "folder"), Result{Size: 1 << 20})
		var found []string
		filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
			if name, _ := filepath.Rel(dir, path); name != "." && name != "in" && !strings.HasPrefix(name, filepath.Join("in", "folder")) || err != nil {
				found = append(found, name)
			}
			return nil
		})
		if _, serr := os.Stat(filepath.Join(dir, "in", "folder")); (serr == nil) != (err == nil) || len(found) > 0 {
			t.Errorf("%v, %v; beside the folder: %q", err, serr, found)
		}
		if left, _ := filepath.Glob(filepath.Join(dir, "in", "*"+".part")); len(left) > 0 {
			t.Errorf("left over: %q", left)
		}
	})
}
