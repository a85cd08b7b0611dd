package testdocs

import (
	"regexp"
	"slices"
	"strings"
)

// A Command is a simple command of a line, in words, without where its output goes.
type Command struct {
	Line  int // of the document
	Words []string
}

// A Statement is a line of a block with all that belongs to it: lines that go on in the next,
// parentheses, a here-document. Of a session it has what has to be said, too.
type Statement struct {
	Line int    // of the document
	Text string // as it is run
	Says string // what it has to say, of a session
	head string // without the here-document, in one line
}

// Statements takes a block apart. What is said before anything was typed is left out.
func (b Block) Statements() (list []Statement) {
	lines := strings.Split(strings.TrimSuffix(b.Text, "\n"), "\n")
	for i := 0; i < len(lines); i++ {
		line := lines[i]
		if b.Lang == Console {
			typed, is := strings.CutPrefix(line, "$ ")
			if !is {
				if len(list) > 0 {
					list[len(list)-1].Says += line + "\n"
				}
				continue
			}
			line = typed
		}
		s := Statement{Line: b.Line + 1 + i, Text: line, head: line}
		for i+1 < len(lines) && b.goesOn(&s) {
			i++
			s.Text += "\n" + lines[i]
			s.head += " " + strings.TrimSpace(lines[i])
		}
		if end := hereDoc(s.head); end != "" {
			for i+1 < len(lines) {
				i++
				s.Text += "\n" + lines[i]
				if lines[i] == end {
					break
				}
			}
		}
		list = append(list, s)
	}
	return list
}

// goesOn says whether the next line is of the same statement, and takes from its head what
// says so.
func (b Block) goesOn(s *Statement) bool {
	join := "\\"
	if b.Lang == PowerShell {
		join = "`"
	}
	if head, joined := strings.CutSuffix(s.head, join); joined {
		s.head = head
		return true
	}
	if b.Lang != Shell && b.Lang != Console {
		return false
	}
	open, last := 0, token{}
	for _, last = range tokens(s.head, true) {
		switch {
		case last.operator && last.text == "(":
			open++
		case last.operator && last.text == ")":
			open--
		}
	}
	if open > 0 && !last.operator {
		s.head += ";"
	}
	return open > 0 || last.operator && (last.text == "|" || last.text == "&")
}

// Commands are the simple commands of a block, whatever becomes of it.
func (b Block) Commands() (list []Command) {
	for _, s := range b.Statements() {
		for _, words := range Simple(s.head, b.Lang != PowerShell) {
			list = append(list, Command{s.Line, words})
		}
	}
	return list
}

var hereDocument = regexp.MustCompile(`<<-?'?([A-Z]+)'?`)

// hereDoc is the line that ends the document which a line begins, or nothing.
func hereDoc(line string) string {
	if m := hereDocument.FindStringSubmatch(line); m != nil {
		return m[1]
	}
	return ""
}

// Simple takes a line apart into its simple commands: what stands between ; & | ( and ).
// Comments and redirections are left out, and assignments before a command. escapes says
// that a backslash takes its meaning from what follows it.
func Simple(line string, escapes bool) (list [][]string) {
	var words []string
	end := func() {
		if len(words) > 0 {
			list = append(list, words)
		}
		words = nil
	}
	for _, w := range tokens(line, escapes) {
		switch {
		case w.operator:
			end()
		case len(words) == 0 && assignment.MatchString(w.text):
		default:
			words = append(words, w.text)
		}
	}
	end()
	return list
}

var (
	assignment  = regexp.MustCompile(`^[A-Z][A-Z0-9_]*=`)
	redirection = regexp.MustCompile(`^[0-9]?(>>?|<<?-?)`)
)

type token struct {
	text     string
	operator bool
}

// tokens are the words of a line and what separates commands.
func tokens(line string, escapes bool) (list []token) {
	s := scanner{rest: line, escapes: escapes}
	target := false // the next word is that of a redirection
	for s.skipBlanks(); s.rest != "" && s.rest[0] != '#'; s.skipBlanks() {
		if strings.ContainsRune(";&|()", rune(s.rest[0])) {
			list, s.rest, target = append(list, token{s.rest[:1], true}), s.rest[1:], false
			continue
		}
		if r := redirection.FindString(s.rest); r != "" {
			s.rest, target = s.rest[len(r):], true
			continue
		}
		word := s.word()
		if !target {
			list = append(list, token{text: word})
		}
		target = false
	}
	return list
}

type scanner struct {
	rest    string
	escapes bool
}

func (s *scanner) skipBlanks() { s.rest = strings.TrimLeft(s.rest, " \t") }

// word takes the next word, without its quotation marks. What is computed ($(...)) is a part
// of a word, whatever is in it.
func (s *scanner) word() string {
	var b strings.Builder
	quote, depth := byte(0), 0
	for ; s.rest != ""; s.rest = s.rest[1:] {
		c := s.rest[0]
		switch {
		case strings.HasPrefix(s.rest, "$(") && quote != '\'':
			depth++
			b.WriteByte(c)
			s.rest = s.rest[1:]
		case depth > 0:
			if c == ')' {
				depth--
			}
		case quote == c:
			quote = 0
			continue
		case quote == 0 && (c == '"' || c == '\''):
			quote = c
			continue
		case s.escapes && c == '\\' && quote != '\'' && len(s.rest) > 1:
			s.rest = s.rest[1:]
		case quote == 0 && strings.IndexByte(" \t;&|()<>", c) >= 0:
			return b.String()
		}
		b.WriteByte(s.rest[0])
	}
	return b.String()
}

// before are the words that may stand before a command which they run.
var before = [][]string{{"sudo", "-u", "grab"}, {"sudo"}, {"runuser", "-u", "grab", "--"}, {"exec"}, {"!"}}

// Program is what a simple command runs, without what runs it in another's name.
func Program(words []string) []string {
	for _, b := range before {
		if len(words) > len(b) && slices.Equal(words[:len(b)], b) {
			words = words[len(b):]
		}
	}
	if len(words) > 0 {
		words = slices.Clone(words)
		words[0] = strings.TrimSuffix(strings.TrimPrefix(words[0], `.\`), ".exe")
	}
	return words
}

var span = regexp.MustCompile("`([^`]+)`")

// Spans are the pieces of code in the lines of text.
func (d Document) Spans() (list []Line) {
	text, numbers := d.paragraphs()
	for _, m := range span.FindAllStringSubmatchIndex(text, -1) {
		code := strings.ReplaceAll(text[m[2]:m[3]], `\|`, "|") // as it has to stand in a table
		list = append(list, Line{numbers[strings.Count(text[:m[0]], "\n")], strings.Join(strings.Fields(code), " ")})
	}
	return list
}

// paragraphs is the text, in which a piece of code may go on in the next line but not in the
// next paragraph, and the number of each of its lines.
func (d Document) paragraphs() (text string, numbers []int) {
	var b strings.Builder
	for _, l := range d.Prose {
		line := l.Text
		if strings.HasPrefix(strings.TrimSpace(line), "<!--") {
			line = ""
		}
		b.WriteString(line + "\n")
		numbers = append(numbers, l.No)
	}
	return b.String(), numbers
}
