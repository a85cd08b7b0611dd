package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"rtmtgrab/internal/lab"
	"rtmtgrab/internal/testrace"
)

// TestMaskDiskFull: on a disk that is full at whatever byte the error says so, nothing is left,
// and the map is whole: with room the names are those of before.
func TestMaskDiskFull(t *testing.T) {
	testrace.Without(t)
	t.Parallel()
	c := newLab(t, lab.ExpresswayConfig{})
	store := c.smallStore("64m")
	path, out := c.sealedNow(), filepath.Join(store, "out")
	if err := os.Mkdir(out, 0o700); err != nil {
		t.Fatal(err)
	}
	first := c.masked("--out", out, path)
	failed := 0
	for _, left := range []int64{0, 4 << 10, 32 << 10, 100 << 10, 300 << 10, 600 << 10, 1 << 20, 2 << 20, 4 << 20} {
		if err := os.Remove(first.File); err != nil {
			t.Fatal(err)
		}
		fill(t, store, left)
		r := c.grab("mask", "--out", out, path)
		if r.code != 0 {
			failed++
			if !strings.Contains(r.err, "no space left") {
				t.Errorf("%d bytes: %s", left, r)
			}
			if entries, _ := os.ReadDir(out); len(entries) > 0 {
				t.Errorf("%d bytes: left %v", left, entries)
			}
		}
		if parts, _ := filepath.Glob(filepath.Join(store, "mask", "*.part")); len(parts) > 0 {
			t.Errorf("%d bytes: left %v", left, parts)
		}
		if err := os.Remove(filepath.Join(store, "filler")); err != nil {
			t.Fatal(err)
		}
		if again := c.masked("--out", out, path); again.SHA256 != first.SHA256 {
			t.Errorf("%d bytes: it is another bundle now", left)
		}
	}
	if failed < 3 {
		t.Errorf("only %d times the disk was full", failed)
	}
}
