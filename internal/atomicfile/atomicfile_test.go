package atomicfile

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

func TestWrite(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "sub", "file")
	if err := MkdirAll(filepath.Dir(name)); err != nil {
		t.Fatal(err)
	}
	if err := WriteBytes(name, []byte("old")); err != nil {
		t.Fatal(err)
	}
	fault := errors.New("fault")
	err := Write(name, func(w io.Writer) error {
		io.WriteString(w, "half")
		return fault
	})
	if b, _ := os.ReadFile(name); !errors.Is(err, fault) || string(b) != "old" {
		t.Errorf("%v, contents %q", err, b)
	}
	j := JSON[map[string]int]{Path: name}
	if err := j.Save(map[string]int{"a": 1}); err != nil {
		t.Fatal(err)
	}
	if got, err := j.Read(); err != nil || got["a"] != 1 {
		t.Error(got, err)
	}
	entries, err := os.ReadDir(filepath.Dir(name))
	if err != nil || len(entries) != 1 {
		t.Errorf("leftovers: %v %v", entries, err)
	}
	if i, err := os.Stat(name); err != nil || runtime.GOOS != "windows" && i.Mode().Perm() != 0o600 {
		t.Error(i.Mode(), err)
	}
}
