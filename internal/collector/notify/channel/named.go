package channel

import (
	"fmt"
	"strings"

	"rtmtgrab/internal/human"
)

// Names are the phones that CUCM itself has as partially registered.
type Names struct {
	State  string  `json:"state"`            // certain, likely or none
	Why    string  `json:"why,omitempty"`    // why it is not certain
	Phones []Named `json:"phones,omitempty"` // at most MaxPhones
	More   int     `json:"more_phones,omitempty"`
}

// Named is one of them.
type Named struct {
	Cluster     string      `json:"cluster"`
	Device      string      `json:"device"`
	Lines       []NamedLine `json:"lines,omitempty"`
	Description string      `json:"description,omitempty"`
	Via         string      `json:"via,omitempty"` // the Expressway-C; empty: not shown to be an MRA phone
	Certain     bool        `json:"certain"`
}

// NamedLine is a line of one.
type NamedLine struct {
	Number string `json:"number"`
	State  string `json:"state"` // up, down, or CUCM's word
}

// line is a phone for people: SEP001122334455, 7042 up, 7043 down, Reception, home; via expc01.
func (p Named) line() string {
	parts := []string{p.Device}
	for _, l := range p.Lines {
		parts = append(parts, l.Number+" "+l.State)
	}
	if p.Description != "" {
		parts = append(parts, p.Description)
	}
	if p.Via == "" {
		return strings.Join(parts, ", ") + "; not shown to be MRA"
	}
	return strings.Join(parts, ", ") + "; via " + p.Via
}

func (n *Names) write(b *strings.Builder) {
	if n == nil {
		return
	}
	of := ""
	if n.State != "certain" && n.State != "none" {
		of = ", " + n.State
	}
	switch {
	case n.State == "none":
		fmt.Fprintf(b, "CUCM:     %s\n", n.Why)
		return
	case len(n.Phones) == 0:
		fmt.Fprintf(b, "CUCM:     no phone is partially registered%s\n", of)
	default:
		fmt.Fprintf(b, "CUCM:     %s partially registered%s\n", human.Plural(len(n.Phones)+n.More, "phone"), of)
	}
	for _, p := range n.Phones {
		fmt.Fprintf(b, "  %s\n", p.line())
	}
	if n.More > 0 {
		fmt.Fprintf(b, "  and %d more\n", n.More)
	}
	if n.Why != "" {
		fmt.Fprintf(b, "          (%s)\n", n.Why)
	}
}
