package bundle

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"testing/iotest"

	"rtmtgrab/internal/atomicfile"
)

func TestWriteAndVerify(t *testing.T) {
	for _, ext := range extensions {
		t.Run(ext, func(t *testing.T) {
			s := newSample(t, 200_000)
			path := filepath.Join(t.TempDir(), Name(s.Manifest)+ext)
			if err := os.WriteFile(path+atomicfile.PartSuffix, []byte("left over"), 0o644); err != nil {
				t.Fatal(err)
			}
			info, err := Write(t.Context(), path, s.Input)
			if err != nil {
				t.Fatal(err)
			}
			b := read(t, path)
			if info.Path != path || info.Bytes != int64(len(b)) || info.SHA256 != sumOf(b) {
				t.Errorf("info is %+v, the file has %d bytes, SHA-256 %s", info, len(b), sumOf(b))
			}
			st, err := os.Stat(path)
			if err != nil {
				t.Fatal(err)
			}
			if runtime.GOOS != "windows" && st.Mode() != 0o600 {
				t.Errorf("mode %v", st.Mode())
			}
			onlyFile(t, path)
			res, err := Verify(t.Context(), path)
			if err != nil || !res.OK || len(res.Bad) != 0 || res.Bad == nil {
				t.Fatalf("Verify: %+v, %v", res, err)
			}
			if res.Manifest.Incident != s.Manifest.Incident || len(res.Manifest.Hosts) != 3 {
				t.Errorf("manifest %+v", res.Manifest)
			}
			m, err := ReadManifest(path)
			if err != nil || m.Incident != s.Manifest.Incident {
				t.Errorf("ReadManifest: %v, %v", m.Incident, err)
			}
		})
	}
}

// onlyFile checks that nothing lies beside path.
func onlyFile(t *testing.T, path string) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != 1 || entries[0].Name() != filepath.Base(path) {
		t.Errorf("the folder holds %v", entries)
	}
}

func TestSameInputSameBytes(t *testing.T) {
	for _, ext := range extensions {
		s := newSample(t, 300_000)
		whole := read(t, s.write(t, ext))
		log := s.Log
		s.Log = func(host, family string) (io.ReadCloser, error) { // in other, odd portions
			r, err := log(host, family)
			return io.NopCloser(iotest.HalfReader(r)), err
		}
		if again := read(t, s.write(t, ext)); !bytes.Equal(whole, again) {
			t.Errorf("%s: %d and %d bytes differ", ext, len(whole), len(again))
		}
	}
}

func TestRevisionNamesTheFolder(t *testing.T) {
	s := newSample(t, 100)
	s.Manifest.Revision = 2
	path := s.write(t, ".zip")
	if filepath.Base(path) != s.Manifest.Incident+"-r2.zip" {
		t.Error(path)
	}
	if out := run(t, "", "unzip", "-Z1", path); !strings.HasPrefix(out, s.Manifest.Incident+"-r2/README.txt\n") {
		t.Error(out)
	}
}

