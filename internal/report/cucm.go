package report

import (
	"fmt"
	"strings"

	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/registration"
)

// maxContradictions bounds those that the page lists together; each phone has its own.
const maxContradictions = 20

// Against are the contradictions between CUCM's own records and what the Expressways' logs
// suggest, as far as the page lists them.
func (p *page) Against() []registration.Contradiction {
	return p.Contradictions[:min(len(p.Contradictions), maxContradictions)]
}

// MoreAgainst is how many more there are.
func (p *page) MoreAgainst() int { return max(0, len(p.Contradictions)-maxContradictions) }

// cucmFacts are what CUCM itself says of a phone.
func cucmFacts(p *registration.Phone, c siteClock) []fact {
	all := []fact{{"By CUCM's own record", alarms(p, c)}, {"Which contradicts", strings.Join(p.Contradictions, " ")}}
	if said := p.CUCMPhone; said != nil {
		all = append(all, fact{"Lines, by CUCM", evidence.LineWords(said.Lines)}, fact{"Description", evidence.Printable(said.Description, 200)})
	}
	return all
}

// maxAlarms bounds the alarms that are listed of a phone.
const maxAlarms = 6

// alarms are the newest of CUCM's about the phone.
func alarms(p *registration.Phone, c siteClock) string {
	events := p.CUCMEvents
	var parts []string
	if n := len(events) - maxAlarms; n > 0 {
		parts, events = append(parts, fmt.Sprintf("%d earlier", n)), events[n:]
	}
	for i := range events {
		e := &events[i]
		s := strings.ReplaceAll(e.What, "_", " ") + " " + c.both(&e.Time) + ", " + e.Node
		if e.ReasonText != "" {
			s += " (" + e.ReasonText + ")"
		}
		parts = append(parts, s)
	}
	return strings.Join(parts, "; ")
}
