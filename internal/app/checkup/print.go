package checkup

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"rtmtgrab/internal/human"
	"rtmtgrab/internal/terminal"
)

// A Printer shows findings to people: what is well or failed at once; at the end the
// warnings, each once however many hosts and logs it is true of, and what failed once more.
type Printer struct {
	Out   io.Writer
	Paint terminal.Paint

	lost error // the first that could not be written
}

// Show shows a finding as soon as it is known, but for a warning. columns is how wide the
// hosts' names are.
func (p *Printer) Show(f Finding, columns int) {
	if f.Status != StatusWarn {
		p.line(f, columns)
	}
}

// Conclude ends a check that found all this. Its error is that not all of it could be shown.
func (p *Printer) Conclude(all []Finding) error {
	for _, s := range fold(all, StatusWarn) {
		p.said(s)
	}
	failed := fold(all, StatusFail)
	if len(failed) == 0 {
		return p.lost
	}
	p.printf("\nFailed:\n")
	for _, s := range failed {
		p.said(s)
	}
	return p.lost
}

func (p *Printer) printf(format string, a ...any) {
	if _, err := fmt.Fprintf(p.Out, format, a...); err != nil && p.lost == nil {
		p.lost = err
	}
}

func (p *Printer) line(f Finding, columns int) {
	p.printf("%s  %-*s  %-13s  %s\n", p.mark(f.Status), columns, human.Dash(f.Host), f.What, human.Local().Say(f.Detail))
	p.hint(f.Hint)
}

func (p *Printer) hint(s string) {
	if s != "" {
		p.printf("      hint: %s\n", s)
	}
}

// mark is a status in its colour.
func (p *Printer) mark(status string) string {
	padded := fmt.Sprintf("%-4s", status)
	switch status {
	case StatusOK:
		return p.Paint.Good(padded)
	case StatusWarn:
		return p.Paint.Warn(padded)
	}
	return p.Paint.Bad(padded)
}

// said prints findings that have one hint in common.
func (p *Printer) said(s *saying) {
	f := s.list[0]
	if len(s.list) == 1 {
		p.line(f, 1)
		return
	}
	var hosts, what []string
	for _, f := range s.list {
		hosts, what = addOnce(hosts, human.Dash(f.Host)), addOnce(what, f.What)
	}
	p.printf("%s  %s  %s", p.mark(f.Status), strings.Join(hosts, ", "), strings.Join(what, ", "))
	switch details := s.details(); {
	case f.KeepsS > 0:
		p.printf("  %s\n", s.kept(len(hosts)))
	case len(details) == 1:
		p.printf("  %s\n", human.Local().Say(f.Detail))
	default:
		p.printf("\n")
		for _, d := range details {
			p.printf("      %s\n", d)
		}
	}
	p.hint(f.Hint)
}

// A saying is findings with one status and one hint; without a hint, with one detail.
type saying struct{ list []Finding }

// fold joins the findings of a status, in their order.
func fold(all []Finding, status string) (out []*saying) {
	by := map[string]*saying{}
	for _, f := range all {
		if f.Status != status {
			continue
		}
		key := fmt.Sprint(f.KeepsS > 0, f.Hint)
		if f.Hint == "" {
			key = f.What + "\x00" + f.Detail
		} else if f.KeepsS == 0 {
			key += f.What
		}
		if by[key] == nil {
			by[key] = &saying{}
			out = append(out, by[key])
		}
		by[key].list = append(by[key].list, f)
	}
	return out
}

// details are the findings' own words, each once with its hosts.
func (s *saying) details() (lines []string) {
	by := map[string][]string{}
	var order []string
	for _, f := range s.list {
		if by[f.Detail] == nil {
			order = append(order, f.Detail)
		}
		by[f.Detail] = addOnce(by[f.Detail], human.Dash(f.Host))
	}
	for _, d := range order {
		lines = append(lines, strings.Join(by[d], ", ")+": "+d)
	}
	return lines
}

// kept is how far back logs reach that do not reach far enough: "12 logs of 4 hosts keep 5
// min to 12 min".
func (s *saying) kept(hosts int) string {
	least, most := s.list[0].KeepsS, s.list[0].KeepsS
	for _, f := range s.list {
		least, most = min(least, f.KeepsS), max(most, f.KeepsS)
	}
	span := human.Span(time.Duration(least) * time.Second)
	if most > least {
		span += " to " + human.Span(time.Duration(most)*time.Second)
	}
	return fmt.Sprintf("%s of %s keep %s", human.Plural(len(s.list), "log"), human.Plural(hosts, "host"), span)
}

func addOnce(list []string, s string) []string {
	if slices.Contains(list, s) {
		return list
	}
	return append(list, s)
}
