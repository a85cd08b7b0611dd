package bundle

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"rtmtgrab/internal/evidence"
)

// Readme writes README.txt: what an analyst must know before opening a log.
// It is ASCII, at most 100 columns wide, with plain line feeds (Notepad reads
// them since 2018, and one form verifies everywhere). Times are in zone, nil is
// UTC, and in UTC. Text that came from mails and hosts is made printable.
func Readme(w io.Writer, m evidence.Manifest, zone *time.Location) error {
	r := &readme{m: m, clock: newClock(zone), p: &page{w: w}}
	for _, part := range []func(){
		r.opening, r.secrets, r.registration, r.bodies, r.coverage, r.reasons, r.clocks, r.notes, r.alerts, r.elsewhere, r.contents, r.verifying,
	} {
		part()
	}
	return r.p.err
}

type readme struct {
	m evidence.Manifest
	clock
	p *page
}

func (r *readme) opening() {
	r.p.line(Name(r.m))
	r.p.blank()
	r.p.para("", r.whatHappened())
	r.p.para("", coverageSentence(r.m, r.clock))
}

func (r *readme) whatHappened() string {
	var s string
	if len(r.m.Alerts) == 0 {
		s = fmt.Sprintf("What happened: no alert; the logs of site %s were asked for by hand.", orUnknown(r.m.Site))
	} else {
		a := earliest(r.m.Alerts)
		s = fmt.Sprintf("What happened: RTMT raised %s on node %s of cluster %s at %s (site %s).",
			orUnknown(a.Name), orUnknown(a.Node), orUnknown(a.Cluster), r.at(a.Time), orUnknown(r.m.Site))
		if n := len(r.m.Alerts) - 1; n > 0 {
			s += fmt.Sprintf(" %s joined it, see below.", plural(n, "more alert"))
		}
	}
	if r.m.Reason != "" {
		s += " Reason given: " + fullStop(printable(r.m.Reason))
	}
	if r.m.Case != "" {
		s += " Case: " + fullStop(printable(r.m.Case))
	}
	if len(r.m.PhonesNamed) > 0 {
		s += " Phones named: " + printable(strings.Join(r.m.PhonesNamed, ", ")) + "."
	}
	return s
}

func fullStop(s string) string { return strings.TrimRight(s, ". ") + "." }

func earliest(alerts []evidence.Alert) evidence.Alert {
	return slices.MinFunc(alerts, func(a, b evidence.Alert) int { return a.Time.Compare(b.Time) })
}

func (r *readme) secrets() {
	var n int64
	for _, h := range r.m.Hosts {
		n += h.Credentials
	}
	what := "CAUTION: this bundle contains credentials: "
	if n == 0 {
		what = "CAUTION: treat this bundle as one that contains credentials, though none were counted: "
	}
	r.p.para("", what+fmt.Sprintf("%d Authorization headers (Proxy-Authorization among them; digest answers, tokens) are in its logs,"+
		" and personal data: user names, directory numbers, device names, addresses, who called whom."+
		" Give it only to those who need it, and delete it when the case is closed.", n))
}

func (r *readme) bodies() {
	r.p.title("Were SIP bodies logged?")
	all := true
	for _, h := range r.m.Hosts {
		r.p.item(fmt.Sprintf("%s: %s", printable(h.Host), orUnknown(h.BodiesLogged)))
		all = all && h.BodiesLogged == "yes"
	}
	r.p.blank()
	if all && len(r.m.Hosts) > 0 {
		return
	}
	r.p.para("", "Where they were not, network_log has one line per SIP message, without Contact, Expires, Reason and body. From such"+
		" a log no statement can be made whether a phone registered with one line or with all (the bulk register): \"no bulk register\""+
		" must not be read into it. To have bodies logged next time, set the network log of module network.sip to DEBUG on the Expressway"+
		" (Maintenance > Diagnostics > Advanced > Network Log configuration). The logs then wrap sooner; set it back to INFO afterwards.")
}

func (r *readme) coverage() {
	r.p.title("What there is, host by host")
	if r.m.Window != r.m.Asked {
		r.p.para("", "Coverage is judged against the window that was asked for; what was cut is wider or shifted, for the clocks' sake: "+
			r.span(r.m.Window.Since, r.m.Window.Until)+".")
	}
	for _, h := range r.m.Hosts {
		r.p.item(hostTitle(h))
		if h.Error != "" {
			r.p.para("    ", "error: "+printable(h.Error))
		}
		for _, s := range reached(h) {
			r.p.para("    ", s)
		}
		for _, f := range h.Files {
			r.p.para("    ", r.fileLine(f))
			if s := r.depthLine(f); s != "" {
				r.p.para("      ", s)
			}
			for _, line := range missingSpans(f, r.clock) {
				r.p.para("      ", line)
			}
		}
		for _, n := range h.Notes {
			r.p.para("    ", "note: "+printable(n))
		}
	}
	r.p.blank()
}

