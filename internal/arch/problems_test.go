package arch

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// Whoever is woken by a problem finds its key in docs/operations.md.
func TestProblemKeys(t *testing.T) {
	made, told := madeKeys(t), toldKeys(t)
	if len(made) < 30 || len(told) < 30 {
		t.Fatalf("%d keys are made and %d told: nothing was found", len(made), len(told))
	}
	for pattern, at := range made {
		re := regexp.MustCompile("^" + strings.ReplaceAll(regexp.QuoteMeta(pattern), `\*`, ".+") + "$")
		if !slices.ContainsFunc(told, re.MatchString) {
			t.Errorf("%s: the problem %s stands in no table of docs/operations.md", at, pattern)
		}
	}
}

// toldKeys are those of the table under "Problems", among other words.
func toldKeys(t *testing.T) (keys []string) {
	b, err := os.ReadFile(filepath.Join("..", "..", "docs", "operations.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ := strings.Cut(string(b), "\n## Problems\n")
	text, _, _ = strings.Cut(text, "\n## ")
	quoted := regexp.MustCompile("`([a-z_]+(?:/[A-Za-z]+)*)`")
	for _, m := range quoted.FindAllStringSubmatch(text, -1) {
		keys = append(keys, m[1])
	}
	return keys
}

// madeKeys are those that the program gives problems, with * for what is no literal, and
// where it does.
func madeKeys(t *testing.T) map[string]string {
	keys := map[string]string{}
	fset := token.NewFileSet()
	err := filepath.WalkDir(filepath.Join("..", ".."), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		file, err := parser.ParseFile(fset, path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if key := keyOf(n); key != "" && key != "*" {
				keys[key] = fset.Position(n.Pos()).String()
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

// keyOf is the key that a piece of the program gives a problem, "" if it gives none.
func keyOf(n ast.Node) string {
	switch n := n.(type) {
	case *ast.CompositeLit:
		if name(n.Type) != "Problem" {
			return ""
		}
		for _, e := range n.Elts {
			if kv, ok := e.(*ast.KeyValueExpr); ok && name(kv.Key) == "Key" {
				return pattern(kv.Value)
			}
		}
	case *ast.AssignStmt: // p.Key += "/stuck"
		if sel, ok := n.Lhs[0].(*ast.SelectorExpr); ok && n.Tok == token.ADD_ASSIGN && sel.Sel.Name == "Key" {
			return "*" + pattern(n.Rhs[0])
		}
	}
	return ""
}

func name(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return e.Sel.Name
	}
	return ""
}

// pattern is the text of an expression, with * for what is no literal.
func pattern(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.BasicLit:
		s, _ := strconv.Unquote(e.Value)
		return s
	case *ast.BinaryExpr:
		return strings.ReplaceAll(pattern(e.X)+pattern(e.Y), "**", "*")
	}
	return "*"
}
