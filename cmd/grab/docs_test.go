package main

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"rtmtgrab/internal/testdocs"
)

// repository is its root, from here.
const repository = "../.."

// documents are all that the project has.
func documents(t *testing.T) []testdocs.Document {
	t.Helper()
	docs, err := testdocs.Read(repository)
	if err != nil {
		t.Fatal(err)
	}
	return docs
}

// TestDocuments: what README.md and docs/ tell people to type is there: commands with their
// flags and as many arguments as they take, targets of make, files and tests. What is more
// than a form of words TestDocumentsRun runs.
func TestDocuments(t *testing.T) {
	t.Parallel()
	j := newJudge(t)
	blocks, commands := 0, 0
	for _, d := range documents(t) {
		for _, b := range d.Blocks {
			blocks++
			j.block(b)
			for _, c := range b.Commands() {
				if words := testdocs.Program(c.Words); words[0] == "grab" {
					commands++
				}
				j.say(d.Name, c.Line, j.command(testdocs.Program(c.Words), takes))
				for _, w := range c.Words {
					j.say(d.Name, c.Line, j.file(w))
				}
			}
		}
		for _, s := range d.Spans() {
			if s.No >= wasSince(d) {
				break
			}
			for _, words := range testdocs.Simple(s.Text, !strings.Contains(s.Text, `:\`)) {
				j.say(d.Name, s.No, j.command(testdocs.Program(words), speaksOf))
			}
			j.say(d.Name, s.No, j.named(s.Text))
		}
	}
	if blocks < 60 || commands < 50 {
		t.Errorf("only %d blocks with %d commands of grab were found", blocks, commands)
	}
}

// wasSince is the line from which on CHANGELOG.md tells of what was.
func wasSince(d testdocs.Document) int {
	seen := 0
	for _, l := range d.Prose {
		if d.Name == "CHANGELOG.md" && strings.HasPrefix(l.Text, "## ") {
			if seen++; seen == 2 {
				return l.No
			}
		}
	}
	return math.MaxInt
}

// A judge knows what there is.
type judge struct {
	t        *testing.T
	targets  map[string]bool // of the Makefile, and its variables
	tests    map[string]bool // of all packages
	anywhere map[string]bool // flags that some command has
}

func newJudge(t *testing.T) *judge {
	t.Helper()
	j := &judge{t: t, targets: map[string]bool{}, tests: map[string]bool{}, anywhere: map[string]bool{}}
	makefile, err := os.ReadFile(filepath.Join(repository, "Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`(?m)^([a-z -]+):|\b([A-Z][A-Z_]+)\b`).FindAllStringSubmatch(string(makefile), -1) {
		for _, name := range append(strings.Fields(m[1]), m[2]) {
			j.targets[name] = true
		}
	}
	function := regexp.MustCompile(`(?m)^func ((?:Test|Fuzz|Benchmark)\w+)\(`)
	err = filepath.WalkDir(repository, func(name string, e os.DirEntry, err error) error {
		if err == nil && e.IsDir() && (e.Name() == "testdata" || e.Name() == ".git") {
			return filepath.SkipDir
		}
		if err != nil || !strings.HasSuffix(name, "_test.go") {
			return err
		}
		text, err := os.ReadFile(name)
		for _, m := range function.FindAllSubmatch(text, -1) {
			j.tests[string(m[1])] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	eachCommand((&app{}).root(), func(c *cobra.Command) {
		c.InitDefaultHelpFlag()
		for _, set := range []*pflag.FlagSet{c.Flags(), c.InheritedFlags()} {
			set.VisitAll(func(f *pflag.Flag) { j.anywhere["--"+f.Name] = true })
		}
	})
	return j
}

func (j *judge) say(file string, line int, err error) {
	if err != nil {
		j.t.Errorf("%s:%d: %v", file, line, err)
	}
}

// block: a test that is said to run a block is there, and reads the document.
func (j *judge) block(b testdocs.Block) {
	if b.TestedBy != "" && !j.tests[b.TestedBy] {
		j.t.Errorf("%s: there is no %s", b.At(), b.TestedBy)
	}
	if !slices.Contains([]string{testdocs.Shell, testdocs.Console, testdocs.YAML, testdocs.PowerShell}, b.Lang) && !b.Runs() {
		j.t.Errorf("%s: a block of %s is run by nothing anyhow", b.At(), b.Lang)
	}
	if b.Lang == testdocs.PowerShell && b.Runs() {
		j.t.Errorf("%s: what is for PowerShell is not run: not-run has to say it", b.At())
	}
}

// command judges a command that is not of this program, and of this one by grab.
func (j *judge) command(words []string, grab func([]string) error) error {
	switch {
	case len(words) == 0:
		return nil
	case words[0] == "grab":
		return grab(words[1:])
	case words[0] == "make":
		for _, w := range words[1:] {
			name, _, _ := strings.Cut(w, "=")
			if !j.targets[name] {
				return fmt.Errorf("the Makefile has no %s", name)
			}
		}
	case words[0] == "go" && len(words) > 2 && words[1] == "test":
		return j.goTest(words[2:])
	}
	return nil
}

// goTest: the folders and tests that it is to run are there.
func (j *judge) goTest(words []string) error {
	for i, w := range words {
		dir, below := strings.CutPrefix(w, "./")
		if _, err := os.Stat(filepath.Join(repository, strings.TrimSuffix(dir, "/..."))); below && err != nil {
			return fmt.Errorf("there is no %s", w)
		}
		if i == 0 || words[i-1] != "-run" && words[i-1] != "-bench" && words[i-1] != "-fuzz" || w == "^$" { // none, on purpose
			continue
		}
		pattern, err := regexp.Compile(w)
		if err != nil {
			return err
		}
		found := false
		for name := range j.tests {
			found = found || pattern.MatchString(name)
		}
		if !found {
			return fmt.Errorf("there is no test %s", w)
		}
	}
	return nil
}

// takes judges what follows `grab`, as somebody types it.
func takes(args []string) error {
	cmd, rest, err := (&app{}).root().Find(args)
	if err == nil {
		err = cmd.ParseFlags(rest)
	}
	if errors.Is(err, pflag.ErrHelp) {
		return nil
	}
	if err == nil && !cmd.Runnable() {
		err = errors.New("which of its commands?")
	}
	if err == nil {
		err = cmd.ValidateArgs(cmd.Flags().Args())
	}
	if err != nil {
		return fmt.Errorf("grab %s: %w", strings.Join(args, " "), err)
	}
	return nil
}

// placeholder is what stands for something in the form of a command.
var placeholder = regexp.MustCompile(`^\[?[A-Z]+(\.\.\.)?\]?$`)

// speaksOf judges what follows `grab` in a line of text, where it may be no more than the name
// of a command, or a form of words: `grab verify --key PUB|--trust FILE`, `grab export --format`.
func speaksOf(args []string) error {
	if len(args) > 0 && placeholder.MatchString(args[0]) {
		return nil // `grab COMMAND --help`
	}
	cmd, rest, err := (&app{}).root().Find(args)
	if err != nil {
		return err
	}
	var operands []string
	for i := 0; i < len(rest); i++ {
		w := strings.Trim(rest[i], "[]")
		if !strings.HasPrefix(w, "-") || w == "-" {
			operands = append(operands, w)
			continue
		}
		name, _, valued := strings.Cut(w, "=")
		f := flagOf(cmd, name)
		if f == nil {
			return fmt.Errorf("%s has no %s", cmd.CommandPath(), name)
		}
		if f.NoOptDefVal != "" || valued || i+1 == len(rest) {
			continue
		}
		i++
		if _, other, more := strings.Cut(rest[i], "|-"); more {
			rest[i], i = "-"+other, i-1 // `--key PUB|--trust FILE`
		}
	}
	if len(operands) == 0 || !slices.ContainsFunc(operands, func(w string) bool { return w != "..." && w != "…" }) {
		return nil
	}
	if cmd.HasSubCommands() && placeholder.MatchString(operands[0]) {
		return nil // `grab completion SHELL`
	}
	if !cmd.Runnable() {
		return fmt.Errorf("%s has no command %s", cmd.CommandPath(), operands[0])
	}
	if err := cmd.ValidateArgs(operands); err != nil {
		return fmt.Errorf("%s %q: %w", cmd.CommandPath(), operands, err)
	}
	return nil
}

// flagOf is a command's flag by its name with dashes, or nil.
func flagOf(cmd *cobra.Command, name string) *pflag.Flag {
	cmd.InitDefaultHelpFlag()
	for _, set := range []*pflag.FlagSet{cmd.Flags(), cmd.InheritedFlags()} {
		if long, is := strings.CutPrefix(name, "--"); is {
			if f := set.Lookup(long); f != nil {
				return f
			}
		} else if f := set.ShorthandLookup(strings.TrimPrefix(name, "-")); len(name) == 2 && f != nil {
			return f
		}
	}
	return nil
}

// others are flags of other programs of which the documents speak.
var others = []string{"--exclude", "--no-install-recommends"}

// inRepository is how a piece of code begins that names a file of the project.
var inRepository = regexp.MustCompile(`^(\./|\.\./)?(docs|configs|internal|cmd|schemas|\.ci)/[\w./*-]+$`)

var testName = regexp.MustCompile(`^(Test|Fuzz|Benchmark)[A-Z]\w*$`)

// named judges a piece of code of a line of text that is the name of something.
func (j *judge) named(code string) error {
	first, _, _ := strings.Cut(code, " ")
	flag, _, _ := strings.Cut(first, "=")
	switch {
	case strings.HasPrefix(code, "--") && !j.anywhere[flag] && !slices.Contains(others, flag):
		return fmt.Errorf("no command of grab has %s", flag)
	case testName.MatchString(code) && !j.tests[code]:
		return fmt.Errorf("there is no %s", code)
	}
	return j.file(code)
}

// file: what is called like a file of the project is one.
func (j *judge) file(code string) error {
	if inRepository.MatchString(code) {
		name := strings.TrimSuffix(strings.TrimPrefix(strings.TrimPrefix(code, "./"), "../"), "/...")
		found, err := filepath.Glob(filepath.Join(repository, filepath.FromSlash(name)))
		if err != nil || len(found) == 0 {
			return fmt.Errorf("there is no %s", code)
		}
	}
	return nil
}
