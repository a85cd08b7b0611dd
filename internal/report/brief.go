package report

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/human"
	"rtmtgrab/internal/registration"
)

// VerdictLine is the verdict and its sentence.
func VerdictLine(reg *evidence.Registration, clock human.Clock) string {
	return evidence.Printable(reg.Verdict, 50) + ": " + clock.Say(evidence.Printable(reg.Summary, 1500))
}

// ClockOf writes times as the site of a report has them.
func ClockOf(rep *registration.Report) human.Clock {
	c := newSiteClock(rep)
	return human.Clock{Zone: c.zone, Near: c.near}
}

// maxBrief bounds the phones in a manifest, and those of a group in it.
const maxBrief = 200

// Brief is what a manifest says of a report.
func Brief(rep *registration.Report) *evidence.Registration {
	b := &evidence.Registration{Verdict: rep.Verdict, Summary: rep.Summary, Phones: []evidence.PhoneRegistration{}, Notes: slices.Concat([]string{}, rep.Notes), Before: rep.Before}
	of := briefGroups(rep, b)
	most := standings(of, rep)
	for i := range rep.Phones {
		p := &rep.Phones[i]
		switch {
		case p.Named || happened(p) || of[p] != nil:
			if len(b.Phones) == maxBrief {
				b.More++
				continue
			}
			out := evidence.PhoneRegistration{Device: phoneName(p), Verdict: p.Verdict, Cause: p.Cause, Confidence: p.Confidence, At: p.At, Summary: p.Summary, Advice: p.Advice, PRTAsked: p.PRTAsked}
			out.Statements = sayings(p, most[of[p]])
			b.Phones = append(b.Phones, out)
		case p.Verdict == registration.PhoneRegistered:
			b.Healthy++
		default:
			b.Unknown++
		}
	}
	return b
}

// briefGroups enters the groups, and tells of which one a phone is.
func briefGroups(rep *registration.Report, b *evidence.Registration) map[*registration.Phone]*registration.Group {
	named := map[string]*registration.Phone{}
	for i := range rep.Phones {
		p := &rep.Phones[i]
		for _, name := range slices.Concat([]string{p.Device, p.MAC}, p.CallIDs) {
			if name != "" && named[name] == nil {
				named[name] = p
			}
		}
	}
	of := map[*registration.Phone]*registration.Group{}
	for i := range rep.Groups {
		g := &rep.Groups[i]
		out := evidence.RegistrationGroup{Verdict: g.Verdict, Cause: g.Cause, Confidence: g.Confidence, At: g.At, First: g.First, Last: g.Last,
			Devices: []string{}, Summary: g.Summary, Advice: g.Advice}
		for _, d := range g.Devices {
			if p := named[d]; p != nil {
				of[p], d = g, phoneName(p)
			}
			if len(out.Devices) == maxBrief {
				out.More++
				continue
			}
			out.Devices = append(out.Devices, d)
		}
		b.Groups = append(b.Groups, out)
	}
	return of
}

// sayings are the single claims on a phone; none where its group says all of it but its
// times: it is as most phones of a group of several are, and nobody asked for it.
func sayings(p *registration.Phone, most standing) []evidence.Statement {
	if !p.Named && most.n > 1 && most.verdict == p.Verdict && most.confidence == p.Confidence {
		return nil
	}
	var out []evidence.Statement
	for _, s := range p.Statements {
		out = append(out, evidence.Statement{Text: s.Text, Confidence: s.Confidence})
	}
	return out
}

// A standing is how most phones of a group stand, and how many these are.
type standing struct {
	verdict, confidence string
	n                   int
}

func standings(of map[*registration.Phone]*registration.Group, rep *registration.Report) map[*registration.Group]standing {
	n := map[*registration.Group]map[standing]int{}
	most := map[*registration.Group]standing{}
	for i := range rep.Phones { // in order: of two that are as many the first counts
		p := &rep.Phones[i]
		g := of[p]
		if g == nil {
			continue
		}
		if n[g] == nil {
			n[g] = map[standing]int{}
		}
		s := standing{p.Verdict, p.Confidence, 0}
		if n[g][s]++; n[g][s] > most[g].n {
			most[g] = standing{s.verdict, s.confidence, n[g][s]}
		}
	}
	return most
}

// happened reports whether there is something to say of a phone that nobody named.
func happened(p *registration.Phone) bool {
	if p.Before != nil {
		return true
	}
	switch p.Verdict {
	case registration.PhoneRegistered:
		return false
	case registration.VerdictUnknown:
		return p.At != nil || p.LostAt != nil
	}
	return true
}

func phoneName(p *registration.Phone) string {
	for _, names := range [][]string{{p.Device, p.MAC}, p.Numbers, p.CallIDs} {
		for _, n := range names {
			if n != "" {
				return n
			}
		}
	}
	return ""
}

// PrintFindings says each thing once, with how certain it is, below the sentence on the
// whole; before stands in front of every line.
func PrintFindings(w io.Writer, reg *evidence.Registration, clock human.Clock, before string) {
	for _, f := range reg.Findings() {
		if f.Depth == 0 && before == "" {
			fmt.Fprintln(w)
		}
		fmt.Fprintf(w, "%s%s%s\n", before, strings.Repeat("  ", f.Depth), clock.Say(evidence.Printable(f.Text, 2000)))
	}
}
