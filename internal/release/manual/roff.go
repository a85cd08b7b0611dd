package manual

import (
	"bytes"
	"fmt"
	"strings"
	"time"
)

// A roff is a manual page that is being written.
type roff struct{ buf bytes.Buffer }

func (r *roff) bytes() []byte { return r.buf.Bytes() }

func (r *roff) title(name, section string, date time.Time, source, manual string) {
	fmt.Fprintf(&r.buf, ".TH %q %q %q %q %q\n", name, section, date.UTC().Format("Jan 2006"), literal(source), manual)
}

func (r *roff) section(name string) { fmt.Fprintf(&r.buf, ".SH %q\n", literal(name)) }

func (r *roff) paragraph() { r.buf.WriteString(".PP\n") }

func (r *roff) text(s string) { r.buf.WriteString(literal(s) + "\n") }

// key writes an entry of a list: its name, what is written for it, and what is to be said.
func (r *roff) key(name, kind string, sentences ...string) {
	r.buf.WriteString(".TP\n\\fB" + literal(name) + "\\fR")
	if kind != "" {
		r.buf.WriteString(" (" + literal(kind) + ")")
	}
	r.buf.WriteString("\n")
	for _, s := range sentences {
		if s != "" {
			r.text(s)
		}
	}
}

// literal is text that roff prints as it is: no escape, no request, no other hyphen.
func literal(s string) string {
	s = strings.NewReplacer(`\`, `\e`, "-", `\-`, "\n", " ", "\r", " ", `"`, `\(dq`, "'", `\(aq`, "`", `\(ga`, "~", `\(ti`, "^", `\(ha`, "…", "...").Replace(s)
	if strings.HasPrefix(s, ".") {
		s = `\&` + s
	}
	return s
}
