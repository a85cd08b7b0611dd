//go:build !windows

package atomicfile

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// What root writes into a service's folder belongs to the service.
func TestOwner(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Log("not root: only that nothing breaks is tested")
	}
	dir := t.TempDir()
	want := uint32(os.Getuid())
	if os.Geteuid() == 0 {
		want = 12345
		if err := os.Chown(dir, 12345, 12345); err != nil {
			t.Fatal(err)
		}
	}
	sub := filepath.Join(dir, "a", "b")
	if err := MkdirAll(sub); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(sub, "file")
	for range 2 {
		if err := WriteBytes(name, nil); err != nil {
			t.Fatal(err)
		}
	}
	for _, f := range []string{filepath.Dir(sub), sub, name} {
		i, err := os.Stat(f)
		if err != nil || i.Sys().(*syscall.Stat_t).Uid != want {
			t.Errorf("%s belongs to %d, want %d (%v)", f, i.Sys().(*syscall.Stat_t).Uid, want, err)
		}
	}
}
