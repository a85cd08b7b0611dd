package mask

import (
	"flag"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write own.txt anew")

// tellers are the packages whose words stand in what is made of a masked bundle.
var tellers = []string{"bundle", "fetch", "internal/evidence", "internal/registration", "internal/report", "internal/analysis", "internal/masking", "internal/cucm", "internal/cucmtrace",
	"internal/incident", "internal/expressway", "internal/export", "internal/human", "internal/prt", "internal/diagnostics"}

var ownWord = regexp.MustCompile(`[a-z][a-z0-9_-]*[a-z0-9]`)

// collect takes in the words of a text, and the parts of those that are joined.
func collect(words map[string]bool, text string) {
	for _, w := range ownWord.FindAllString(strings.ToLower(text), -1) {
		for _, p := range append(strings.FieldsFunc(w, func(r rune) bool { return r == '-' || r == '_' }), w) {
			if len(p) >= 4 && len(p) <= 40 && !strings.ContainsAny(p, "0123456789") {
				words[p] = true
			}
		}
	}
}

// literals takes in what stands in quotes in a source, and the keys of its JSON.
func literals(words map[string]bool, file string) error {
	f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	ast.Inspect(f, func(n ast.Node) bool {
		if _, is := n.(*ast.ImportSpec); is {
			return false
		}
		if l, is := n.(*ast.BasicLit); is && l.Kind == token.STRING {
			if s, err := strconv.Unquote(l.Value); err == nil {
				collect(words, s)
			}
		}
		return true
	})
	return nil
}

// own.txt has every word of ours, or a site, a host or a user that is called like one could
// have no masked bundle. `go test ./bundle/mask -update` writes it anew.
func TestOwnWords(t *testing.T) {
	words, root := map[string]bool{}, filepath.Join("..", "..")
	for _, dir := range tellers {
		err := filepath.WalkDir(filepath.Join(root, dir), func(path string, d fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return err
			case d.IsDir() && (d.Name() == "testdata" || strings.HasPrefix(d.Name(), "test") || path == filepath.Join(root, "bundle", "mask")):
				return fs.SkipDir
			case strings.HasSuffix(path, "_test.go"):
			case strings.HasSuffix(path, ".go"):
				return literals(words, path)
			case strings.HasSuffix(path, ".tmpl"), strings.HasSuffix(path, ".html"), strings.HasSuffix(path, ".css"), strings.HasSuffix(path, ".js"):
				b, err := os.ReadFile(path)
				collect(words, string(b))
				return err
			}
			return nil
		})
		if err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
	}
	if len(words) < 1000 {
		t.Fatalf("only %d words were found", len(words))
	}
	if *update {
		if err := os.WriteFile("own.txt", []byte(strings.Join(slices.Sorted(maps.Keys(words)), "\n")+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	for _, w := range slices.Sorted(maps.Keys(words)) {
		if !own[w] {
			t.Errorf("%q is a word of ours and is not in own.txt: `go test ./bundle/mask -run OwnWords -update`", w)
		}
	}
}
