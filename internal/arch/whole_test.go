package arch

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// What looks at less with the race detector, or does not run with it at all, is taken whole
// by a run of `make test` without it: its package is in WHOLE, or the test is in WHOLE_TESTS
// and its package in WHOLE_TESTS_OF. And nothing stands there that there is not.
func TestWhole(t *testing.T) {
	root := filepath.Join("..", "..")
	whole := strings.Fields(strings.NewReplacer("$(PURE)", makeVar(t, "PURE"), "$(SAMPLED)", makeVar(t, "SAMPLED")).Replace(makeVar(t, "WHOLE")))
	of := strings.Fields(makeVar(t, "WHOLE_TESTS_OF"))
	named := testNames(t, "WHOLE_TESTS")
	found := map[string]bool{}
	for dir, tests := range sampledTests(t, root) {
		for _, name := range tests {
			found[name] = true
			switch {
			case slices.Contains(whole, dir):
			case !slices.Contains(of, dir):
				t.Errorf("%s of %s looks at a sample with the race detector, and no run of `make test` takes it whole: WHOLE_TESTS_OF", name, dir)
			case !slices.Contains(named, name):
				t.Errorf("%s of %s looks at a sample with the race detector, and no run of `make test` takes it whole: WHOLE_TESTS", name, dir)
			}
		}
	}
	for _, name := range named {
		if !found[name] {
			t.Errorf("WHOLE_TESTS has %s, which is no test that is sampled", name)
		}
	}
}

// What of the whole program is run with the detector is there to be run.
func TestRaced(t *testing.T) {
	sources, _ := filepath.Glob(filepath.Join("..", "..", "cmd", "grab", "*_test.go"))
	var all []byte
	for _, name := range sources {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, b...)
	}
	for _, name := range testNames(t, "RACED") {
		if !strings.Contains(string(all), "func "+name+"(t *testing.T)") {
			t.Errorf("RACED has %s, which is no test of cmd/grab", name)
		}
	}
}

// testNames are the tests that a variable of the Makefile picks.
func testNames(t *testing.T, name string) []string {
	t.Helper()
	return strings.Split(strings.Trim(makeVar(t, name), "^$()"), "|")
}

func makeVar(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "..", "Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	line := regexp.MustCompile(`(?m)^` + name + ` += (.*)$`).FindSubmatch(b)
	if line == nil {
		t.Fatalf("the Makefile has no %s", name)
	}
	return string(line[1])
}

// sampledTests are the tests of each folder that speak of testrace, by themselves or by
// what they call in its tests.
func sampledTests(t *testing.T, root string) map[string][]string {
	t.Helper()
	all := map[string][]string{}
	dirs := map[string]map[string]*ast.FuncDecl{}
	err := filepath.WalkDir(root, func(path string, e os.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, filepath.Dir(path))
		if err != nil {
			return err
		}
		dir := "./" + filepath.ToSlash(rel)
		if dirs[dir] == nil {
			dirs[dir] = map[string]*ast.FuncDecl{}
		}
		for _, d := range f.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok {
				dirs[dir][fn.Name.Name] = fn
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for dir, funcs := range dirs {
		for name, fn := range funcs {
			if strings.HasPrefix(name, "Test") && samples(fn, funcs, map[string]bool{}) {
				all[dir] = append(all[dir], name)
			}
		}
	}
	return all
}

// samples reports whether a function speaks of testrace, or calls one of its package's
// tests that does.
func samples(fn *ast.FuncDecl, funcs map[string]*ast.FuncDecl, seen map[string]bool) bool {
	if fn == nil || seen[fn.Name.Name] {
		return false
	}
	seen[fn.Name.Name] = true
	found := false
	ast.Inspect(fn, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.SelectorExpr:
			if x, ok := n.X.(*ast.Ident); ok && x.Name == "testrace" {
				found = true
			}
		case *ast.CallExpr:
			if f, ok := n.Fun.(*ast.Ident); ok && samples(funcs[f.Name], funcs, seen) {
				found = true
			}
		}
		return !found
	})
	return found
}
