package bundle

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Extract writes the files that are wanted and no others, as they were, out of every format; of a
// bundle that is damaged it writes none.
func TestExtract(t *testing.T) {
	for _, f := range Formats() {
		t.Run(f, func(t *testing.T) {
			s := newSample(t, 3000)
			in := s.Input
			path := filepath.Join(t.TempDir(), Name(in.Manifest)+"."+f)
			if _, err := Write(t.Context(), path, in); err != nil {
				t.Fatal(err)
			}
			dir := t.TempDir()
			res, err := Extract(t.Context(), path, dir, func(name string) bool { return strings.HasPrefix(name, "hosts/") })
			if err != nil || !res.OK {
				t.Fatalf("%+v, %v", res.Bad, err)
			}
			n := 0
			for _, h := range in.Manifest.Hosts {
				for _, file := range h.Files {
					if file.Path == "" {
						continue
					}
					n++
					r, err := in.Log(h.Host, file.Family)
					if err != nil {
						t.Fatal(err)
					}
					var want bytes.Buffer
					want.ReadFrom(r)
					r.Close()
					if got, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(file.Path))); err != nil || !bytes.Equal(got, want.Bytes()) {
						t.Errorf("%s: %d bytes, %v", file.Path, len(got), err)
					}
				}
			}
			if entries, err := os.ReadDir(dir); n == 0 || err != nil || len(entries) != 1 {
				t.Errorf("%d logs; in the folder: %v, %v", n, entries, err)
			}
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			b[len(b)/2] ^= 0x55
			if err := os.WriteFile(path, b, 0o600); err != nil {
				t.Fatal(err)
			}
			dir = t.TempDir()
			if res, err := Extract(t.Context(), path, dir, func(string) bool { return true }); err == nil && res.OK {
				t.Error("a damaged one is intact")
			}
			if entries, _ := os.ReadDir(dir); len(entries) != 0 {
				t.Errorf("of a damaged one is written %v", entries)
			}
		})
	}
}
