package terminal

import (
	"io"
	"os"

	"golang.org/x/term"
)

// A Paint colours words for a person at a terminal; the zero value leaves them as they are.
type Paint struct{ on bool }

// PaintFor is for what is written to w: in colour only on a terminal that can, and where
// nobody asked for none (https://no-color.org).
func PaintFor(w io.Writer) Paint {
	f, ok := w.(*os.File)
	return Paint{ok && term.IsTerminal(int(f.Fd())) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb" && colours(f)}
}

// Good is green, Warn yellow, Bad red and bold.
func (p Paint) Good(s string) string { return p.in("32", s) }
func (p Paint) Warn(s string) string { return p.in("33", s) }
func (p Paint) Bad(s string) string  { return p.in("1;31", s) }

func (p Paint) in(code, s string) string {
	if !p.on {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}
