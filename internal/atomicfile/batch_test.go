package atomicfile

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// Each file is fsynced before any is in its place, each folder once, in order.
func TestBatch(t *testing.T) {
	dir := t.TempDir()
	var mu sync.Mutex
	var files int
	var dirs []string
	b := &Batch{
		syncFile: func(name string) error {
			mu.Lock()
			defer mu.Unlock()
			if files++; len(dirs) > 0 {
				t.Error("a folder was fsynced before a file")
			}
			return syncFile(name)
		},
		syncDir: func(name string) error {
			dirs = append(dirs, filepath.Base(name))
			if entries, _ := os.ReadDir(filepath.Join(dir, "b")); name == filepath.Join(dir, "a") && slices.ContainsFunc(entries, func(e os.DirEntry) bool { return !strings.HasSuffix(e.Name(), PartSuffix) }) {
				t.Error("files of b are in place before those of a are durable")
			}
			return SyncDir(name)
		},
	}
	const n = 100
	for i := range n {
		for _, d := range []string{"a", "b"} {
			if err := MkdirAll(filepath.Join(dir, d)); err != nil {
				t.Fatal(err)
			}
			if err := b.Write(filepath.Join(dir, d, fmt.Sprint(i)), []byte(d)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := MkdirAll(filepath.Join(dir, "c")); err != nil {
		t.Fatal(err)
	}
	if err := b.WriteFirst(filepath.Join(dir, "c", "0"), []byte("c")); err != nil {
		t.Fatal(err)
	}
	if err := b.Commit(); err != nil || b.Len() != 0 {
		t.Fatal(err, b.Len())
	}
	if files != 2*n+1 || !slices.Equal(dirs, []string{"c", "a", "b"}) {
		t.Errorf("%d files, folders %q", files, dirs)
	}
	if got, err := os.ReadFile(filepath.Join(dir, "b", "99")); err != nil || string(got) != "b" {
		t.Error(string(got), err)
	}
	fault := errors.New("fault")
	b.syncFile = func(string) error { return fault }
	b.Write(filepath.Join(dir, "a", "0"), []byte("new"))
	if err := b.Commit(); !errors.Is(err, fault) {
		t.Error(err)
	}
	b.Write(filepath.Join(dir, "a", "0"), []byte("new"))
	b.Drop()
	if got, _ := os.ReadFile(filepath.Join(dir, "a", "0")); string(got) != "a" {
		t.Errorf("after a fault: %q", got)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*", "*"+PartSuffix)); len(left) > 0 {
		t.Error(left)
	}
}
