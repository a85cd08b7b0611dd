package mapfile

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"rtmtgrab/bundle/seal/envelope"
	"rtmtgrab/internal/atomicfile"
)

var hq = Scope{Site, "hq"}

func open(t testing.TB, f Folder, s Scope) *Map {
	t.Helper()
	m, err := f.Open(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// keep saves a table in a scope's map, and gives its ID.
func keep(t testing.TB, f Folder, s Scope, table string) string {
	t.Helper()
	m := open(t, f, s)
	must(t, m.Save([]byte(table)))
	must(t, m.Close())
	return m.ID
}

// A map is what was saved last, under the same ID, and nothing of it can be read.
func TestKept(t *testing.T) {
	t.Parallel()
	f := Of(t.TempDir())
	m := open(t, f, hq)
	if m.Table != nil || m.ID == "" {
		t.Fatalf("a new map: %q, ID %q", m.Table, m.ID)
	}
	must(t, m.Close()) // nothing was saved: it never was
	first := keep(t, f, hq, `{"alice":"bob"}`)
	if again := keep(t, f, hq, `{"alice":"carol"}`); again != first {
		t.Errorf("the ID was %s and is %s", first, again)
	}
	m = open(t, f, hq)
	if got := string(m.Table); got != `{"alice":"carol"}` {
		t.Errorf("kept is %s", got)
	}
	must(t, os.Remove(f.file(hq, ".id"))) // as a crash between the two files leaves it
	if m.Known() {
		t.Error("it is found by its ID without the file that says so")
	}
	must(t, m.Save(m.Table))
	if s, err := f.ByID(first); err != nil || s != hq || !m.Known() {
		t.Error(s, err)
	}
	work, err := m.Work()
	must(t, err)
	must(t, os.WriteFile(filepath.Join(work, "x"), nil, 0o600))
	must(t, m.Close())
	if _, err := os.Stat(work); err == nil {
		t.Error("temporary files stay")
	}
	entries, err := os.ReadDir(f.Dir)
	must(t, err)
	for _, e := range entries {
		b, err := os.ReadFile(filepath.Join(f.Dir, e.Name()))
		must(t, err)
		if bytes.Contains(b, []byte("alice")) || bytes.Contains(b, []byte("carol")) {
			t.Errorf("%s holds a name in the clear", e.Name())
		}
		if i, _ := e.Info(); runtime.GOOS != "windows" && i.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %o", e.Name(), i.Mode())
		}
	}
	if s, err := f.ByID(first); err != nil || s != hq {
		t.Errorf("the map with ID %s is of %v, %v", first, s, err)
	}
	if _, err := f.ByID("0123"); !errors.Is(err, ErrUnknown) {
		t.Error(err)
	}
}

// Scopes have maps of their own, whatever they are called.
func TestScopes(t *testing.T) {
	t.Parallel()
	f := Of(t.TempDir())
	scopes := []Scope{hq, {Case, "hq"}, {Site, "HQ"}, {Case, "SR 698/112 ../../x"}, {Case, "con"}, {Site, "x-" + strings.Repeat("a", 16)}, {Case, strings.Repeat("9", 300)}, {Case, "Ünï"}}
	for i, s := range scopes {
		keep(t, f, s, fmt.Sprintf(`{"n":%d}`, i))
	}
	seen := 0
	lost, err := f.All(func(s Scope, table []byte) error {
		seen++
		if want := fmt.Sprintf(`{"n":%d}`, indexOf(scopes, s)); string(table) != want {
			t.Errorf("%v has %s, want %s", s, table, want)
		}
		return nil
	})
	if err != nil || len(lost) > 0 || seen != len(scopes) {
		t.Errorf("%d maps, %v, %v", seen, lost, err)
	}
	if _, err := f.Open(t.Context(), Scope{Case, ""}); err == nil {
		t.Error("a case of no name has a map")
	}
}

func indexOf(all []Scope, s Scope) int {
	for i := range all {
		if all[i] == s {
			return i
		}
	}
	return -1
}

// There is one masker of a scope; those of others are not kept waiting.
func TestLocked(t *testing.T) {
	t.Parallel()
	f := Of(t.TempDir())
	m := open(t, f, hq)
	ctx, cancel := context.WithCancel(t.Context())
	got := make(chan error)
	go func() {
		_, err := f.Open(ctx, hq)
		got <- err
	}()
	must(t, open(t, f, Scope{Site, "branch"}).Close())
	cancel()
	if err := <-got; !errors.Is(err, context.Canceled) {
		t.Errorf("a second one has it: %v", err)
	}
	must(t, m.Close())
	must(t, open(t, f, hq).Close())
}

// What is damaged or gone is said, with the file to put back, stays as it is, and costs its
// own scope alone. No key and no map is begun anew.
func TestLost(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		harm func(dir string) error
		all  bool // scopes are lost
		file string
	}{
		"torn":  {func(d string) error { return os.Truncate(filepath.Join(d, "site-hq.age"), 100) }, false, "site-hq.age"},
		"empty": {func(d string) error { return os.Truncate(filepath.Join(d, "site-hq.age"), 0) }, false, "site-hq.age"},
		"gone":  {func(d string) error { return os.Remove(filepath.Join(d, "site-hq.age")) }, false, "site-hq.age"},
		"of another": {func(d string) error {
			return os.Rename(filepath.Join(d, "site-b.age"), filepath.Join(d, "site-hq.age"))
		}, false, "site-hq.age"},
		"a folder": {func(d string) error {
			os.Remove(filepath.Join(d, "site-hq.age"))
			return os.Mkdir(filepath.Join(d, "site-hq.age"), 0o700)
		}, false, "site-hq.age"},
		"key gone": {func(d string) error { return os.Remove(filepath.Join(d, "map.key")) }, true, "map.key"},
		"key torn": {func(d string) error { return os.Truncate(filepath.Join(d, "map.key"), 20) }, true, "map.key"},
		"key of others": {func(d string) error {
			os.Remove(filepath.Join(d, "map.key"))
			os.Remove(filepath.Join(d, "map.pub"))
			return envelope.Own{Dir: d, Name: "map"}.Make()
		}, true, "map.key"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := Of(t.TempDir())
			id := keep(t, f, hq, `{"a":"b"}`)
			keep(t, f, Scope{Site, "b"}, `{}`)
			keep(t, f, Scope{Site, "c"}, `{}`)
			must(t, c.harm(f.Dir))
			for range 2 { // the first try mends nothing, and harms nothing
				_, err := f.Open(t.Context(), hq)
				lost, is := errors.AsType[*LostError](err)
				if !is || filepath.Base(lost.File) != c.file {
					t.Fatalf("%v; want %s to be put back", err, c.file)
				}
			}
			if _, err := f.ByID(id); err == nil {
				t.Error("it is found by its ID")
			}
			_, err := f.Open(t.Context(), Scope{Site, "c"})
			if c.all != (err != nil) {
				t.Errorf("another scope: %v", err)
			}
		})
	}
}

