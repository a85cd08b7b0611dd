package main

import (
	"archive/tar"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"filippo.io/age"

	"rtmtgrab/internal/lab"
)

// TestExportFormats: a bundle of the store in each format and back again; all readers read
// it, its signature is good for all, and the store's ledger has it.
func TestExportFormats(t *testing.T) {
	t.Parallel()
	c := newLab(t, lab.ExpresswayConfig{})
	path := c.sealedNow()
	pub := c.File("grab.pub", c.grab("key", "show").out)
	name := strings.TrimSuffix(filepath.Base(path), ".zip")
	out := t.TempDir()
	from := path
	for _, format := range []string{"tar.gz", "tar.zst", "zip"} {
		r := c.grab("export", "--json", "--format", format, "--out", out, from)
		var made struct{ Bundle, File, Format, SHA256 string }
		if r.decode(t, &made); made.File != filepath.Join(out, name+"."+format) || made.Format != format || made.Bundle != from || len(made.SHA256) != 64 {
			t.Fatal(r)
		}
		from = made.File
		for _, args := range [][]string{{"verify", "--key", pub}, {"show"}, {"report", "--out", t.TempDir()}, {"open", "--key", pub, "--out", t.TempDir()}} {
			if r := c.grab(append(args, from)...); r.code != 0 {
				t.Error(r)
			}
		}
	}
	if a, b := readFile(t, path), readFile(t, from); a != b {
		t.Error("the zip of the tar.zst of the tar.gz is another than the first")
	}
	for says, args := range map[string][]string{
		"want one of zip, tar.zst, tar.gz, snapshot": {"--format", "rar", path},
		"--format takes one bundle":                  {"--format", "zip", path, from},
		"is also the input":                          {"--format", "zip", "--out", path, path},
		"ends in .zip, and the format is tar.gz":     {"--format", "tar.gz", "--out", filepath.Join(out, "x.zip"), path},
		"makes no bundle":                            {"--format", "snapshot", "--encrypt-to", "age1x", path},
		"is a file":                                  {"--format", "snapshot", "--out", pub, path},
	} {
		if r := c.grab(append([]string{"export"}, args...)...); r.code != 2 || !strings.Contains(r.err, says) {
			t.Errorf("%v\nwant %q", r, says)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(out, "*.part")); len(left) > 0 {
		t.Errorf("left over: %v", left)
	}
	if got := strings.Join(acts(t, path), " "); got != "exported" { // the others are copies
		t.Error(got)
	}
}

// TestExportConvertedAndEncrypted: the format is changed on the way into the envelope.
func TestExportConvertedAndEncrypted(t *testing.T) {
	t.Parallel()
	c := newLab(t, lab.ExpresswayConfig{})
	path := c.sealedNow()
	id, _ := age.GenerateX25519Identity()
	key, out := c.File("key.txt", id.String()+"\n"), t.TempDir()
	if r := c.grab("export", "--format", "tar.gz", "--encrypt-to", id.Recipient().String(), "--out", out, path); r.code != 0 {
		t.Fatal(r)
	}
	sealed := filepath.Join(out, strings.TrimSuffix(filepath.Base(path), ".zip")+".tar.gz.age")
	plain, err := exec.Command("age", "-d", "-i", key, sealed).Output()
	if r := c.grab("export", "--format", "tar.gz", "--out", out, path); err != nil || r.code != 0 || readFile(t, strings.TrimSuffix(sealed, ".age")) != string(plain) {
		t.Errorf("age -d: %d bytes, %v (make deps installs it)\n%v", len(plain), err, r)
	}
	if r := runGrab("open", sealed, "--out", t.TempDir(), "-i", key); r.code != 0 {
		t.Error(r)
	}
	if got := strings.Join(acts(t, path), " "); got != "encrypted exported" {
		t.Error(got)
	}
}

// TestExportSnapshot: a text for each host, with every byte of its logs, which says what
// the bundle says.
func TestExportSnapshot(t *testing.T) {
	t.Parallel()
	c := newLab(t, lab.ExpresswayConfig{})
	path := c.sealedNow()
	out := filepath.Join(t.TempDir(), "new", "folder")
	type snapshots struct {
		File  string
		Files []struct {
			Host, File     string
			Records, Bytes int64
		}
	}
	var made snapshots
	if r := c.grab("export", "--json", "--format", "snapshot", "--out", out, path); r.code != 0 || json.Unmarshal([]byte(r.out), &made) != nil || len(made.Files) == 0 {
		t.Fatal(r)
	}
	un := t.TempDir()
	if r := c.grab("open", path, "--out", un); r.code != 0 {
		t.Fatal(r)
	}
	entries, _ := os.ReadDir(out)
	if len(entries) != len(made.Files) {
		t.Errorf("%v of %v", entries, made.Files)
	}
	packed := filepath.Join(t.TempDir(), "diag.tar.gz")
	if r := c.grab("export", "--format", "snapshot", "--out", packed, path); r.code != 0 {
		t.Fatal(r)
	}
	inside := filesOf(t, packed)
	for _, f := range made.Files {
		text := readFile(t, f.File)
		if base := filepath.Base(f.File); !strings.HasPrefix(base, "loggingsnapshot_"+f.Host+"_") || !strings.HasSuffix(base, ".txt") || inside[base] != text || int64(len(text)) != f.Bytes {
			t.Errorf("%s: %d bytes, packed %d", base, len(text), len(inside[base]))
		}
		logs, _ := filepath.Glob(filepath.Join(un, "*", "hosts", f.Host, "*.txt"))
		var n int
		for _, name := range logs {
			log := readFile(t, name)
			n += len(log)
			for line := range strings.Lines(log) {
				if !strings.Contains(text, line) {
					t.Errorf("%s lacks %q of %s", f.File, line, name)
					break
				}
			}
		}
		if len(logs) == 0 || n != len(text) {
			t.Errorf("%s: %d bytes, the %d logs have %d", f.File, len(text), len(logs), n)
		}
	}
	if r := c.grab("report", "--out", t.TempDir(), out); r.code != 0 {
		t.Error(r)
	}
	if got := strings.Join(acts(t, path), " "); got != "exported opened exported" {
		t.Error(got)
	}
}

// TestExportDamaged: of a bundle that does not verify nothing is written in any format.
func TestExportDamaged(t *testing.T) {
	t.Parallel()
	c := newLab(t, lab.ExpresswayConfig{})
	b := []byte(readFile(t, c.sealedNow()))
	b[len(b)/2] ^= 1
	bad := c.File("bad.zip", string(b))
	for _, format := range []string{"zip", "tar.zst", "tar.gz", "snapshot"} {
		out := filepath.Join(t.TempDir(), "out")
		if r := c.grab("export", "--format", format, "--out", out, bad); r.code != 1 || !strings.Contains(r.err, "nothing was written") {
			t.Error(r)
		}
		if _, err := os.Lstat(out); err == nil {
			t.Errorf("%s: something was written", format)
		}
	}
}

func readFile(t testing.TB, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// filesOf are the files of an archive.
func filesOf(t testing.TB, name string) map[string]string {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(r)
		if files[h.Name] = string(b); err != nil {
			t.Fatal(err)
		}
	}
}
