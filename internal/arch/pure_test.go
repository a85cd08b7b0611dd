package arch

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// What `make test-race` does not show to the race detector has nothing for it: no goroutine is
// started there, and nothing is shared.
func TestPure(t *testing.T) {
	root := filepath.Join("..", "..")
	for _, dir := range strings.Fields(makeVar(t, "PURE")) {
		files, _ := filepath.Glob(filepath.Join(root, dir, "*.go"))
		files = slices.DeleteFunc(files, func(name string) bool { return strings.HasSuffix(name, "_test.go") })
		if len(files) == 0 {
			t.Errorf("%s has no files", dir)
		}
		for _, name := range files {
			fset := token.NewFileSet()
			f, err := parser.ParseFile(fset, name, nil, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			for _, i := range f.Imports {
				if path := strings.Trim(i.Path.Value, `"`); path == "sync" || path == "sync/atomic" {
					t.Errorf("%s: %s is imported: take %s out of PURE", fset.Position(i.Pos()), path, dir)
				}
			}
			ast.Inspect(f, func(n ast.Node) bool {
				if g, ok := n.(*ast.GoStmt); ok {
					t.Errorf("%s: a goroutine: take %s out of PURE", fset.Position(g.Pos()), dir)
				}
				return true
			})
		}
	}
}
