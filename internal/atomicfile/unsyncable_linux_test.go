package atomicfile

import (
	"errors"
	"os"
	"syscall"
	"testing"
)

// A file system that cannot fsync a folder is one on which files can be written all the same.
func TestUnsyncableFolder(t *testing.T) {
	const dir = "/proc"
	d, err := os.Open(dir)
	if err != nil {
		t.Skip(err)
	}
	defer d.Close()
	if err := d.Sync(); !errors.Is(err, syscall.EINVAL) {
		t.Skipf("%s can be fsynced: %v", dir, err)
	}
	if err := SyncDir(dir); err != nil {
		t.Error(err)
	}
	if err := SyncDir(dir + "/none"); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}