// reached says what is unusual about how a host was reached.
func reached(h evidence.Host) []string {
	var lines []string
	if h.Transport == evidence.TransportCommands {
		lines = append(lines, "read by commands over SSH, for the host refuses SFTP")
	}
	if len(h.Via) > 0 {
		lines = append(lines, "reached through "+printable(strings.Join(h.Via, ", ")))
	}
	if len(h.Legacy) > 0 {
		lines = append(lines, "legacy algorithms in use: "+printable(strings.Join(h.Legacy, ", ")))
	}
	return lines
}

func hostTitle(h evidence.Host) string {
	var where []string
	if h.Role != "" {
		where = append(where, "Expressway-"+printable(h.Role))
	}
	if h.Address != "" {
		where = append(where, printable(h.Address))
	}
	s := printable(h.Host)
	if len(where) > 0 {
		s += " (" + strings.Join(where, ", ") + ")"
	}
	return s + ": " + orUnknown(string(h.Coverage))
}

func (r *readme) fileLine(f evidence.File) string {
	s := fmt.Sprintf("%s: %s", printable(f.Family), orUnknown(string(f.Coverage)))
	if f.Path == "" {
		return s + ", no file"
	}
	s += ", " + size(f.Bytes)
	if f.First == nil || f.Last == nil {
		return s + ", no record in the window"
	}
	return fmt.Sprintf("%s, %d records, %s", s, f.Records, r.span(*f.First, *f.Last))
}

// depthLine says how long the host keeps such records.
func (r *readme) depthLine(f evidence.File) string {
	if f.Oldest == nil {
		return ""
	}
	s := "the host's log went back " + (time.Duration(f.DepthS) * time.Second).String()
	if f.BytesPerMinute > 0 {
		s += ", " + size(f.BytesPerMinute) + " a minute"
	}
	if f.Overwritten != nil {
		s += "; at that rate the minutes asked for are overwritten from " + r.at(*f.Overwritten) + " on"
	}
	return s
}

func (r *readme) reasons() {
	var seen []string
	for _, h := range r.m.Hosts {
		for _, f := range h.Files {
			for _, s := range f.Missing {
				if !slices.Contains(seen, s.Reason) && len(seen) < 20 {
					seen = append(seen, s.Reason)
				}
			}
		}
	}
	if len(seen) == 0 {
		return
	}
	slices.Sort(seen)
	r.p.title("Why parts are missing, and what to do")
	for _, reason := range seen {
		w := wordsOf(reason)
		r.p.item(fmt.Sprintf("%s: %s %s", orUnknown(reason), w.means, w.next))
	}
	r.p.blank()
}

func (r *readme) clocks() {
	r.p.title("Clocks")
	measured := true
	for _, h := range r.m.Hosts {
		r.p.item(clockLine(h))
		measured = measured && h.ClockOffsetMS != nil
	}
	r.p.blank()
	if !measured {
		r.p.para("", "Where the clock was not measured, the cut was not shifted but widened by the uncertainty, at most 60 s.")
	}
	if s := clocksApart(r.m); s != "" {
		r.p.para("", s)
	}
}

func clockLine(h evidence.Host) string {
	name := printable(h.Host)
	if h.ClockOffsetMS == nil {
		return name + ": not measured"
	}
	ms := *h.ClockOffsetMS
	d := lasting(time.Duration(ms) * time.Millisecond)
	switch {
	case ms < 0:
		return fmt.Sprintf("%s: %s behind the collector, measured (%s)", name, strings.TrimPrefix(d, "-"), orUnknown(h.ClockFrom))
	case ms > 0:
		return fmt.Sprintf("%s: %s ahead of the collector, measured (%s)", name, d, orUnknown(h.ClockFrom))
	}
	return fmt.Sprintf("%s: the same as the collector's, measured (%s)", name, orUnknown(h.ClockFrom))
}

func (r *readme) notes() {
	if len(r.m.Notes) == 0 {
		return
	}
	r.p.title("Notes")
	for _, n := range r.m.Notes {
		r.p.item(printable(n))
	}
	r.p.blank()
}