// Wherever a kill comes between two files, the next one finishes them.
func TestCutShort(t *testing.T) {
	t.Parallel()
	f := Of(t.TempDir())
	id := keep(t, f, hq, `{"a":"b"}`)
	must(t, os.Remove(filepath.Join(f.Dir, "site-hq.id"))) // killed between the map and its ID
	if got := keep(t, f, hq, `{"a":"b"}`); got != id {
		t.Errorf("the ID was %s and is %s", id, got)
	}
	if s, err := f.ByID(id); err != nil || s != hq {
		t.Error(s, err)
	}
	must(t, os.Remove(filepath.Join(f.Dir, "map.pub"))) // killed between the key and its public half
	if got := keep(t, f, hq, `{}`); got != id {
		t.Errorf("the ID was %s and is %s", id, got)
	}
}

// Whatever stands in a map's file: no panic, and nothing but what was encrypted to the key is
// taken for a map.
func FuzzRead(f *testing.F) {
	dir := Of(f.TempDir())
	keep(f, dir, hq, `{"a":"b"}`)
	whole, err := os.ReadFile(filepath.Join(dir.Dir, "site-hq.age"))
	must(f, err)
	f.Add(whole)
	f.Add(whole[:len(whole)-1])
	f.Add([]byte(`{"version":1,"id":"x","scope":{"kind":"site","name":"hq"},"table":{}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		name := filepath.Join(t.TempDir(), "site-hq.age")
		must(t, os.WriteFile(name, b, 0o600))
		if s, err := dir.read(name); err == nil && !bytes.Equal(b, whole) {
			t.Fatalf("%q is taken for %+v", b, s)
		}
	})
}

// What one left that was killed while he saved a map goes with the next look at it, and
// nothing of another scope's.
func TestSwept(t *testing.T) {
	t.Parallel()
	f := Of(t.TempDir())
	keep(t, f, hq, `{}`)
	gone := []string{"site-hq.age.123.part", "site-hq.id.4.part", "map.key.8.part", "map.pub.9.part"}
	stay := []string{"site-hq.age.age.5.part", "site-hq2.id.6.part", "site-hq.age", "site-hq.id", "case-hq.id.7.part"}
	for _, name := range append(gone, stay...) {
		if _, err := os.Stat(filepath.Join(f.Dir, name)); err != nil {
			must(t, os.WriteFile(filepath.Join(f.Dir, name), nil, 0o600))
		}
	}
	work, remove, err := atomicfile.TempDir(f.Dir, "site-hq.work")
	must(t, err)
	must(t, os.MkdirAll(filepath.Join(f.Dir, "site-hq.work-7.part", "x"), 0o700))
	must(t, os.WriteFile(filepath.Join(f.Dir, "site-hq.work-7.part", "lock"), nil, 0o600))
	f.Sweep()
	if _, err := os.Stat(work); err != nil {
		t.Errorf("somebody is at work: %v", err)
	}
	must(t, remove())
	gone = append(gone, "site-hq.work-7.part")
	must(t, open(t, f, hq).Close())
	for _, name := range gone {
		if _, err := os.Stat(filepath.Join(f.Dir, name)); err == nil {
			t.Errorf("%s is there yet", name)
		}
	}
	for _, name := range stay {
		if _, err := os.Stat(filepath.Join(f.Dir, name)); err != nil {
			t.Error(err)
		}
	}
}
