package arch

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/uudashr/gocognit"
)

// measured is how large things are, and where the largest of each name is.
type measured struct {
	n         map[size]int
	at        map[size]string
	documents map[string]int // fields of those that were found
}

func (m *measured) note(kind, name string, n int, at string) {
	s := size{kind, strings.ToLower(name)}
	if n > m.n[s] {
		m.n[s], m.at[s] = n, at
	}
}

// measure parses the program, for all systems and without its tests.
func measure(t *testing.T) *measured {
	t.Helper()
	m := &measured{n: map[size]int{}, at: map[size]string{}, documents: map[string]int{}}
	root := filepath.Join("..", "..")
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil || !d.IsDir():
			return err
		case strings.HasPrefix(d.Name(), ".") && d.Name() != "..", d.Name() == "testdata":
			return fs.SkipDir
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		return m.folder(path, filepath.ToSlash(rel))
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(m.n) < 1000 {
		t.Fatalf("only %d sizes were measured", len(m.n))
	}
	return m
}

// folder measures a package.
func (m *measured) folder(dir, name string) error {
	names, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		return err
	}
	fset := token.NewFileSet()
	var parsed []*ast.File
	total := 0
	for _, n := range names {
		if strings.HasSuffix(n, "_test.go") {
			continue
		}
		text, err := os.ReadFile(n)
		if err != nil {
			return err
		}
		if strings.Contains(string(text), "gocognit:"+"ignore") {
			return fmt.Errorf("%s: every function is counted", n)
		}
		f, err := parser.ParseFile(fset, n, text, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		parsed = append(parsed, f)
		total += strings.Count(string(text), "\n")
	}
	m.note(lines, name, total, name)
	m.types(fset, parsed)
	for _, s := range gocognit.ComplexityStatsForFiles(parsed, fset, nil, nil) {
		m.note(complexity, plainName(s.FuncName), s.Complexity, s.Pos.String())
	}
	return nil
}

// plainName is (*T).f as T.f.
func plainName(name string) string {
	return strings.NewReplacer("(*", "", "(", "", ")", "").Replace(name)
}

// types measures the types and functions of a package.
func (m *measured) types(fset *token.FileSet, parsed []*ast.File) {
	methods := map[string]map[string]bool{} // the files of each type's
	for _, f := range parsed {
		for _, d := range f.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok {
				continue
			}
			from, to := fset.Position(fn.Pos()), fset.Position(fn.End())
			name := fn.Name.Name
			if recv := receiver(fn); recv != "" {
				name = recv + "." + name
				if methods[recv] == nil {
					methods[recv] = map[string]bool{}
				}
				methods[recv][from.Filename] = true
			}
			m.note(length, name, to.Line-from.Line+1, from.String())
		}
	}
	for name, in := range methods {
		m.note(files, name, len(in), slices.Min(slices.Collect(maps.Keys(in))))
	}
	for _, f := range parsed {
		ast.Inspect(f, func(n ast.Node) bool {
			if spec, ok := n.(*ast.TypeSpec); ok && methods[spec.Name.Name] != nil {
				m.fields(f.Name.Name, spec, fset.Position(spec.Pos()).String())
			}
			return true
		})
	}
}

// fields counts those of a struct with methods.
func (m *measured) fields(pkg string, spec *ast.TypeSpec, at string) {
	s, ok := spec.Type.(*ast.StructType)
	if !ok {
		return
	}
	n := 0
	for _, f := range s.Fields.List {
		n += max(len(f.Names), 1) // an embedded one has no name
	}
	if name := pkg + "." + spec.Name.Name; documents[name] != "" {
		m.documents[name] = n
		return
	}
	m.note(fields, spec.Name.Name, n, at)
}

// receiver is the type that a method is of, "" if it is none.
func receiver(fn *ast.FuncDecl) string {
	if fn.Recv == nil || len(fn.Recv.List) == 0 {
		return ""
	}
	t := fn.Recv.List[0].Type
	for {
		switch x := t.(type) {
		case *ast.StarExpr:
			t = x.X
		case *ast.IndexExpr:
			t = x.X
		case *ast.IndexListExpr:
			t = x.X
		case *ast.ParenExpr:
			t = x.X
		case *ast.Ident:
			return x.Name
		default:
			return ""
		}
	}
}