func TestOtherToolsOpenIt(t *testing.T) {
	s := newSample(t, 100_000)
	top := Name(s.Manifest)
	for tool, extract := range map[string]func(dir string){
		"unzip": func(dir string) { run(t, dir, "unzip", "-q", s.write(t, ".zip")) },
		"python3": func(dir string) {
			run(t, dir, "python3", "-c", "import sys, zipfile; z = zipfile.ZipFile(sys.argv[1]); assert z.testzip() is None; z.extractall('.')", s.write(t, ".zip"))
		},
		"tar": func(dir string) {
			run(t, dir, "zstd", "--version")
			run(t, dir, "tar", "--zstd", "-xf", s.write(t, ".tar.zst"))
		},
		"tar of gz":     func(dir string) { run(t, dir, "tar", "-xzf", s.write(t, ".tar.gz")) },
		"bsdtar":        func(dir string) { run(t, dir, "bsdtar", "-xf", s.write(t, ".zip")) },
		"bsdtar of zst": func(dir string) { run(t, dir, "bsdtar", "-xf", s.write(t, ".tar.zst")) },
		"bsdtar of gz":  func(dir string) { run(t, dir, "bsdtar", "-xf", s.write(t, ".tar.gz")) },
		"7zz":           func(dir string) { run(t, dir, "7zz", "x", "-bd", s.write(t, ".zip")) },
		"7zz of gz": func(dir string) { // in two steps, as it does
			run(t, dir, "7zz", "x", "-bd", s.write(t, ".tar.gz"))
			run(t, dir, "7zz", "x", "-bd", top+".tar")
		},
		"gzip": func(dir string) {
			path := s.write(t, ".tar.gz")
			run(t, dir, "gzip", "-t", path)
			run(t, dir, "python3", "-c", "import sys, tarfile; tarfile.open(sys.argv[1]).extractall('.')", path)
		},
	} {
		t.Run(tool, func(t *testing.T) {
			dir := t.TempDir()
			extract(dir)
			out := run(t, filepath.Join(dir, top), "sha256sum", "-c", "manifest-sha256.txt")
			if n := strings.Count(out, ": OK\n"); n != 3+2+4+1 {
				t.Errorf("sha256sum saw %d files:\n%s", n, out)
			}
			for path, b := range s.logs {
				if !bytes.Equal(read(t, filepath.Join(dir, top, path)), b) {
					t.Errorf("%s is not the slice", path)
				}
			}
			if st, err := os.Stat(filepath.Join(dir, top, "README.txt")); err != nil || !st.ModTime().Equal(until) {
				if tool != "python3" { // does not restore times
					t.Errorf("README.txt: %v, time %v", err, st.ModTime())
				}
			}
		})
	}
}

// A faulty file fails at one of its methods.
type faulty struct {
	partFile
	at   string
	left int
}

func (f *faulty) Write(p []byte) (int, error) {
	if f.at == "write" {
		if f.left -= len(p); f.left < 0 {
			return 0, &os.PathError{Op: "write", Path: "x", Err: syscall.ENOSPC}
		}
	}
	return f.partFile.Write(p)
}

func (f *faulty) Sync() error {
	if f.at == "sync" {
		return &os.PathError{Op: "sync", Path: "x", Err: syscall.ENOSPC}
	}
	return f.partFile.Sync()
}

func (f *faulty) Close() error {
	err := f.partFile.Close()
	if f.at == "close" {
		return &os.PathError{Op: "close", Path: "x", Err: syscall.ENOSPC}
	}
	return err
}

func TestFullDisk(t *testing.T) {
	for _, ext := range extensions {
		for _, f := range []faulty{{at: "create"}, {at: "write"}, {at: "write", left: 260 << 10}, {at: "sync"}, {at: "close"}} {
			s := newSample(t, 1000+5*f.left)
			path := filepath.Join(t.TempDir(), "b"+ext)
			if err := os.WriteFile(path, []byte("the one before"), 0o600); err != nil {
				t.Fatal(err)
			}
			s.create = func(path string) (partFile, error) {
				if f.at == "create" {
					return nil, &os.PathError{Op: "open", Path: path, Err: syscall.ENOSPC}
				}
				file, err := createPart(path)
				f.partFile = file
				return &f, err
			}
			_, err := Write(t.Context(), path, s.Input)
			if !atomicfile.Full(err) {
				t.Errorf("%s, %s: %v", ext, f.at, err)
			}
			if got := read(t, path); string(got) != "the one before" {
				t.Errorf("%s, %s: path was touched", ext, f.at)
			}
			onlyFile(t, path)
		}
	}
}

// What reaches the disk is read back: a bit that flips on the way is noticed.
type flipping struct{ partFile }

func (f flipping) Write(p []byte) (int, error) {
	q := bytes.Clone(p)
	q[len(q)/2] ^= 4
	return f.partFile.Write(q)
}

func TestReadBack(t *testing.T) {
	for _, ext := range extensions {
		s := newSample(t, 1000)
		path := filepath.Join(t.TempDir(), "b"+ext)
		s.create = func(path string) (partFile, error) {
			f, err := createPart(path)
			return flipping{f}, err
		}
		if _, err := Write(t.Context(), path, s.Input); err == nil || !strings.Contains(err.Error(), "read back") {
			t.Errorf("%s: %v", ext, err)
		}
		if entries, _ := os.ReadDir(filepath.Dir(path)); len(entries) != 0 {
			t.Errorf("%s: left %v", ext, entries)
		}
	}
}

