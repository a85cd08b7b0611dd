package access

import (
	"os"
	"path/filepath"
	"testing"
)

// Folders in one that is open to all are closed, files and folders in those inherit it.
func TestMkdir(t *testing.T) {
	me, err := Me()
	if err != nil {
		t.Fatal(err)
	}
	open := filepath.Join(t.TempDir(), "open")
	if err := MkdirList(open, Closed("FA;"+me, "FR;WD")); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(open, "closed")
	if err := Mkdir(dir); err != nil {
		t.Fatal(err)
	}
	if err := Mkdir(filepath.Join(dir, "inner")); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]bool{filepath.Join(open, "secret"): true, filepath.Join(dir, "secret"): false, filepath.Join(dir, "inner", "secret"): false} {
		if err := os.WriteFile(name, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
		if who, err := Exposed(name); (who != nil) != want || err != nil {
			t.Errorf("%s: %q, %v", name, who, err)
		}
	}
	if err := Set(open, Closed("FA;"+me)); err != nil {
		t.Fatal(err)
	}
	if who, err := Exposed(filepath.Join(open, "secret")); who != nil || err != nil {
		t.Errorf("what was there inherits the new list: %q, %v", who, err)
	}
	if err := Vouched(filepath.Join(open, "secret")); err != nil {
		t.Error(err)
	}
}
