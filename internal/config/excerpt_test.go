package config

import (
	"strings"
	"testing"
)

// An excerpt has the caret under the column, and masks whatever is no key.
func TestExcerpt(t *testing.T) {
	for _, tt := range []struct {
		line   string
		column int
		want   string
	}{
		{"\t- name: hq", 1, "    7 |         - name: ***\n      | ^"},
		{"  password: hunter2: x", 20, "    7 |   password: ***: ***\n      |                ^"},
		{"store /var/lib/grab", 7, "    7 | store ***\n      |       ^"},
		{"hunter2", 3, "    7 | ***\n      | ^"},
		{"- {file: \"x", 10, "    7 | - {file: \"***\n      |          ^"},
		{"", 1, "    7 | \n      | ^"},
		{strings.Repeat("a ", 200), 390, "    7 | " + strings.TrimRight(strings.Repeat("*** ", 25), " ") + "\n      | " + strings.Repeat(" ", 100) + "^"},
	} {
		if got := excerpt(tt.line, 7, tt.column); got != tt.want {
			t.Errorf("%q:\n%s\nwant\n%s", tt.line, got, tt.want)
		}
	}
}

// FuzzExcerpt: two lines, the second a caret; no word but keys and what is masked.
func FuzzExcerpt(f *testing.F) {
	f.Add("  password: hunter2: x", 20)
	f.Add("\t- {name: hq, host", 1)
	f.Fuzz(func(t *testing.T, line string, column int) {
		if strings.ContainsAny(line, "\n\r") {
			t.Skip()
		}
		got := excerpt(line, 3, column)
		text, caret, ok := strings.Cut(got, "\n")
		if !ok || strings.Trim(caret, " |") != "^" || len(caret) > 300 {
			t.Fatalf("%q", got)
		}
		_, text, _ = strings.Cut(text, "| ")
		for _, word := range strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(" \t:,[]{}#\"'", r) }) {
			if word != masked && word != "-" && !knownKeys()[word] {
				t.Fatalf("%q shows %q", line, word)
			}
		}
	})
}
