package testdocs

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// TestLinks: every link among the project's documents leads somewhere.
func TestLinks(t *testing.T) {
	root := filepath.Join("..", "..")
	docs, err := Read(root)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, d := range docs {
		n += len(d.Links())
	}
	if len(docs) < 30 || n < 100 {
		t.Errorf("only %d documents with %d links were found", len(docs), n)
	}
	for _, dead := range DeadLinks(root, docs) {
		t.Error(dead)
	}
}

// From a package to a running watch it is five commands, the same in both documents.
func TestFiveCommands(t *testing.T) {
	root := filepath.Join("..", "..")
	readme, err := Find(root, "README.md", FiveCommands)
	if err != nil {
		t.Fatal(err)
	}
	setup, err := Find(root, "docs/setup.md", FiveCommands)
	if err != nil {
		t.Fatal(err)
	}
	if readme.Text != setup.Text {
		t.Errorf("README.md has\n%s\ndocs/setup.md has\n%s", readme.Text, setup.Text)
	}
	if n := len(readme.Statements()); n != 5 || !readme.Runs() || readme.Lang != Shell {
		t.Errorf("%d commands, %+v", n, readme)
	}
}

func TestDeadLinks(t *testing.T) {
	root := t.TempDir()
	for name, text := range map[string]string{
		"README.md":    "# A, `b` and C\n## [Twice](docs/x.md)\n## Twice\n[a](docs/x.md) [b](docs/x.md#no) [c](docs/gone.md) [d](#a-b-and-c) [e](#twice-1) [f](https://gone.example/) `[g](gone.md)`\n![p](docs/p.png)\n",
		"docs/x.md":    "[up](../README.md#twice) [down](../README.md#thrice)\n```text\n# no heading\n[no](link.md)\n```\n[h](#no-heading)\n",
		"docs/y/z.md":  "[x](../x.md)\n",
		"docs/p.png":   "",
		"CHANGELOG.md": "nothing\n",
	} {
		path := filepath.Join(root, filepath.FromSlash(name))
		os.MkdirAll(filepath.Dir(path), 0o700)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	docs, err := Read(root)
	if err != nil || len(docs) != 4 {
		t.Fatalf("%v %v", docs, err)
	}
	want := []string{
		"README.md:4: docs/x.md#no: docs/x.md has no such heading",
		"README.md:4: docs/gone.md: there is no docs/gone.md",
		"docs/x.md:1: ../README.md#thrice: README.md has no such heading",
		"docs/x.md:6: #no-heading: docs/x.md has no such heading",
	}
	if got := DeadLinks(root, docs); !reflect.DeepEqual(got, want) {
		t.Errorf("%s", strings.Join(got, "\n"))
	}
}

func TestBlocks(t *testing.T) {
	d, err := Parse("a.md", "text `grab\nshow`\n\n1. item\n\n   ```sh not-run=\"it is\"\n   a \\\n     b\n   ```\n```console\n$ one; two\nsaid\n```\n")
	if err != nil || len(d.Blocks) != 2 {
		t.Fatalf("%+v %v", d, err)
	}
	if b := d.Blocks[0]; b.Line != 6 || b.Lang != Shell || b.NotRun != "it is" || b.Text != "a \\\n  b\n" || b.Runs() || b.At() != "a.md:6" {
		t.Errorf("%+v", b)
	}
	if got, want := d.Blocks[1].Commands(), []Command{{11, []string{"one"}}, {11, []string{"two"}}}; !reflect.DeepEqual(got, want) {
		t.Errorf("%+v", got)
	}
	if got, want := d.Spans(), []Line{{1, "grab show"}}; !reflect.DeepEqual(got, want) {
		t.Errorf("%+v", got)
	}
	for _, bad := range []string{"```\nx\n```\n", "```sh\nx\n", "```cobol\n```\n", "```sh notrun=\"x\"\n```\n", "```sh not-run\n```\n", "```sh not-run=\"\"\n```\n", "```sh not-run=\"x\" tested-by=\"y\"\n```\n"} {
		if _, err := Parse("a.md", bad); err == nil || !strings.HasPrefix(err.Error(), "a.md:1: ") {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestCommands(t *testing.T) {
	text := "A=1 B=\"$(x | y)\" runuser -u grab -- grab now # all; of it\n" +
		"cat >>f <<'EOF' && printf '%s; x' \"a b\" 2>/dev/null | (sort;uniq)\ngrab nothing\nEOF\ngrab a \\\n  --b c>d\ngrab `x\n"
	b := Block{Line: 10, Lang: Shell, Text: text}
	want := []Command{
		{11, []string{"runuser", "-u", "grab", "--", "grab", "now"}},
		{12, []string{"cat"}}, {12, []string{"printf", "%s; x", "a b"}}, {12, []string{"sort"}}, {12, []string{"uniq"}},
		{15, []string{"grab", "a", "--b", "c"}}, {17, []string{"grab", "`x"}},
	}
	if got := b.Commands(); !reflect.DeepEqual(got, want) {
		t.Errorf("%+v", got)
	}
	p := Block{Lang: PowerShell, Text: ".\\grab init `\n  --key-file \"$env:P\\a b\"\n"}
	if got := p.Commands(); len(got) != 1 || !reflect.DeepEqual(Program(got[0].Words), []string{"grab", "init", "--key-file", `$env:P\a b`}) {
		t.Errorf("%+v", got)
	}
}

// Whatever a document says, it is taken apart and nothing of it is lost.
func FuzzParse(f *testing.F) {
	f.Add("a\n```sh\nb `c` (d) 'e\n```\n")
	f.Fuzz(func(t *testing.T, text string) {
		d, err := Parse("a.md", text)
		if err != nil {
			return
		}
		lines := len(d.Prose)
		for _, b := range d.Blocks {
			lines += strings.Count(b.Text, "\n") + 2
			b.Commands()
		}
		d.Spans()
		d.Links()
		if want := len(strings.Split(strings.TrimSuffix(text, "\n"), "\n")); text != "" && lines != want {
			t.Errorf("%d lines of %d: %+v", lines, want, d)
		}
	})
}
