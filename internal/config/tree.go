package config

import (
	"bytes"
	"errors"
	"unicode/utf8"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"

	"rtmtgrab/internal/evidence"
)

// Bounds on what is handed to the parser, whose time and memory grow with the
// square of some of them.
const (
	maxLines  = 50_000
	maxBlank  = 1000 // empty lines in a row
	maxTokens = 50_000
	maxDepth  = 16
	maxColumn = 200  // of the first word of a line: bounds the depth of blocks
	maxKey    = 128  // bytes
	maxScalar = 4096 // bytes
)

// tree parses the one document of a file. On a fault it returns false; on a file
// without any value too.
func (d *decoder) tree(data []byte) (root ast.Node, ok bool) {
	defer func() {
		if r := recover(); r != nil { // a defect of the parser must not end the program
			d.badAt(1, "", "cannot be read as YAML")
			ok = false
		}
	}()
	if len(data) > maxFile {
		d.badAt(1, "", "the file has more than 1 MiB")
		return nil, false
	}
	data = bytes.TrimPrefix(data, []byte("\ufeff")) // some editors on Windows write one
	if !d.plainText(data) || !d.fewLines(data) {
		return nil, false
	}
	tokens := lexer.Tokenize(string(data))
	if line, what := excess(tokens); what != "" {
		d.badAt(line, "", "%s", what)
		return nil, false
	}
	file, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		d.syntax(err)
		return nil, false
	}
	for _, doc := range file.Docs {
		switch {
		case doc.Body == nil:
		case root != nil || doc.Body.Type() == ast.DirectiveType:
			d.badAt(nodeLine(doc.Body), "", "the file may hold one YAML document, without directives")
			return nil, false
		default:
			root = doc.Body
		}
	}
	if root == nil {
		d.badAt(1, "", "the file is empty: see grab.example.yaml")
	}
	return root, root != nil
}

// fewLines reports whether the file has no more lines than the parser can bear.
func (d *decoder) fewLines(data []byte) bool {
	n, blank := 0, 0
	for line := range bytes.Lines(data) {
		n++
		blank++
		if len(bytes.TrimSpace(line)) > 0 {
			blank = 0
		}
		if n > maxLines || blank > maxBlank {
			d.badAt(n, "", "the file has too many lines, or too many empty ones in a row")
			return false
		}
	}
	return true
}

// plainText reports whether data is UTF-8 without control characters.
func (d *decoder) plainText(data []byte) bool {
	for i := 0; i < len(data); {
		r, n := utf8.DecodeRune(data[i:])
		switch {
		case r == utf8.RuneError && n == 1:
			d.badAt(lineOf(data, i), "", "this line is not UTF-8")
			return false
		case r == '\r' && i+1 < len(data) && data[i+1] == '\n':
		case r < ' ' && r != '\n' && r != '\t', r == 0x7f:
			d.badAt(lineOf(data, i), "", "this line has a control character")
			return false
		}
		i += n
	}
	return true
}

// excess says which bound the tokens break, and in which line.
func excess(tokens token.Tokens) (line int, what string) {
	if len(tokens) > maxTokens {
		return tokens[maxTokens].Position.Line, "the file has too many words"
	}
	flow, dashes, last := 0, 0, 0
	for i, t := range tokens {
		line = t.Position.Line
		if line != last {
			dashes = 0
			if t.Position.Column > maxColumn && t.Type != token.CommentType {
				return line, "this line is indented too far"
			}
		}
		last = line
		switch t.Type {
		case token.CommentType:
			continue
		case token.MappingStartType, token.SequenceStartType:
			flow++
		case token.MappingEndType, token.SequenceEndType:
			flow--
		case token.SequenceEntryType, token.MappingKeyType, token.TagType, token.AnchorType:
			dashes++
		case token.MappingValueType:
			if i > 0 && len(tokens[i-1].Value) > maxKey {
				return line, "this line has a key that is too long"
			}
		}
		if flow > maxDepth || dashes > maxDepth {
			return line, "this line is nested too deeply"
		}
		if len(t.Value) > maxScalar {
			return line, "this line has a value of more than 4096 bytes"
		}
	}
	return 0, ""
}

// syntax records what the parser says, without the excerpt that it would print:
// a secret may stand there.
func (d *decoder) syntax(err error) {
	var e interface {
		error
		GetMessage() string
		GetToken() *token.Token
	}
	if !errors.As(err, &e) {
		d.badAt(1, "", "cannot be read as YAML")
		return
	}
	line := 1
	if t := e.GetToken(); t != nil && t.Position != nil {
		line = t.Position.Line
	}
	d.badAt(line, "", "not YAML here: %s (text with any of : [ ] { } # @ needs quotes)", evidence.Printable(e.GetMessage(), 200))
}

func nodeLine(n ast.Node) int {
	if n == nil {
		return 1
	}
	if m, ok := n.(*ast.MappingNode); ok && len(m.Values) > 0 {
		return nodeLine(m.Values[0].Key)
	}
	t := n.GetToken()
	if t == nil || t.Position == nil {
		return 1
	}
	return t.Position.Line
}
