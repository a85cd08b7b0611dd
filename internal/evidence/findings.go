package evidence

import (
	"fmt"
	"strings"
)

// A Finding is one line of what a Registration says, below the sentence on the whole.
// Its text is as foreign as what it was made of.
type Finding struct {
	Depth int // 0: something that happened, or a phone; deeper: what belongs to it
	Text  string
}

const (
	maxNamed    = 10 // phones of a group that are named in its list
	maxFindings = 40 // groups, and phones that are in none or differ from their group
)

// Findings say each thing once: of each group its sentence, its advice and its phones
// as a list; of a phone only what its group does not say. Every statement has its
// confidence in brackets before it. The last one counts what is left out.
func (r *Registration) Findings() []Finding {
	w := findings{reg: r, in: map[string]bool{}, phones: map[string]*PhoneRegistration{}}
	for i := range r.Phones {
		w.phones[r.Phones[i].Device] = &r.Phones[i]
	}
	for i := range r.Groups {
		w.group(&r.Groups[i])
	}
	advice := map[string]bool{}
	for i := range r.Phones {
		p := &r.Phones[i]
		if w.in[p.Device] {
			continue
		}
		if w.n++; w.n > maxFindings {
			w.left++
			continue
		}
		w.phone(p, 0)
		if p.Advice != "" && !advice[p.Advice] {
			w.add(1, "next: "+p.Advice)
			advice[p.Advice] = true
		}
	}
	w.past()
	if s := w.rest(); s != "" {
		w.add(0, s)
	}
	return w.out
}

// past are the phones of earlier bundles of which these logs show nothing.
func (w *findings) past() {
	for _, b := range w.reg.Before {
		if w.phones[b.Device] != nil {
			continue // it is told with its statements
		}
		if w.n++; w.n > maxFindings {
			w.left++
			continue
		}
		w.add(0, sure(b.Confidence)+b.Summary)
	}
}

type findings struct {
	reg    *Registration
	out    []Finding
	phones map[string]*PhoneRegistration
	in     map[string]bool // phones of groups
	n      int             // groups and phones so far
	left   int             // phones that are left out
	listed int             // phones in groups that Phones leaves out
}

func (w *findings) add(depth int, text string) { w.out = append(w.out, Finding{depth, text}) }

func (w *findings) group(g *RegistrationGroup) {
	for _, d := range g.Devices {
		w.in[d] = true
		if w.phones[d] == nil {
			w.listed++
		}
	}
	w.listed += g.More
	if w.n++; w.n > maxFindings {
		w.left += len(g.Devices) + g.More
		return
	}
	w.add(0, sure(g.Confidence)+g.Summary)
	if g.Advice != "" {
		w.add(1, "next: "+g.Advice)
	}
	if p := w.phones[g.first()]; len(g.Devices)+g.More != 1 || p == nil || len(p.Statements) == 0 {
		w.add(1, g.names()) // else its statements name it
	}
	for _, d := range g.Devices {
		p := w.phones[d]
		if p == nil || len(p.Statements) == 0 {
			continue // the group says it
		}
		if w.n++; w.n <= maxFindings {
			w.phone(p, 1)
		}
	}
}

func (g *RegistrationGroup) first() string {
	if len(g.Devices) == 0 {
		return ""
	}
	return g.Devices[0]
}

// names are the phones of a group: "30 phones: SEP…, SEP… and 20 more".
func (g *RegistrationGroup) names() string {
	n := len(g.Devices) + g.More
	s := "1 phone: "
	if n != 1 {
		s = fmt.Sprintf("%d phones: ", n)
	}
	named := g.Devices[:min(len(g.Devices), maxNamed)]
	s += strings.Join(named, ", ")
	if more := n - len(named); more > 0 {
		s += fmt.Sprintf(" and %d more", more)
	}
	return s
}

// phone says the statements on a phone; of a manifest that has none, its sentence.
func (w *findings) phone(p *PhoneRegistration, depth int) {
	all := p.Statements
	if len(all) == 0 {
		text := p.Summary
		if text == "" {
			text = strings.ReplaceAll(p.Verdict, "_", " ")
		}
		all = []Statement{{text, p.Confidence}}
	}
	for i, s := range all {
		text := s.Text
		if i == 0 && p.Device != "" && !strings.Contains(text, p.Device) {
			text = p.Device + ": " + text
		}
		w.add(depth+min(i, 1), sure(s.Confidence)+text)
	}
}

// sure is a confidence in brackets.
func sure(confidence string) string {
	if confidence == "" {
		return ""
	}
	return "[" + strings.ReplaceAll(confidence, "_", " ") + "] "
}

// rest says what is not listed.
func (w *findings) rest() string {
	var parts []string
	if n := w.left + max(w.reg.More-w.listed, 0); n > 0 {
		parts = append(parts, phones(n, "more phone")+" that something happened to, in the report")
	}
	if n := w.reg.Healthy; n > 0 {
		parts = append(parts, phones(n, "phone")+" stayed registered")
	}
	switch n := w.reg.Unknown; {
	case n > 0 && len(w.out) == 0 && len(parts) == 0:
		parts = append(parts, phones(n, "phone")+": not known")
	case n == 1:
		parts = append(parts, "the other phone: not known")
	case n > 0:
		parts = append(parts, fmt.Sprintf("the other %d: not known", n))
	}
	return strings.Join(parts, "; ")
}

func phones(n int, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %ss", n, one)
}
