package bundle

import "strings"

// columns is the width of README.txt.
const columns = 100

// wrapped breaks the lines of a text at blanks, and words that are longer than a line
// anywhere. What goes on stands under its line's first letter. A line that begins with a
// tab is kept as it is, behind four blanks.
func wrapped(text string) string {
	var out strings.Builder
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if verbatim, ok := strings.CutPrefix(line, "\t"); ok {
			out.WriteString("    " + verbatim + "\n")
			continue
		}
		words := strings.TrimLeft(line, " ")
		first := line[:len(line)-len(words)]
		rest := first
		if item, ok := strings.CutPrefix(words, "- "); ok {
			words, first, rest = item, first+"- ", first+"  "
		}
		wrap(&out, first, rest, words)
	}
	return out.String()
}

func wrap(out *strings.Builder, first, rest, s string) {
	line, empty := first, true
	for _, word := range strings.Fields(s) {
		if !empty && len(line)+1+len(word) > columns {
			out.WriteString(line + "\n")
			line, empty = rest, true
		}
		if !empty {
			line += " "
		}
		for len(line)+len(word) > columns {
			cut := columns - len(line)
			out.WriteString(line + word[:cut] + "\n")
			line, word = rest, word[cut:]
		}
		line += word
		empty = false
	}
	out.WriteString(line + "\n")
}
