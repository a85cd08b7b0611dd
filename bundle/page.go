package bundle

import (
	"io"
	"strings"
)

// columns is the width of README.txt.
const columns = 100

// A page writes wrapped plain text. The first error stays.
type page struct {
	w   io.Writer
	err error
}

// line writes one line as it is; it must be short.
func (p *page) line(s string) {
	if p.err == nil {
		_, p.err = io.WriteString(p.w, s+"\n")
	}
}

func (p *page) blank() { p.line("") }

func (p *page) title(s string) {
	p.line(s)
	p.line(strings.Repeat("-", len(s)))
}

// item writes "- s", wrapped under itself.
func (p *page) item(s string) { p.wrap("- ", "  ", s) }

// para writes s wrapped, every line behind indent; one without indent is
// followed by a blank line.
func (p *page) para(indent, s string) {
	p.wrap(indent, indent, s)
	if indent == "" {
		p.blank()
	}
}

// wrap breaks s at blanks, and words that are longer than a line anywhere.
func (p *page) wrap(first, rest, s string) {
	line, empty := first, true
	for _, word := range strings.Fields(s) {
		if !empty && len(line)+1+len(word) > columns {
			p.line(line)
			line, empty = rest, true
		}
		if !empty {
			line += " "
		}
		for len(line)+len(word) > columns {
			cut := columns - len(line)
			p.line(line + word[:cut])
			line, word = rest, word[cut:]
		}
		line += word
		empty = false
	}
	p.line(line)
}