func TestCancelled(t *testing.T) {
	for _, ext := range extensions {
		s := newSample(t, 500_000)
		ctx, cancel := context.WithCancel(t.Context())
		log := s.Log
		s.Log = func(host, family string) (io.ReadCloser, error) {
			if host == "expe01" {
				cancel()
			}
			return log(host, family)
		}
		dir := t.TempDir()
		if _, err := Write(ctx, filepath.Join(dir, "b"+ext), s.Input); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", ext, err)
		}
		if entries, _ := os.ReadDir(dir); len(entries) != 0 {
			t.Errorf("%s: left %v", ext, entries)
		}
		s.Log = log
		if _, err := Verify(ctx, s.write(t, ext)); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: Verify: %v", ext, err)
		}
	}
}

func TestWrongInput(t *testing.T) {
	twice := 0
	for name, c := range map[string]struct {
		change func(*sample)
		says   string
	}{
		"log changed":   {func(s *sample) { s.logs["hosts/expc01/messages.txt"][3] ^= 1 }, "hosts/expc01/messages.txt: read 1000 bytes with SHA-256"},
		"log too short": {func(s *sample) { s.logs["hosts/expc01/messages.txt"] = nil }, "hosts/expc01/messages.txt: read 0 bytes"},
		"log too long":  {func(s *sample) { s.logs["hosts/expe01/messages.txt"] = []byte("x") }, "hosts/expe01/messages.txt: longer than"},
		"log missing":   {func(s *sample) { delete(s.logs, "hosts/expc01/messages.txt") }, "hosts/expc01/messages.txt: no such slice"},
		"log of another path": {func(s *sample) { s.Manifest.Hosts[0].Files[0].Path = "hosts/expc01/../x.txt" },
			`"hosts/expc01/../x.txt": the manifest's path`},
		"host's name": {func(s *sample) {
			s.Manifest.Hosts[0].Host = ".."
			s.Manifest.Hosts[0].Files[0].Path = "hosts/../network_log.txt"
		}, "a name has 1 to 63"},
		"host twice": {func(s *sample) {
			s.Manifest.Hosts[1].Host = "EXPC01"
			s.Manifest.Hosts[1].Files = s.Manifest.Hosts[1].Files[:1]
			s.Manifest.Hosts[1].Files[0].Path = "hosts/EXPC01/network_log.txt"
		}, "there twice"},
		"mail missing":   {func(s *sample) { s.Mails = s.Mails[1:] }, "named in the manifest, but missing"},
		"mail's name":    {func(s *sample) { s.Mails[0].Name = "alerts/a b.eml" }, "alerts/a b.eml"},
		"mail elsewhere": {func(s *sample) { s.Mails[0].Name = "hosts/x/y.txt" }, "must begin with alerts/"},
		"mail changes": {func(s *sample) {
			s.Mails[0].Open = func() (io.ReadCloser, error) {
				twice++
				return io.NopCloser(strings.NewReader(strings.Repeat("x", twice))), nil
			}
		}, "alerts/3fa2c1de3fa2c1de"},
		"mail's reader fails": {func(s *sample) {
			s.Mails[0].Open = func() (io.ReadCloser, error) { return io.NopCloser(iotest.ErrReader(io.ErrUnexpectedEOF)), nil }
		}, "unexpected EOF"},
		"report's name": {func(s *sample) { s.Reports[0].Name = "report/a/b.html" }, "report/a/b.html"},
		"incident":      {func(s *sample) { s.Manifest.Incident = "../x" }, "incident"},
		"not concluded": {func(s *sample) { s.Manifest.Coverage = "" }, "not concluded"},
		"extension":     {func(*sample) {}, "must end in"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSample(t, 1000)
			c.change(s)
			ext := ".zip"
			if name == "extension" {
				ext = ".rar"
			}
			dir := t.TempDir()
			_, err := Write(t.Context(), filepath.Join(dir, "b"+ext), s.Input)
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v, want %q", err, c.says)
			}
			if entries, _ := os.ReadDir(dir); len(entries) != 0 {
				t.Errorf("left %v", entries)
			}
		})
	}
}
