package evidence

import (
	"strings"
	"unicode"
)

// formulas is what a formula begins with, full-width forms included: a spreadsheet with an
// East Asian language takes them for the same.
const formulas = "=+-@＝＋－＠﹢﹣﹦﹫−⁺⁻⁼"

// blank reports whether a rune shows as nothing: a spreadsheet may leave it away.
func blank(r rune) bool {
	return unicode.IsSpace(r) || unicode.In(r, unicode.Cf, unicode.Cc, unicode.Mn) || r == 0x115f || r == 0x1160 || r == 0x3164 || r == 0xffa0 || r == 0x2800
}

// Cell makes foreign text fit for one cell of a table. What a spreadsheet might take for a formula is made
// text.
func Cell(s string) string {
	began := strings.ContainsAny(s[:min(len(s), 1)], "\t\r\n") // Printable makes blanks of them
	s = Printable(s, 32000)
	t := strings.TrimLeftFunc(s, blank)
	if began || t != "" && strings.ContainsRune(formulas, []rune(t)[0]) {
		return "'" + s
	}
	return s
}
