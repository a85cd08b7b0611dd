package bundle

import (
	"fmt"
	"io"
	"strings"

	"rtmtgrab/internal/evidence"
)

// registration gives the verdict on the phones in words.
func (r *readme) registration() {
	reg := r.m.Registration
	if reg == nil {
		return
	}
	r.p.title("What the REGISTER messages show")
	r.p.para("", printable(reg.Summary))
	found := reg.Findings()
	for _, f := range found {
		if f.Depth == 0 {
			r.p.item(printable(f.Text))
		} else {
			r.p.para(strings.Repeat("  ", f.Depth+1), printable(f.Text))
		}
	}
	if len(found) > 0 {
		r.p.blank()
	}
	for _, n := range reg.Notes {
		r.p.item(printable(n))
	}
	if len(reg.Notes) > 0 {
		r.p.blank()
	}
	r.p.para("", "The records that prove it, with a picture: open report/registration.html. \"Likely\" and \"cannot tell\" are meant:"+
		" what CUCM did is known from its answers alone.")
}

// describeRegistration is the same for `grab show`.
func describeRegistration(w io.Writer, reg *evidence.Registration) {
	if reg == nil {
		return
	}
	fmt.Fprintf(w, "\nWhat the REGISTER messages show\n  %s\n", printable(reg.Summary))
	for _, f := range reg.Findings() {
		fmt.Fprintf(w, "  %s%s\n", strings.Repeat("  ", f.Depth), printable(f.Text))
	}
}
