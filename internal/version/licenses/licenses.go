// Package licenses has the licences of all that is linked into the program, on any of the
// systems for which it is built.
//
// Its tests make licenses.txt out of the modules themselves and find whatever is missing
// there. It does not know what the licences ask for.
package licenses

import (
	_ "embed"
	"strings"
)

// Text is a table of modules, then the texts.
//
//go:embed licenses.txt
var Text string

// A Module is linked into the program and comes under a licence, in SPDX's words.
type Module struct {
	Path    string `json:"module"`
	Version string `json:"version"` // empty: as the program's own, or the compiler's
	License string `json:"license"`
}

// Document is the document of `grab version --licenses --json`.
type Document struct {
	Modules []Module `json:"modules"`
	Text    string   `json:"text"`
}

// All is what Text says, with its table apart.
func All() Document {
	d := Document{Text: Text}
	_, table, _ := strings.Cut(Text, "\n\n")
	table, _, _ = strings.Cut(table, "\n\n")
	for line := range strings.Lines(table) {
		if f := strings.Fields(line); len(f) > 2 {
			d.Modules = append(d.Modules, Module{f[0], strings.Trim(f[1], "-"), strings.Join(f[2:], " ")})
		}
	}
	return d
}
