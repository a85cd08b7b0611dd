package main_test

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files anew")

// decoded reads one document.
func decoded(t testing.TB, doc []byte) any {
	t.Helper()
	var v any
	if err := json.Unmarshal(doc, &v); err != nil {
		t.Fatalf("%v\n%s", err, doc)
	}
	return v
}

func goldenFile(name string) string { return filepath.Join("testdata", "golden", name+".txt") }

// goldenShape compares documents with the golden file of a shape. With -update what
// they show is added to it; what a shape no longer has is taken out by hand.
func goldenShape(t testing.TB, name string, docs ...string) {
	t.Helper()
	b, err := os.ReadFile(goldenFile(name))
	want := parseShape(string(b))
	if *update {
		got := shape{}
		for _, doc := range docs {
			got.learn(decoded(t, []byte(doc)), "$")
		}
		got.learnt()
		for path, n := range want {
			if got[path] != nil {
				got[path].is(n.types...)
				got[path].maybe = got[path].maybe || n.maybe
			} else if n.maybe {
				got[path] = n
			}
		}
		writeGolden(t, name, got.String())
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	judgeAll(t, name, want, docs)
}

// goldenType compares what a type of the program makes of itself as JSON with the golden
// file, and documents too: they show that the file speaks of what scripts get.
func goldenType(t testing.TB, name string, typ reflect.Type, docs ...string) {
	t.Helper()
	s := shape{}
	s.typed(typ, "$")
	goldenText(t, name, s.String())
	goldenSchema(t, name, s, docs)
	judgeAll(t, name, s, docs)
}

func judgeAll(t testing.TB, name string, want shape, docs []string) {
	t.Helper()
	for _, doc := range docs {
		faults := want.judge(decoded(t, []byte(doc)), "$")
		slices.Sort(faults)
		for _, f := range slices.Compact(faults) {
			t.Errorf("%s: %s (scripts read this; if it is meant, go test ./cmd/grab -run Golden -update)", name, f)
		}
	}
}

// goldenText compares a text with its golden file, line by line.
func goldenText(t testing.TB, name, got string) {
	t.Helper()
	if *update {
		writeGolden(t, name, got)
		return
	}
	b, err := os.ReadFile(goldenFile(name))
	if err != nil {
		t.Fatal(err)
	}
	was, is := strings.Split(string(b), "\n"), strings.Split(got, "\n")
	for _, line := range was {
		if !slices.Contains(is, line) {
			t.Errorf("%s: %q is gone (scripts rely on it; if it is meant, go test ./cmd/grab -run Golden -update)", name, line)
		}
	}
	for _, line := range is {
		if !slices.Contains(was, line) {
			t.Errorf("%s: %q is new (go test ./cmd/grab -run Golden -update)", name, line)
		}
	}
}

func writeGolden(t testing.TB, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(goldenFile(name)), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(goldenFile(name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
