package config

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"

	"rtmtgrab/internal/evidence"
)

// Bounds on the parser's memory and time, which grow with a file's size. Of what
// stands in brackets it may keep 1 KB for each word until they close. It bounds the
// depth itself.
const (
	maxFile = 1 << 20
	maxFlow = 100_000 // brackets and commas
)

// parseTree parses the one document of a file. It returns nil if there is a fault.
func parseTree(b *book, data []byte) (root *yaml.Node) {
	defer func() {
		if r := recover(); r != nil { // a defect of the parser must not end the program
			b.badAt(1, "", "the file cannot be read as YAML")
			root = nil
		}
	}()
	data = bytes.TrimPrefix(data, []byte("\ufeff")) // some editors on Windows write one
	if line, what := unfit(data); what != "" {
		b.badAt(line, "", "%s", what)
		return nil
	}

	loader, err := yaml.NewLoader(bytes.NewReader(data), yaml.WithPlugin(noAliases{}))
	for err == nil {
		var doc yaml.Node
		switch err = loader.Load(&doc); {
		case err != nil || isNull(doc.Content[0]):
		case root != nil:
			b.badAt(doc.Content[0].Line, "", "a second YAML document begins here: only one is allowed")
			return nil
		default:
			root = doc.Content[0]
		}
	}
	if err != io.EOF {
		syntax(b, err, data)
		return nil
	}

	if root == nil {
		b.badAt(1, "", "the file is empty: start with grab.example.yaml")
	}
	return root
}

// unfit says why data is not handed to the parser, and in which line: it is large or
// no plain text, editors count its lines otherwise than the parser does, or it has
// directives, which cost time with the square of their number.
func unfit(data []byte) (line int, what string) {
	if len(data) > maxFile {
		return 1, "the file is larger than 1 MiB"
	}
	if bytes.Count(data, []byte(","))+bytes.Count(data, []byte("["))+bytes.Count(data, []byte("{")) > maxFlow {
		return 1, "the file has too many brackets and commas: more than 100000"
	}
	for text := range bytes.Lines(data) {
		line++
		text = bytes.TrimSuffix(bytes.TrimSuffix(text, []byte("\n")), []byte("\r"))
		switch {
		case !utf8.Valid(text):
			return line, "this line is not UTF-8: save the file as UTF-8"
		case bytes.ContainsFunc(text, invisible):
			return line, "this line has a control character or another invisible one: remove it"
		case bytes.HasPrefix(text, []byte("%")):
			return line, "YAML directives (%) are not allowed: remove this line"
		}
	}
	return 0, ""
}

// invisible reports whether r is a control character, a line break that editors do not
// count, a byte order mark (after which the parser may lose a character), or none.
func invisible(r rune) bool {
	return r < ' ' && r != '\t' || strings.ContainsRune("\u007f\u0085\u2028\u2029\ufeff\ufffe\uffff", r)
}

// syntax records what the parser says, with the line and a caret.
func syntax(b *book, err error, data []byte) {
	e, ok := errors.AsType[*yaml.LoadError](err)
	if !ok {
		b.badAt(1, "", "the file cannot be read as YAML")
		return
	}
	lines := bytes.Split(bytes.TrimSuffix(data, []byte("\n")), []byte("\n"))
	line, column, begun := e.Mark.Line, e.Mark.Column, e.ContextMark.Line
	switch {
	case line > 0 && line <= len(lines) && tabbed(lines[line-1]):
		b.syntaxAt(lines, line, bytes.IndexByte(lines[line-1], '\t')+1, "a tab in the indentation: use blanks")
		return
	case begun > 0 && (line > len(lines) || e.Stage == yaml.ScannerStage):
		line, column = begun, e.ContextMark.Column // where the quotes, the brackets or the key begin that do not end
	}
	b.syntaxAt(lines, min(line, len(lines)), column, "invalid YAML: %s (a key needs a space after its colon; text with any of : [ ] { } # @ needs quotes)", evidence.Printable(strings.TrimSpace(e.Message+" "+e.ContextMsg), 200))
}

// syntaxAt records a syntax error with the line where it is.
func (b *book) syntaxAt(lines [][]byte, line, column int, format string, args ...any) {
	b.badAt(line, "", format, args...)
	if n := len(b.faults); line > 0 && n <= maxFaults {
		b.faults[n-1].excerpt = excerpt(string(bytes.TrimSuffix(lines[line-1], []byte("\r"))), line, column)
	}
}

// tabbed reports whether there is a tab in a line's indentation.
func tabbed(line []byte) bool {
	return bytes.ContainsRune(line[:len(line)-len(bytes.TrimLeft(line, " \t"))], '\t')
}

// noAliases lets every alias stand for nothing, so that the decoder finds it and
// nothing can be made large by it.
type noAliases struct{}

func (noAliases) NewAliasDataContext(yaml.AliasDataServices) (yaml.AliasDataContext, error) {
	return noAliases{}, nil
}
func (noAliases) BeginDocument() error                  { return nil }
func (noAliases) EndDocument() error                    { return nil }
func (noAliases) DefineAnchor(string, *yaml.Node) error { return nil }
func (noAliases) ResolveAlias(string) (*yaml.Node, bool, error) {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null"}, true, nil
}
