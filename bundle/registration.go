package bundle

import (
	"fmt"
	"io"
	"strings"

	"rtmtgrab/internal/evidence"
)

// phoneLines is the most phones that README.txt and Describe list one by one.
const phoneLines = 40

// registration gives the verdict on the phones in words.
func (r *readme) registration() {
	reg := r.m.Registration
	if reg == nil {
		return
	}
	r.p.title("What the REGISTER messages show")
	r.p.para("", printable(reg.Summary))
	for i, p := range reg.Phones {
		if i == phoneLines {
			break
		}
		r.p.item(phoneLine(p))
		if p.Advice != "" {
			r.p.para("    ", "next: "+printable(p.Advice))
		}
	}
	if s := morePhones(reg); s != "" {
		r.p.item(s)
	}
	if len(reg.Phones) > 0 {
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

// phoneLine is "[likely] SEP00EBD5D5D8C6: one sentence".
func phoneLine(p evidence.PhoneRegistration) string {
	s := printable(p.Summary)
	if s == "" {
		s = spaced(p.Verdict)
	}
	if p.Device != "" && !strings.Contains(s, p.Device) {
		s = printable(p.Device) + ": " + s
	}
	if p.Confidence != "" {
		s = "[" + spaced(p.Confidence) + "] " + s
	}
	return s
}

// spaced is a word of the manifest for people.
func spaced(s string) string { return strings.ReplaceAll(printable(s), "_", " ") }

// morePhones says what the list of phones leaves out.
func morePhones(reg *evidence.Registration) string {
	var parts []string
	if n := reg.More + max(len(reg.Phones)-phoneLines, 0); n > 0 {
		parts = append(parts, fmt.Sprintf("%s that something happened to, in the report", plural(n, "more phone")))
	}
	if reg.Healthy > 0 {
		parts = append(parts, plural(reg.Healthy, "phone")+" stayed registered")
	}
	if reg.Unknown > 0 {
		parts = append(parts, "nothing can be said of "+plural(reg.Unknown, "more phone"))
	}
	return strings.Join(parts, "; ")
}

// describeRegistration is the same for `grab show`.
func describeRegistration(w io.Writer, reg *evidence.Registration) {
	if reg == nil {
		return
	}
	fmt.Fprintf(w, "\nWhat the REGISTER messages show\n  %s\n", printable(reg.Summary))
	for i, p := range reg.Phones {
		if i == phoneLines {
			break
		}
		fmt.Fprintf(w, "  %s\n", phoneLine(p))
	}
	if s := morePhones(reg); s != "" {
		fmt.Fprintf(w, "  %s\n", s)
	}
}
