package atomicfile

import (
	"errors"
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
	j := JSON[counter]{filepath.Join(t.TempDir(), "state.json")}
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
	if v, there, err := (JSON[counter]{t.TempDir()}).Load(); err == nil || there || v.N != 0 {
		t.Error("a folder was read", v, there)
	}
}

// TestDamage: what is no state is named each time; only who says so goes on without,
// and what was there is kept.
func TestDamage(t *testing.T) {
	for name, text := range map[string]string{
		"empty": "", "cut": `{"n": 7, "names": {"a"`, "zeros": strings.Repeat("\x00", 4096), "behind": `{"n": 7}` + "\n{}", "other": `[1]`, "text": `{"n": "seven"}`, "half": `{"n": 7, "names": 3}`,
		"large": `{"n": 7}` + strings.Repeat(" ", maxJSON),
	} {
		j := JSON[counter]{filepath.Join(t.TempDir(), "state.json")}
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
		if b, err := os.ReadFile(j.Path + damagedSuffix); err != nil || string(b) != text {
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
