package testdocs

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// The languages of blocks that something is done with.
const (
	Shell      = "sh"
	Console    = "console"
	YAML       = "yaml"
	PowerShell = "powershell"
)

// FiveCommands is what stands before the commands from a package to a running watch.
const FiveCommands = "<!-- `make release-test` runs this block"

// Known are the languages that a block may have.
var Known = []string{Shell, Console, YAML, PowerShell, "js", "mermaid", "promql", "text"}

// A Block is a fenced block of a document.
type Block struct {
	File     string // from the root of the repository, with slashes
	Line     int    // of its fence
	Lang     string
	TestedBy string // the test that runs it; empty: it is not said
	NotRun   string // why it is not run; empty: it is
	Text     string // without the indentation of its fence
}

// At is where the block stands.
func (b Block) At() string { return fmt.Sprintf("%s:%d", b.File, b.Line) }

// Runs says that the test of all documents runs the block.
func (b Block) Runs() bool { return b.TestedBy == "" && b.NotRun == "" }

// A Document is a file of the repository, read.
type Document struct {
	Name   string // from the root, with slashes
	Blocks []Block
	Prose  []Line // what is no block
}

// A Line is a line of text and its number, from 1.
type Line struct {
	No   int
	Text string
}

// Read reads the documents of a repository: those at its top, and all in docs. The error
// names the first fault of each.
func Read(root string) (docs []Document, err error) {
	var names []string
	var faults []error
	for _, pattern := range []string{"*.md", "docs/*.md", "docs/*/*.md"} {
		found, err := filepath.Glob(filepath.Join(root, filepath.FromSlash(pattern)))
		if err != nil {
			return nil, err
		}
		names = append(names, found...)
	}
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		rel, err := filepath.Rel(root, name)
		if err != nil {
			return nil, err
		}
		d, err := Parse(filepath.ToSlash(rel), string(text))
		faults = append(faults, err)
		docs = append(docs, d)
	}
	return docs, errors.Join(faults...)
}

// Parse takes a document apart.
func Parse(name, text string) (Document, error) {
	d := Document{Name: name}
	var open *Block
	indent := ""
	no := 0
	for line := range strings.Lines(text) {
		no++
		line = strings.TrimRight(line, "\r\n")
		body := strings.TrimLeft(line, " ")
		switch {
		case open == nil && strings.HasPrefix(body, "```"):
			b, err := fence(name, no, strings.TrimPrefix(body, "```"))
			if err != nil {
				return d, err
			}
			open, indent = &b, line[:len(line)-len(body)]
		case open == nil:
			d.Prose = append(d.Prose, Line{no, line})
		case body == "```":
			d.Blocks = append(d.Blocks, *open)
			open = nil
		default:
			open.Text += strings.TrimPrefix(line, indent) + "\n"
		}
	}
	if open != nil {
		return d, fmt.Errorf("%s: the block has no end", open.At())
	}
	return d, nil
}

var attribute = regexp.MustCompile(`^([a-z-]+)="([^"]+)"\s*`)

// fence reads the first line of a block.
func fence(name string, no int, info string) (Block, error) {
	b := Block{File: name, Line: no}
	lang, rest, _ := strings.Cut(info, " ")
	b.Lang = lang
	if !slices.Contains(Known, lang) {
		return b, fmt.Errorf("%s: a block of the language %q: want one of %s", b.At(), lang, strings.Join(Known, ", "))
	}
	for rest != "" {
		m := attribute.FindStringSubmatch(rest)
		if m == nil {
			return b, fmt.Errorf("%s: %q is no attribute", b.At(), rest)
		}
		rest = rest[len(m[0]):]
		switch m[1] {
		case "not-run":
			b.NotRun = m[2]
		case "tested-by":
			b.TestedBy = m[2]
		default:
			return b, fmt.Errorf("%s: unknown attribute %s", b.At(), m[1])
		}
	}
	if b.NotRun != "" && b.TestedBy != "" {
		return b, fmt.Errorf("%s: either another test runs it, or none", b.At())
	}
	return b, nil
}

// Find is the first block behind a text of a document.
func Find(root, name, text string) (Block, error) {
	data, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(name)))
	if err != nil {
		return Block{}, err
	}
	d, err := Parse(name, string(data))
	if err != nil {
		return Block{}, err
	}
	before, _, found := strings.Cut(string(data), text)
	if !found {
		return Block{}, fmt.Errorf("%s does not say %q", name, text)
	}
	from := strings.Count(before, "\n") + 1
	for _, b := range d.Blocks {
		if b.Line >= from {
			return b, nil
		}
	}
	return Block{}, fmt.Errorf("%s has no block behind %q", name, text)
}
