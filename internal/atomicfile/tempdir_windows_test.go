package atomicfile

import (
	"path/filepath"
	"testing"

	"rtmtgrab/internal/access"
)

// What is decrypted into a temporary folder is nobody else's, however open the folder is in
// which that is made.
func TestTempDirIsClosed(t *testing.T) {
	open := filepath.Join(t.TempDir(), "open")
	if err := access.MkdirList(open, "D:P(A;OICI;FA;;;WD)"); err != nil {
		t.Fatal(err)
	}
	if who, err := access.Exposed(open); err != nil {
		t.Fatal(err)
	} else if who == nil {
		t.Skip("no folder can be open here: Wine with a umask of 077")
	}
	path, remove, err := TempDir(open, "work")
	if err != nil {
		t.Fatal(err)
	}
	if who, err := access.Exposed(path); who != nil || err != nil {
		t.Errorf("%q can read or change it, %v", who, err)
	}
	if err := remove(); err != nil {
		t.Error(err)
	}
}
