package main

import (
	"archive/tar"
	"archive/zip"
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
)

// twice are the files of an archive, the last of which has another's name.
func twice(last string) [][2]string {
	const top = "20260302T141407Z-hq-3fa2c1"
	log := `2026-03-02T14:14:07.123+00:00 expc01 tvcs: UTCTime="2026-03-02 14:14:07,123" Module="network.sip" Level="DEBUG":  Action="Received"` + "\n"
	return [][2]string{
		{top + "/README.txt", "a bundle\n"},
		{top + "/manifest.json", `{"incident": "` + top + `", "revision": 1, "coverage": "complete", "hosts": [{"host": "expc01", "role": "C", "files": [{"family": "network_log", "path": "hosts/expc01/network_log.txt"}]}]}`},
		{top + "/hosts/expc01/network_log.txt", log}, {top + "/" + last, log},
	}
}

// TestSameNames: of an archive with two files of one name nothing is shown or judged: what
// one program shows another has not looked at.
func TestSameNames(t *testing.T) {
	for _, last := range []string{"hosts/expc01/network_log.txt", "hosts/EXPC01/Network_Log.txt", "hosts/expc01/network_log.txt. ", `hosts\expc01\network_log.txt`, "manifest.json", "Manifest.JSON"} {
		for form, write := range map[string]func(io.Writer, [][2]string) error{"b.zip": writeZip, "b.tar.zst": writeTarZst, "b.tar.gz": writeTarGz} {
			name := filepath.Join(t.TempDir(), form)
			f, err := os.Create(name)
			if err != nil {
				t.Fatal(err)
			}
			if err := write(f, twice(last)); err != nil {
				t.Fatal(err)
			}
			f.Close()
			for _, args := range [][]string{{"show", name}, {"verify", name}, {"report", "--out", t.TempDir(), name}, {"export", name, "--pcapng", filepath.Join(t.TempDir(), "x.pcapng")},
				{"export", "--format", "zip", "--out", t.TempDir(), name}, {"export", "--format", "snapshot", "--out", t.TempDir(), name}, {"open", "--out", t.TempDir(), name}} {
				r := runGrab(args...)
				said := r.out + r.err
				if r.code == 0 || !strings.Contains(strings.ReplaceAll(said, `\\`, `\`), last) {
					t.Errorf("%s with %q: %s", args[0], last, r)
				}
			}
		}
	}
}

func writeZip(w io.Writer, files [][2]string) error {
	z := zip.NewWriter(w)
	for _, f := range files {
		e, err := z.Create(f[0])
		if err != nil {
			return err
		}
		io.WriteString(e, f[1])
	}
	return z.Close()
}

func writeTarZst(w io.Writer, files [][2]string) error {
	c, err := zstd.NewWriter(w)
	if err != nil {
		return err
	}
	return writeTar(c, files)
}

func writeTarGz(w io.Writer, files [][2]string) error { return writeTar(gzip.NewWriter(w), files) }

func writeTar(c io.WriteCloser, files [][2]string) error {
	z := tar.NewWriter(c)
	for _, f := range files {
		if err := z.WriteHeader(&tar.Header{Name: f[0], Mode: 0o600, Size: int64(len(f[1]))}); err != nil {
			return err
		}
		io.WriteString(z, f[1])
	}
	if err := z.Close(); err != nil {
		return err
	}
	return c.Close()
}
