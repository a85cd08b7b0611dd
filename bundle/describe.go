package bundle

import (
	"bufio"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"rtmtgrab/internal/evidence"
)

// Describe writes what `grab show` prints: the incident, a table of hosts and
// families with their coverage, what is missing in words, and the timing. It
// is ASCII; times are in zone, nil is UTC, and in UTC.
func Describe(w io.Writer, m evidence.Manifest, zone *time.Location) error {
	out := bufio.NewWriter(w)
	c := newClock(zone)
	describeHead(out, m, c)
	describeTable(out, m, c)
	describeMissing(out, m, c)
	if s := clocksApart(m); s != "" {
		fmt.Fprintf(out, "\n%s\n", s)
	}
	describeRegistration(out, m.Registration)
	for i, n := range m.Notes {
		if i == 0 {
			fmt.Fprintf(out, "\nNotes\n")
		}
		fmt.Fprintf(out, "  %s\n", printable(n))
	}
	describeTiming(out, m.Timing, c)
	return out.Flush()
}

func describeHead(w io.Writer, m evidence.Manifest, c clock) {
	field := func(name, value string) {
		if value != "" {
			fmt.Fprintf(w, "%-9s %s\n", name, printable(value))
		}
	}
	field("Incident", m.Incident)
	field("Revision", fmt.Sprint(max(m.Revision, 1)))
	field("Site", m.Site)
	field("Coverage", string(m.Coverage))
	field("Asked", c.span(m.Asked.Since, m.Asked.Until))
	if m.Window != m.Asked {
		field("Cut", c.span(m.Window.Since, m.Window.Until))
	}
	field("Reason", m.Reason)
	field("Case", m.Case)
	for i, p := range m.PhonesNamed {
		if i < alertLines {
			field("Phone", p)
		}
	}
	for _, a := range firstAlerts(m.Alerts) {
		field("Alert", alertLine(a, c))
	}
	if n := len(m.Alerts) - alertLines; n > 0 {
		field("Alert", fmt.Sprintf("and %d more", n))
	}
}

func describeTable(w io.Writer, m evidence.Manifest, c clock) {
	fmt.Fprintln(w)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "HOST\tROLE\tFAMILY\tCOVERAGE\tSIZE\tRECORDS\tFIRST\tLAST\tBODIES")
	for _, h := range m.Hosts {
		for _, f := range h.Files {
			fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%d\t%s\t%s\t%s\n", printable(h.Host), dash(h.Role), printable(f.Family), dash(string(f.Coverage)),
				size(f.Bytes), f.Records, c.short(f.First), c.short(f.Last), dash(h.BodiesLogged))
		}
		if len(h.Files) == 0 {
			fmt.Fprintf(t, "%s\t%s\t-\t%s\t-\t-\t-\t-\t%s\n", printable(h.Host), dash(h.Role), dash(string(h.Coverage)), dash(h.BodiesLogged))
		}
	}
	t.Flush()
	first := "\n"
	for _, h := range m.Hosts {
		for _, s := range reached(h) {
			fmt.Fprintf(w, "%s%s: %s\n", first, printable(h.Host), s)
			first = ""
		}
	}
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return printable(s)
}

func (c clock) short(t *time.Time) string {
	if t == nil {
		return "-"
	}
	local := t.In(c.zone)
	return local.Format(day) + hms(local) + local.Format(" MST")
}

func describeMissing(w io.Writer, m evidence.Manifest, c clock) {
	said := false
	say := func(format string, args ...any) {
		if !said {
			fmt.Fprintf(w, "\nMissing\n")
			said = true
		}
		fmt.Fprintf(w, "  "+format+"\n", args...)
	}
	explained := map[string]bool{}
	for _, h := range m.Hosts {
		if h.Error != "" {
			say("%s: %s", printable(h.Host), printable(h.Error))
		}
		for _, f := range h.Files {
			for i, line := range missingSpans(f, c) {
				say("%s %s: %s", printable(h.Host), printable(f.Family), line)
				explained[f.Missing[i].Reason] = true
			}
		}
	}
	for _, h := range m.Hosts {
		for _, f := range h.Files {
			for _, s := range f.Missing {
				if explained[s.Reason] {
					explained[s.Reason] = false
					words := wordsOf(s.Reason)
					say("%s: %s %s", printable(s.Reason), words.means, words.next)
				}
			}
		}
	}
}

// describeTiming writes each step that happened, and how long after the first.
func describeTiming(w io.Writer, t evidence.Timing, c clock) {
	steps := []struct {
		name string
		at   time.Time
	}{
		{"alert", t.Alert}, {"mail", t.Mail}, {"seen", t.Seen}, {"claimed", t.Claimed},
		{"held", t.Held}, {"copied", t.Copied}, {"sealed", t.Sealed},
	}
	var first time.Time
	for _, s := range steps {
		if s.at.IsZero() {
			continue
		}
		if first.IsZero() {
			first = s.at
			fmt.Fprintf(w, "\nTiming\n  %-8s %s\n", s.name, c.at(s.at))
			continue
		}
		fmt.Fprintf(w, "  %-8s +%s\n", s.name, lasting(s.at.Sub(first)))
	}
}
