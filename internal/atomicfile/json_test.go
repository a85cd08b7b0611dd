package atomicfile

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"
)

type counter struct {
	N     int            `json:"n"`
	Names map[string]int `json:"names,omitempty"`
}

func TestJSON(t *testing.T) {
	j := JSON[counter]{Path: filepath.Join(t.TempDir(), "state.json")}
	if v, there, err := j.Load(); there || err != nil || !reflect.DeepEqual(v, counter{}) {
		t.Fatal(v, there, err)
	}
	want := counter{7, map[string]int{"a<b": 1}}
	if err := j.Save(want); err != nil {
		t.Fatal(err)
	}
	if v, there, err := j.Load(); !there || err != nil || !reflect.DeepEqual(v, want) {
		t.Error(v, there, err)
	}
	const text = "{\n \"n\": 7,\n \"names\": {\n  \"a\\u003cb\": 1\n }\n}\n"
	if b, _ := os.ReadFile(j.Path); string(b) != text {
		t.Errorf("%q", b)
	}
	if fi, err := os.Stat(j.Path); err != nil || runtime.GOOS != "windows" && fi.Mode().Perm() != 0o600 {
		t.Error(fi, err)
	}
	if v, err := j.Read(); err != nil || !reflect.DeepEqual(v, want) {
		t.Error(v, err)
	}
}

// TestAbsent: that there is nothing is no error, but of what has to be there.
func TestAbsent(t *testing.T) {
	j := JSON[counter]{Path: filepath.Join(t.TempDir(), "state.json")}
	if v, there, err := j.Recover(nil); there || err != nil || v.N != 0 {
		t.Error(v, there, err)
	}
	if _, err := j.Read(); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), j.Path) {
		t.Error(err)
	}
}

// TestSeam: what is saved goes through Write, and on one line if that is wanted.
func TestSeam(t *testing.T) {
	fault := errors.New("fault")
	var wrote string
	j := JSON[counter]{Path: "a", Compact: true, Write: func(name string, b []byte) error {
		wrote += name + " " + string(b)
		return fault
	}}
	if err := j.Save(counter{N: 7}); !errors.Is(err, fault) || wrote != `a {"n":7}` {
		t.Errorf("%v, %q", err, wrote)
	}
	if err := (JSON[func()]{Path: "a", Write: j.Write}).Save(nil); err == nil || wrote != `a {"n":7}` {
		t.Errorf("%v, %q", err, wrote)
	}
}

// TestUnreadable: what cannot be read is not called damaged, and stays where it is.
func TestUnreadable(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	var names []string
	if runtime.GOOS != "windows" { // there they are absent
		names = append(names, filepath.Join(dir, "file", "state.json"), filepath.Join(dir, strings.Repeat("n", 5000)))
	}
	if os.Geteuid() > 0 { // root may read all
		closed := filepath.Join(dir, "closed")
		if err := os.WriteFile(closed, []byte(`{"n": 7}`), 0); err != nil {
			t.Fatal(err)
		}
		names = append(names, closed)
	}
	for _, name := range names {
		v, there, err := (JSON[counter]{Path: name}).Recover(nil)
		if e, ok := errors.AsType[*UnreadableError](err); !ok || e.Path != name || there || v.N != 0 || strings.Count(err.Error(), name) != 1 {
			t.Errorf("%v %v %v", v, there, err)
		}
	}
}

// TestFolder: a folder where the file belongs is damage, and is set aside as a whole.
func TestFolder(t *testing.T) {
	j := JSON[counter]{Path: filepath.Join(t.TempDir(), "state.json")}
	if err := os.MkdirAll(filepath.Join(j.Path, "in"), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, there, err := j.Load(); there || !strings.Contains(fmt.Sprint(err), j.Path+" is damaged: it is a folder") {
		t.Error(there, err)
	}
	if runtime.GOOS != "windows" {
		if _, _, err := (JSON[counter]{Path: os.DevNull}).Load(); !strings.Contains(fmt.Sprint(err), "it is no regular file") {
			t.Error(err)
		}
	}
	if _, there, err := j.Recover(nil); there || err != nil {
		t.Error(there, err)
	}
	if _, err := os.Stat(filepath.Join(asideOf(t, j.Path), "in")); err != nil {
		t.Error(err)
	}
	if err := j.Save(counter{N: 7}); err != nil {
		t.Error(err)
	}
}

// TestDamage: what is no state is named each time; only who says so goes on without,
// and what was there is kept.
func TestDamage(t *testing.T) {
	for name, text := range map[string]string{
		"empty": "", "cut": `{"n": 7, "names": {"a"`, "zeros": strings.Repeat("\x00", 4096), "behind": `{"n": 7}` + "\n{}", "other": `[1]`, "text": `{"n": "seven"}`, "half": `{"n": 7, "names": 3}`,
		"large": `{"n": 7}` + strings.Repeat(" ", maxJSON),
	} {
		j := JSON[counter]{Path: filepath.Join(t.TempDir(), "state.json")}
		if err := os.WriteFile(j.Path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			v, there, err := j.Load()
			if _, ok := errors.AsType[*DamagedError](err); !ok || there || v.N != 0 || !strings.Contains(err.Error(), j.Path) {
				t.Errorf("%s: %v %v %v", name, v, there, err)
			}
		}
		var log strings.Builder
		if v, there, err := j.Recover(slog.New(slog.NewTextHandler(&log, nil))); there || err != nil || v.N != 0 || !strings.Contains(log.String(), j.Path) {
			t.Errorf("%s: %v %v %v %s", name, v, there, err, log.String())
		}
		if b, err := os.ReadFile(asideOf(t, j.Path)); err != nil || string(b) != text {
			t.Errorf("%s: it is not kept: %v", name, err)
		}
		if _, there, err := j.Load(); there || err != nil {
			t.Errorf("%s: %v %v", name, there, err)
		}
		if err := j.Save(counter{N: 8}); err != nil {
			t.Fatal(err)
		}
		if v, there, err := j.Recover(nil); !there || err != nil || v.N != 8 {
			t.Errorf("%s: %v %v %v", name, v, there, err)
		}
	}
}

// asideOf is where what stood at path was set aside.
func asideOf(t *testing.T, path string) string {
	t.Helper()
	list, _ := filepath.Glob(path + ".damaged-*")
	if len(list) != 1 || !IsAside(list[0]) {
		t.Fatalf("set aside are %q", list)
	}
	return list[0]
}

// Each of several that are set aside in a second gets a name of its own, a loop of links
// too; and where a lock file belongs there is room for one.
func TestSetAside(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x")
	make := map[string]func() error{
		"folder": func() error { return os.MkdirAll(filepath.Join(path, "in"), 0o700) },
		"file":   func() error { return os.WriteFile(path, nil, 0o600) },
		"loop":   func() error { return os.Symlink("x", path) },
	}
	for name, f := range make {
		if name == "loop" && runtime.GOOS == "windows" {
			continue
		}
		if err := f(); err != nil {
			t.Fatal(err)
		}
		if aside, err := FreeLock(path); err != nil || IsAside(aside) != (name != "file") {
			t.Errorf("%s as a lock: %q %v", name, aside, err)
		}
		if name == "file" {
			if aside, err := SetAside(path); err != nil || !IsAside(aside) {
				t.Errorf("%q %v", aside, err)
			}
		}
		if _, err := os.Lstat(path); err == nil {
			t.Errorf("%s: it is still there", name)
		}
	}
	if aside, err := FreeLock(path); aside != "" || err != nil {
		t.Error(aside, err)
	}
}
